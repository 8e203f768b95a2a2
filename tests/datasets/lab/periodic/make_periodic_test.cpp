#include "datasets/lab/periodic/make_periodic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"
#include "datasets/dataset.h"
#include "datasets/formats/well_samples.h"
#include "datasets/inspect.h"
#include "datasets/lab/maker.h"
#include "datasets/lab/periodic/system.h"
#include "datasets/scenario.h"

namespace windtunnel::datasets::lab {
namespace {

namespace fs = std::filesystem;

class MakePeriodic : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    for (char& c : name)
      if (c == '/') c = '_';
    root_ = fs::path(::testing::TempDir()) / ("periodic_" + GetParam() + name);
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  core::Json values(const std::string& folder, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> list = {"scenario=" + GetParam(),
                                     "size=tiny",
                                     "frames=12",
                                     "skip_frames=1",
                                     "height=8",
                                     "width=12",
                                     "train=1",
                                     "in_step=3",
                                     "out_step=2",
                                     "interval=2",
                                     "out=" + (root_ / folder).string()};
    list.insert(list.end(), more.begin(), more.end());
    return core::parse_assignments(list);
  }
  LabReport make(const core::Json& values) const {
    LabControl quiet;
    quiet.progress = [](double, std::string_view) {};
    return make_job(values, "test")->make(quiet);
  }
  std::map<std::string, std::string> hashes(const std::string& folder) const {
    std::map<std::string, std::string> map;
    for (const auto& entry : fs::recursive_directory_iterator(root_ / folder))
      if (entry.is_regular_file())
        map[entry.path().lexically_relative(root_ / folder).string()] = core::sha256_file(entry.path());
    return map;
  }

  fs::path root_;
};

TEST_P(MakePeriodic, BytesDoNotDependOnThreads) {
  make(values("one", {"threads=1"}));
  make(values("three", {"threads=3"}));
  EXPECT_EQ(hashes("one"), hashes("three"));
  make(values("other", {"seed=1"}));
  EXPECT_NE(hashes("one"), hashes("other"));
}

TEST_P(MakePeriodic, StoppedRunContinues) {
  make(values("whole"));
  std::atomic<bool> stop{false};
  LabControl control;
  control.stop = &stop;
  control.progress = [&](double done, std::string_view) { stop = done > 0.6; };
  const auto job = make_job(values("cut", {"threads=1"}), "test");
  try {
    job->make(control);
    FAIL() << "not stopped";
  } catch (const core::Error& e) {
    EXPECT_EQ(e.kind(), core::ErrorKind::interrupted);
  }
  const LabReport report = make(values("cut"));
  EXPECT_GT(report.kept, 0);
  EXPECT_GT(report.made, 0);
  EXPECT_EQ(hashes("whole"), hashes("cut"));
  EXPECT_EQ(make(values("cut")).made, 0);
  EXPECT_THROW(make(values("cut", {"test=2", "train=2"})), core::Error);  // numbers move: other files
}

TEST_P(MakePeriodic, OpensAsScenario) {
  make(values("data"));
  const fs::path data = root_ / "data";
  const Scenario scenario = load_scenario(GetParam(), data);
  EXPECT_TRUE(scenario.synthetic);
  const auto combinations = static_cast<int64_t>(
      periodic_systems().at(GetParam()).combinations(*periodic_options(values("data"), "test")).size());
  for (const std::string mode : {"train", "val", "test"}) {
    WindowOptions options;
    options.side = Side::numerical;
    options.mode = mode;
    const WindowDataset windows(scenario, data, options);
    EXPECT_EQ(windows.size(), combinations * 4) << mode;  // starts 0, 2, 4, 6 of 12 frames
    EXPECT_EQ(windows.input_shape(), (core::Shape{3, 8, 12, scenario.channels()}));
    EXPECT_EQ(windows.target_shape(), (core::Shape{2, 8, 12, scenario.channels()}));
  }
  for (const auto& finding : verify(data, scenario)) EXPECT_NE(finding.severity, "error") << finding.message;
}

TEST_P(MakePeriodic, StartsOfRolloutsAreTheSameForEveryone) {
  make(values("data"));
  const Scenario scenario = load_scenario(GetParam(), root_ / "data");
  const auto times = [&](const std::string& subset, const std::string& mode, int64_t rounds) {
    WindowOptions options;
    options.side = Side::numerical;
    options.mode = mode;
    options.subset = subset;
    options.rounds = rounds;
    const WindowDataset windows(scenario, root_ / "data", options);
    std::map<std::string, std::vector<int64_t>> list;
    for (int64_t i = 0; i < windows.size(); ++i)
      list[windows.window(i).trajectory].push_back(windows.window(i).time);
    return list;
  };
  for (const auto& [id, list] : times("first", "test", 1)) EXPECT_EQ(list, (std::vector<int64_t>{0})) << id;
  for (const auto& [id, list] : times("first_last", "test", 1))
    EXPECT_EQ(list, (std::vector<int64_t>{0, 6})) << id;
  for (const auto& [id, list] : times("first_last", "test", 3))
    EXPECT_EQ(list, (std::vector<int64_t>{0, 2})) << id;
  for (const auto& [id, list] : times("first", "val", 1))
    EXPECT_EQ(list.size(), 4U) << id;  // chooses weights: all
}

/// Statistics make the published loader's normalised fields have mean 0 and deviation 1 over the training
/// files.
TEST_P(MakePeriodic, StatisticsNormaliseTheTrainingData) {
  make(values("data"));
  WellOptions options;
  options.whole = true;
  options.normalization = "zscore";
  const WellSamples samples(root_ / "data" / GetParam(), "train", options);
  double sum = 0, square = 0, count = 0;
  for (int64_t i = 0; i < samples.size(); ++i) {
    const auto sample = samples.sample(i);
    EXPECT_EQ(sample.at("boundary_conditions").data, (std::vector<float>{2, 2, 2, 2}));
    for (const char* part : {"input_fields", "output_fields"})
      for (const float value : sample.at(part).data) {
        sum += value;
        square += double{value} * value;
        count += 1;
      }
  }
  EXPECT_NEAR(sum / count, 0, 1e-4);
  EXPECT_NEAR(square / count, 1, 1e-3);
}

TEST_P(MakePeriodic, EstimateCountsTrajectoriesAndBytes) {
  const LabEstimate e = make_job(values("data"), "test")->estimate();
  const LabReport report = make(values("data"));
  EXPECT_GT(e.core_seconds, 0);
  EXPECT_NEAR(static_cast<double>(e.bytes), static_cast<double>(report.bytes),
              0.5 * static_cast<double>(report.bytes));
}

INSTANTIATE_TEST_SUITE_P(Systems, MakePeriodic, ::testing::ValuesIn(periodic_systems().names()),
                         [](const auto& info) { return info.param; });

TEST(MakeJob, RefusesUnknownScenariosAndForeignKeys) {
  EXPECT_THROW(make_job({{"scenario", "gray_scot"}}, "test"), core::Error);
  EXPECT_THROW(make_job({{"scenario", "gray_scott"}, {"instrument", "piv"}}, "test"), core::Error);
  EXPECT_THROW(make_job({{"scenario", "gray_scott"}, {"height", 9}, {"out", "x"}}, "test")->estimate(),
               core::Error);
}

}  // namespace
}  // namespace windtunnel::datasets::lab
