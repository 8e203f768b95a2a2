#include <gtest/gtest.h>

#include "core/file.h"
#include "core/json.h"
#include "tests/runners/program.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

using testing::scratch;
using testing::tiny_data;
using testing::windtunnel;

const std::string kPictures = std::string(WINDTUNNEL_GOLDEN) + "/lab/";

TEST(DataVerbs, GapWritesOnePageAndNumbers) {
  const fs::path out = scratch() / "gap";
  const auto outcome =
      windtunnel("data gap cylinder --data " + tiny_data().string() + " --out " + out.string());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const std::string page = core::read_file(out / "gap.html");
  for (const char* part : {"Synthetic", "Spectrum in time of u", "Distribution of v",
                           "data:image/png;base64,", "mean of u, simulated - measured"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  EXPECT_EQ(page.find("src=\"http"), std::string::npos);  // nothing is loaded
  const core::Json numbers = core::read_json((out / "gap.json").string());
  EXPECT_GT(numbers["mean"]["mean_gap"], 0);
  EXPECT_EQ(numbers["synthetic"], true);
  EXPECT_EQ(windtunnel("data gap cylinder --data " + (scratch() / "nothing").string()).exit_code, 3);
}

TEST(DataVerbs, PlotWritesAPictureOfBothSides) {
  const fs::path out = scratch() / "plots";
  const std::string start = "data plot cylinder --data " + tiny_data().string() + " --out " + out.string();
  ASSERT_EQ(windtunnel(start + " --frames 3").exit_code, 0);
  EXPECT_NE(core::read_file(out / "animation.png").find("acTL"), std::string::npos);
  ASSERT_EQ(windtunnel(start + " --fields p,vorticity --frames 1 --start 5").exit_code, 0);
  EXPECT_EQ(core::read_file(out / "frame_00005.png").substr(1, 3), "PNG");
  EXPECT_EQ(windtunnel(start + " --fields q").exit_code, 2);
}

TEST(DataVerbs, PivMakesAScenario) {
  const std::string out = (scratch() / "mine").string();
  const std::string pair = kPictures + "shear_a.pgm " + kPictures + "shear_b.pgm ";
  const auto outcome = windtunnel("data piv " + pair + pair + pair + pair + "--name shear --out " + out);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("11 x 15 vectors in px"), std::string::npos) << outcome.output;
  EXPECT_EQ(windtunnel("data verify shear --data " + out).exit_code, 0);
  EXPECT_EQ(windtunnel("data info shear --data " + out).exit_code, 0);
  EXPECT_EQ(
      windtunnel("data piv " + kPictures + "golden.json " + kPictures + "golden.json --out " + out).exit_code,
      3);
  EXPECT_EQ(windtunnel("data piv " + kPictures + "shear_a.pgm --out " + out).exit_code, 2);
}

TEST(DataVerbs, PhysicsRunsOneGroup) {
  const auto outcome = windtunnel("data physics flame");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("3 of 3 values within tolerance"), std::string::npos) << outcome.output;
  EXPECT_EQ(windtunnel("data physics flames").exit_code, 2);
}

TEST(DataVerbs, PublishedDataAreAnnouncedBeforeAnythingIsMade) {
  const fs::path out = scratch() / "published";
  const auto outcome = windtunnel("data make combustion --size published --estimate --out " + out.string());
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.output.find("30 pairs of 2001 frames of combustion: about"), std::string::npos)
      << outcome.output;
  EXPECT_FALSE(fs::exists(out));
}

}  // namespace
}  // namespace windtunnel::runners
