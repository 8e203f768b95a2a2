#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "baselines/baseline.h"
#include "core/file.h"
#include "core/text.h"
#include "results/record.h"
#include "results/run_folder.h"
#include "tests/runners/program.h"

namespace windtunnel::runners {
namespace {

namespace fs = std::filesystem;
using testing::scratch;
using testing::tiny_data;
using testing::windtunnel;

std::string write_grid(const std::string& name, const std::string& text) {
  const fs::path path = scratch() / name;
  std::ofstream(path) << text << "data: " << tiny_data().string() << "\n";
  return path.string();
}

TEST(Sweep, EveryModelUnderEverySettingAndProtocolEndsOnOneLeaderboard) {
  std::vector<std::string> models;
  for (const auto& name : baselines::registry().names())
    if (baselines::registry().at(name).origin == "built in") models.push_back(name);
  const std::vector<std::string> settings{"simulated", "real", "finetune"};
  const std::string grid = write_grid(
      "all.yaml",
      "baseline: [" + core::join(models, ", ") +
          "]\nsetting: [simulated, real, finetune]\nprotocol: [published, corrected]\npreset: tiny\n"
          "updates: 2\nset: [training.validation_points=1, training.validation_windows=2]\n");
  const fs::path runs = scratch() / "all";
  const auto swept = windtunnel("sweep " + grid + " --jobs 2 --quiet --out " + runs.string());
  ASSERT_EQ(swept.exit_code, 0) << swept.output;
  size_t records = 0;
  for (const auto& model : models)
    for (const auto& setting : settings)
      for (const char* protocol : {"published", "corrected"}) {
        const fs::path folder = runs / (model + "-" + protocol + "-" + setting);
        ASSERT_TRUE(fs::exists(results::RunFolder{folder}.record())) << folder;
        const auto record = results::read_record(results::RunFolder{folder}.record());
        EXPECT_EQ(record.at("status").at("state"), "complete") << folder;
        EXPECT_EQ(record.at("dataset").at("test_sha256").get<std::string>().size(), 64u);
        ++records;
      }
  const fs::path site = scratch() / "all-site";
  const auto built = windtunnel("leaderboard build " + runs.string() + " --out " + site.string());
  ASSERT_EQ(built.exit_code, 0) << built.output;
  const std::string page = core::read_file(site / "index.html");
  for (const auto& model : models) EXPECT_NE(page.find(model), std::string::npos) << model;
  EXPECT_GE(records, 6 * models.size());
}

TEST(Sweep, OneRunOfManyAndASlurmArray) {
  const std::string grid =
      write_grid("two.yaml", "baseline: [persistence, mean]\nsetting: real\npreset: tiny\n");
  const fs::path runs = scratch() / "two", script = scratch() / "two.sh";
  const auto written =
      windtunnel("sweep " + grid + " --out " + runs.string() + " --slurm " + script.string());
  ASSERT_EQ(written.exit_code, 0) << written.output;
  EXPECT_FALSE(fs::exists(runs));
  EXPECT_NE(core::read_file(script).find("#SBATCH --array=0-1"), std::string::npos);
  // What the scheduler does for task 1.
  const auto task = testing::shell("SLURM_ARRAY_TASK_ID=1 bash " + script.string());
  ASSERT_EQ(task.exit_code, 0) << task.output;
  EXPECT_TRUE(fs::exists(runs / "mean" / "record.json"));
  EXPECT_FALSE(fs::exists(runs / "persistence"));
  EXPECT_EQ(windtunnel("sweep " + grid + " --only 2 --out " + runs.string()).exit_code, 2);
}

TEST(Sweep, ARunThatFailsDoesNotStopTheOthers) {
  const std::string grid = write_grid(
      "bad.yaml", "baseline: [persistence, fno]\nset: [training.seed=1]\nweights: [missing.pth]\n");
  const auto swept = windtunnel("sweep " + grid + " --quiet --out " + (scratch() / "bad").string());
  EXPECT_EQ(swept.exit_code, 1);
  EXPECT_NE(swept.output.find("2 failed"), std::string::npos) << swept.output;
  const std::string typo = write_grid("typo.yaml", "baselin: [fno]\n");
  const auto refused = windtunnel("sweep " + typo + " --out " + (scratch() / "typo").string());
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.output.find("baseline"), std::string::npos) << refused.output;
}

}  // namespace
}  // namespace windtunnel::runners
