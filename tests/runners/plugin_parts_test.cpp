#include <gtest/gtest.h>

#include <algorithm>

#include "core/file.h"
#include "core/json.h"
#include "results/record.h"
#include "results/run_folder.h"
#include "tests/runners/program.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

using testing::scratch;
using testing::shell;
using testing::tiny_data;
using testing::windtunnel;

std::string library(const std::string& name) { return std::string(WINDTUNNEL_PLUGINS) + "/" + name + ".so"; }
const std::string kRawFlow = "--plugin " + library("raw_flow") + " ";

/// The way in which plugins/odd_parts.cpp misbehaves.
std::string odd(const std::string& way) { return "WINDTUNNEL_TEST_ODD=" + way + " "; }

/// The example's data, written by its script once.
fs::path eddies() {
  static const fs::path data = [] {
    const fs::path made = scratch() / "eddies-data";
    const auto outcome =
        shell("python3 " WINDTUNNEL_SOURCE "/examples/raw_flow/make_data.py " + made.string());
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return made;
  }();
  return data;
}

/// One trained run of the example's model on the example's data.
fs::path example_run() {
  static const fs::path folder = [] {
    const fs::path out = scratch() / "stepper";
    const auto run =
        windtunnel(kRawFlow +
                   "run --quiet --scenario eddies --baseline stepper --setting finetune --preset "
                   "tiny --data " +
                   eddies().string() + " --out " + out.string());
    EXPECT_EQ(run.exit_code, 0) << run.output;
    return out;
  }();
  return folder;
}

const core::Json& score(const core::Json& list, const std::string& id) {
  static const core::Json none;
  for (const auto& entry : list)
    if (entry.at("id") == id && entry.at("subset") == "all") return entry;
  return none;
}

TEST(PluginParts, TheExamplePassesItsCheckAndIsListedWithItsOrigin) {
  const auto checked = windtunnel("plugin check " + library("raw_flow"));
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  for (const char* line : {"ok      scenario eddies", "ok      metric enstrophy_error: direction",
                           "ok      format raw: empty folder", "ok      stepper: gradients"})
    EXPECT_NE(checked.output.find(line), std::string::npos) << line << "\n" << checked.output;
  for (const auto& [kind, name] : {std::pair("metrics", "enstrophy_error"), std::pair("formats", "raw"),
                                   std::pair("scenarios", "eddies"), std::pair("baselines", "stepper")}) {
    const core::Json listed = core::parse_json(windtunnel(kRawFlow + "ls --json " + kind).output, "ls")[kind];
    const auto line =
        std::find_if(listed.begin(), listed.end(), [&, &n = name](const auto& l) { return l["name"] == n; });
    ASSERT_NE(line, listed.end()) << kind;
    EXPECT_EQ((*line)["origin"], "raw_flow 0.1.0") << kind;
  }
}

TEST(PluginParts, MetricAndFormatAreInTheRecordWithTheirPlugin) {
  const core::Json record = results::read_record(example_run() / "record.json");
  const core::Json& mine = score(record["metrics"], "enstrophy_error");
  ASSERT_TRUE(mine.is_object());
  EXPECT_EQ(mine["plugin"], "raw_flow 0.1.0");
  EXPECT_EQ(mine["label"], "Enstrophy error");
  EXPECT_FALSE(mine["formula"].get<std::string>().empty());
  const core::Json& persistence = score(record["baselines"]["persistence"], "enstrophy_error");
  EXPECT_GT(persistence["value"].get<double>(), 0);
  EXPECT_EQ(record["dataset"]["format"], "raw");
  EXPECT_EQ(record["dataset"]["format_plugin"], "raw_flow 0.1.0");
  EXPECT_NE(record["command"].get<std::string>().find("--plugin raw_flow.so"), std::string::npos);
  EXPECT_FALSE(score(record["metrics"], "rmse").contains("plugin"));

  const auto rows = results::read_per_sample(example_run() / "per_sample.csv");
  ASSERT_EQ(rows.metrics.back(), "enstrophy_error");
  double sum = 0;
  for (const auto& row : rows.rows) sum += row.values.back();
  EXPECT_NEAR(sum / static_cast<double>(rows.rows.size()), mine["value"].get<double>(), 1e-12);

  // What the model learned: it beats repeating the last frame.
  EXPECT_LT(score(record["metrics"], "rmse")["value"].get<double>(),
            score(record["baselines"]["persistence"], "rmse")["value"].get<double>());
}

