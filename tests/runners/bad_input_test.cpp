#include <gtest/gtest.h>

#include <fstream>

#include "tests/runners/program.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

using testing::Outcome;
using testing::scratch;
using testing::tiny_data;
using testing::windtunnel;

std::string arguments(const fs::path& data, const std::string& out, const std::string& extra = "") {
  return "run --quiet --scenario cylinder --baseline fno --preset tiny --setting real --updates 2 --data " +
         data.string() + " --out " + (scratch() / out).string() + " " + extra;
}

/// One message ("error: ..." first), the exit code of its kind, and no run folder with a record.
void expect_refused(const Outcome& outcome, int exit_code, const std::string& text,
                    const std::string& out = "") {
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.output;
  EXPECT_EQ(outcome.output.rfind("error: ", 0), 0u) << outcome.output;
  EXPECT_NE(outcome.output.find(text), std::string::npos) << outcome.output;
  EXPECT_EQ(outcome.output.find("terminate called"), std::string::npos) << outcome.output;
  if (!out.empty()) {
    EXPECT_FALSE(fs::exists(scratch() / out / "record.json"));
  }
}

/// A copy of the tiny data that a test may damage.
fs::path copied_data(const std::string& name) {
  const fs::path copy = scratch() / name;
  fs::copy(tiny_data(), copy, fs::copy_options::recursive);
  return copy;
}

fs::path first_file(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files.at(0);
}

TEST(BadInput, MissingDataFolder) {
  expect_refused(windtunnel(arguments(scratch() / "nowhere", "b1")), 3, "nowhere", "b1");
}

TEST(BadInput, UnknownNames) {
  expect_refused(windtunnel("rum"), 2, "run");
  expect_refused(windtunnel(arguments(tiny_data(), "b2", "--baseline fmo")), 2, "fno", "b2");
  expect_refused(windtunnel(arguments(tiny_data(), "b2", "--scenario cilinder")), 2, "cylinder", "b2");
  expect_refused(windtunnel(arguments(tiny_data(), "b2", "--set training.learning_rat=1")), 2,
                 "learning_rate", "b2");
  expect_refused(windtunnel(arguments(tiny_data(), "b2", "--set model.width=wide")), 2, "width", "b2");
}

TEST(BadInput, TruncatedTrajectory) {
  const fs::path data = copied_data("truncated");
  const fs::path file = first_file(data / "cylinder" / "real");
  fs::resize_file(file, fs::file_size(file) / 3);
  expect_refused(windtunnel(arguments(data, "b3")), 3, file.filename().string(), "b3");
}

TEST(BadInput, NotANumberInTheData) {
  const fs::path data = copied_data("nan");
  for (const auto& entry : fs::directory_iterator(data / "cylinder" / "real")) {
    // Contiguous float32 fields lie at the end of the file; NaN into its last quarter.
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<std::streamoff>(fs::file_size(entry.path()));
    const std::string nans(64, '\xff');
    for (std::streamoff at = size / 4; at + 64 < size; at += 4096) {
      file.seekp(at / 4 * 4);
      file.write(nans.data(), 64);
    }
  }
  const Outcome outcome = windtunnel(arguments(data, "b4"));
  expect_refused(outcome, 3, ".h5", "b4");
}

TEST(BadInput, CheckpointOfAnotherShape) {
  ASSERT_EQ(windtunnel(arguments(tiny_data(), "b5")).exit_code, 0);
  const std::string weights = (scratch() / "b5" / "weights.safetensors").string();
  const Outcome outcome =
      windtunnel("eval --quiet --baseline fno --preset tiny --set model.width=10 --weights " + weights +
                 " --data " + tiny_data().string() + " --out " + (scratch() / "b6").string());
  expect_refused(outcome, 4, "shape", "b6");
  std::ofstream(scratch() / "junk.pth") << "this is no checkpoint";
  expect_refused(
      windtunnel("eval --quiet --baseline fno --preset tiny --weights " + (scratch() / "junk.pth").string() +
                 " --data " + tiny_data().string() + " --out " + (scratch() / "b7").string()),
      3, "junk.pth", "b7");
}

TEST(BadInput, FolderThatCannotBeWritten) {
  std::ofstream(scratch() / "file") << "x";
  expect_refused(windtunnel(arguments(tiny_data(), "file/run")), 5, "file");
}

TEST(BadInput, FullDisk) {
  // A file-size limit stands for the full disk: the write fails in the same place with another reason.
  const Outcome outcome = windtunnel(arguments(tiny_data(), "b8"), "trap '' XFSZ; ulimit -f 40; ");
  expect_refused(outcome, 5, "b8", "b8");
  for (const auto& entry : fs::recursive_directory_iterator(scratch() / "b8"))
    EXPECT_NE(entry.path().extension(), ".part") << entry.path();
}

TEST(BadInput, MissingSideIsSaid) {
  const fs::path data = copied_data("one_side");
  fs::remove_all(data / "cylinder" / "numerical");
  expect_refused(windtunnel(arguments(data, "b9", "--setting simulated")), 3, "numerical", "b9");
}

TEST(BadInput, LossThatIsNotFiniteStopsTheRun) {
  const Outcome outcome =
      windtunnel(arguments(tiny_data(), "b10", "--set training.learning_rate=1e30 --updates 30"));
  expect_refused(outcome, 4, "loss", "b10");
}

}  // namespace
}  // namespace windtunnel::runners