TEST(PluginParts, StoredForecastsGiveThePluginsScoreAgain) {
  const auto verified = windtunnel(kRawFlow + "verify " + (example_run() / "record.json").string());
  EXPECT_EQ(verified.exit_code, 0) << verified.output;
  EXPECT_NE(verified.output.find("predictions recomputed"), std::string::npos) << verified.output;
}

TEST(PluginParts, TheLeaderboardShowsTheMetricWithoutThePlugin) {
  const fs::path site = scratch() / "eddies-site";
  const auto built = windtunnel("leaderboard build " + example_run().string() + " --out " + site.string());
  ASSERT_EQ(built.exit_code, 0) << built.output;
  const std::string page = core::read_file(site / "index.html");
  EXPECT_NE(page.find(">Enstrophy error</option>"), std::string::npos);
  EXPECT_NE(page.find("data-metric=\"enstrophy_error\""), std::string::npos);
  EXPECT_NE(core::read_file(site / "leaderboard.csv").find("enstrophy_error"), std::string::npos);
}

TEST(PluginParts, APredictionFileIsScoredByThePluginsMetricToo) {
  const std::string data = " --data " + eddies().string();
  const fs::path task = scratch() / "eddies-task";
  auto outcome = windtunnel(kRawFlow + "task export eddies/real" + data + " --out " + task.string());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  outcome =
      windtunnel(kRawFlow + "score --quiet --task eddies/real --name copied --predictions " +
                 (task / "test_inputs.npy").string() + data + " --out " + (scratch() / "copied").string());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const core::Json record = results::read_record(scratch() / "copied/record.json");
  EXPECT_GT(score(record["metrics"], "enstrophy_error")["value"].get<double>(), 0);
}

TEST(PluginParts, OddMetricsAreFoundByTheCheck) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"throws",
       "FAILED  metric odd_metric: finite: metric 'odd_metric' of plug-in odd_parts 1.0 threw: cannot "
       "measure"},
      {"remembers", "FAILED  metric odd_metric: determinism"},
      {"turned", "FAILED  metric odd_metric: direction"}};
  for (const auto& [way, line] : cases) {
    const auto checked = windtunnel("plugin check " + library("odd_parts"), odd(way));
    EXPECT_EQ(checked.exit_code, 1) << way;
    EXPECT_NE(checked.output.find(line), std::string::npos) << checked.output;
    EXPECT_NE(checked.output.find("FAILED  format odd_format: empty folder"), std::string::npos)
        << checked.output;
  }
}

TEST(PluginParts, WhatThrowsInARunEndsInOneClearMessage) {
  const std::string run =
      "run --quiet --scenario cylinder --baseline persistence --preset tiny --setting real "
      "--data " +
      tiny_data().string() + " --out " + (scratch() / "odd").string();
  const std::string plugin = "--plugin " + library("odd_parts") + " ";
  auto outcome = windtunnel(plugin + run, odd("throws"));
  EXPECT_EQ(outcome.exit_code, 4) << outcome.output;
  EXPECT_EQ(outcome.output.rfind("error: metric 'odd_metric' of plug-in odd_parts 1.0 threw", 0), 0u)
      << outcome.output;
  EXPECT_FALSE(fs::exists(scratch() / "odd/record.json"));

  fs::create_directories(scratch() / "odd-data/cylinder");
  core::write_file_atomic(scratch() / "odd-data/cylinder/scenario.yaml", "formats: [odd_format]\n");
  outcome = windtunnel(plugin + "data info cylinder --data " + (scratch() / "odd-data").string());
  EXPECT_EQ(outcome.exit_code, 3) << outcome.output;
  EXPECT_NE(outcome.output.find("format 'odd_format' of plug-in odd_parts 1.0 threw: cannot read"),
            std::string::npos)
      << outcome.output;
}

TEST(PluginParts, AMetricsNameIsTakenOnce) {
  const auto outcome = windtunnel("--plugin " + library("odd_parts") + " ls metrics", odd("taken"));
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_NE(outcome.output.find("'rmse' exists already: built in"), std::string::npos) << outcome.output;
}

}  // namespace
}  // namespace windtunnel::runners
