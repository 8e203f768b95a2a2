#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"
#include "datasets/lab/lab.h"
#include "datasets/lab/settings.h"
#include "datasets/lab/side.h"
#include "datasets/scenario.h"
#include "datasets/split.h"
#include "datasets/trajectory.h"

namespace windtunnel::datasets::lab {
namespace {

namespace fs = std::filesystem;

class LabDataset : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) /
            ("lab_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  LabOptions options(const std::vector<std::string>& more = {}, const std::string& folder = "a") {
    std::vector<std::string> list = {"size=tiny",
                                     "trajectories=2",
                                     "frames=48",
                                     "in_step=4",
                                     "out_step=4",
                                     "spin_up=3",
                                     "out=" + (root_ / folder).string()};
    list.insert(list.end(), more.begin(), more.end());
    return lab_options(core::parse_assignments(list), "test");
  }
  static LabReport make(const LabOptions& o) {
    LabControl quiet;
    quiet.progress = [](double, std::string_view) {};
    return make_dataset(o, quiet);
  }
  static std::map<std::string, std::string> hashes(const fs::path& folder) {
    std::map<std::string, std::string> map;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file())
        map[entry.path().lexically_relative(folder).string()] = core::sha256_file(entry.path());
    return map;
  }
  static core::Array read(const fs::path& root, Side side, const std::string& id) {
    const Scenario scenario = load_scenario("cylinder", root);
    const auto trajectory = open_trajectories(scenario, root, side)->open(id);
    return trajectory->read({scenario.field_index("u"), scenario.field_index("v")}, 0, trajectory->frames());
  }

  fs::path root_;
};

TEST_F(LabDataset, IsReadByTheDatasetLayerWithItsScenarioAndSplit) {
  const LabOptions o = options();
  const LabReport report = make(o);
  EXPECT_EQ(report.made, 4);
  EXPECT_EQ(report.kept, 0);
  const Scenario scenario = load_scenario("cylinder", o.out);
  EXPECT_TRUE(scenario.synthetic);
  EXPECT_EQ(scenario.origin, "virtual-lab");
  EXPECT_EQ(scenario.frames, 48);
  EXPECT_EQ(scenario.in_frames, 4);
  ASSERT_TRUE(scenario.geometry);
  EXPECT_EQ(scenario.geometry->d, 9);
  EXPECT_EQ(scenario.geometry->center_x, 16);
  for (const Side side : {Side::real, Side::numerical}) {
    const auto store = open_trajectories(scenario, o.out, side);
    EXPECT_EQ(store->ids(), (std::vector<std::string>{"12000.h5", "1800.h5"}));
    const auto trajectory = store->open("1800.h5");
    EXPECT_EQ(trajectory->frames(), 48);
    EXPECT_EQ(trajectory->height(), 32);
    EXPECT_EQ(trajectory->width(), 64);
    EXPECT_EQ(trajectory->parameters(), std::vector<double>{1800});
    const Split split = load_split(scenario, o.out, side);
    EXPECT_FALSE(split.train.empty());
    EXPECT_EQ(split.test.empty(), side == Side::numerical);
    EXPECT_EQ(shared_frames(split.train, split.test, 8), 0);
  }
  EXPECT_NEAR(scenario.dt, o.frame_interval * 0.03 / 0.4,
              1e-9);  // of the second trajectory, U = Re nu / D = 0.4 m/s
  // Free stream in m/s, upstream of the body.
  const core::Array u = read(o.out, Side::numerical, "1800.h5");
  EXPECT_NEAR(u.data[(static_cast<size_t>(20) * 32 * 64 + 2 * 64 + 1) * 2], 0.06, 0.02);

  const core::Json manifest = core::read_json((report.folder / "manifest.json").string());
  EXPECT_EQ(manifest["origin"], "virtual-lab");
  EXPECT_EQ(manifest["seed"], 0);
  const auto files = hashes(report.folder);
  EXPECT_EQ(manifest["files"].size() + 1, files.size());
  for (const auto& [name, entry] : manifest["files"].items())
    EXPECT_EQ(entry["sha256"], files.at(name)) << name;
}

TEST_F(LabDataset, BytesDependOnTheSeedButNotOnTheThreads) {
  make(options({"threads=1"}, "one"));
  make(options({"threads=3"}, "three"));
  make(options({"threads=3", "seed=5"}, "other"));
  const auto one = hashes(root_ / "one"), three = hashes(root_ / "three"), other = hashes(root_ / "other");
  EXPECT_EQ(one, three);
  EXPECT_NE(one.at("cylinder/real/1800.h5"), other.at("cylinder/real/1800.h5"));
}

TEST_F(LabDataset, ContinuesWhereItStopped) {
  const LabOptions o = options();
  std::atomic<bool> stop{false};
  LabControl control;
  control.stop = &stop;
  control.progress = [&](double done, std::string_view) { stop = done > 0.6; };
  LabOptions serial = o;
  serial.threads = 1;
  try {
    make_dataset(serial, control);
    FAIL() << "was not interrupted";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::interrupted);
  }
  for (const auto& entry : fs::recursive_directory_iterator(o.out))
    EXPECT_NE(entry.path().extension(), ".part");
  const LabReport second = make(o);
  EXPECT_GE(second.kept, 1);
  EXPECT_EQ(second.made + second.kept, 4);
  const auto resumed = hashes(o.out);
  EXPECT_EQ(make(o).made, 0);
  EXPECT_EQ(hashes(o.out), resumed);
  make(options({}, "whole"));
  EXPECT_EQ(hashes(root_ / "whole"), resumed);
  // Other options: the old files do not match.
  EXPECT_EQ(make(options({"smagorinsky=0.2"})).kept, 2);  // the real side does not use it
}

TEST_F(LabDataset, WithoutAnyCauseOfTheGapTheSidesAreEqual) {
  const LabOptions o =
      options({"gap_resolution=false", "gap_closure=false", "gap_inflow=false", "gap_geometry=false",
               "turbulence=off", "instrument=ideal", "frames=10", "trajectories=1"});
  // So little cannot be divided into three splits: said before anything is computed.
  EXPECT_THROW(make(o), Error);
  EXPECT_FALSE(fs::exists(fs::path(o.out) / "cylinder" / "real"));
  make(options({"gap_resolution=false", "gap_closure=false", "gap_inflow=false", "gap_geometry=false",
                "turbulence=off", "instrument=ideal"}));
  EXPECT_EQ(read(o.out, Side::real, "1800.h5").data, read(o.out, Side::numerical, "1800.h5").data);
}

TEST_F(LabDataset, EachCauseOpensTheGap) {
  const std::vector<std::string> off = {"gap_resolution=false", "gap_closure=false", "gap_inflow=false",
                                        "gap_geometry=false",   "turbulence=off",    "instrument=ideal"};
  const LabSettings settings = lab_settings("cylinder");
  const auto first_frame = [&](std::vector<std::string> list) {
    const LabOptions o = options(list);
    SideRun run({o, settings, configurations(settings, o.trajectories)[0], true, {}});
    run.spin_up();
    Frame frame;
    run.next(frame);
    return frame[0];
  };
  const auto equal = first_frame(off);
  const std::vector<std::string> on = {"gap_resolution=true", "gap_closure=true",     "gap_inflow=true",
                                       "gap_geometry=true",   "turbulence=kinematic", "instrument=noise"};
  for (size_t i = 0; i < on.size(); ++i) {
    auto list = off;
    list[i] = on[i];
    const auto other = first_frame(list);
    ASSERT_EQ(other.size(), equal.size()) << on[i];
    double difference = 0, norm = 0;
    for (size_t k = 0; k < equal.size(); ++k) {
      difference += std::pow(double{other[k]} - equal[k], 2);
      norm += std::pow(equal[k], 2);
    }
    EXPECT_GT(std::sqrt(difference / norm), 0.003) << on[i];
    EXPECT_LT(std::sqrt(difference / norm), 0.5) << on[i];
  }
}

TEST_F(LabDataset, CombustionIsReadWithItsFieldsAndDoesNotDependOnTheThreads) {
  const std::vector<std::string> small = {
      "scenario=combustion", "spin_up=2",         "height=16",        "width=16",
      "pixels=2.5",          "simulated_cells=8", "measured_cells=10"};
  const auto with = [&](std::vector<std::string> more, const std::string& folder) {
    more.insert(more.begin(), small.begin(), small.end());
    return options(more, folder);
  };
  const LabOptions o = with({"threads=1"}, "one");
  EXPECT_EQ(make(o).made, 4);
  make(with({"threads=3"}, "three"));
  EXPECT_EQ(hashes(root_ / "one"), hashes(root_ / "three"));
  make(with({"seed=4"}, "other"));
  for (const char* side : {"real", "numerical"})
    EXPECT_NE(hashes(root_ / "one").at("combustion/" + std::string(side) + "/0NH3_1.05.h5"),
              hashes(root_ / "other").at("combustion/" + std::string(side) + "/0NH3_1.05.h5"));

  const Scenario scenario = load_scenario("combustion", o.out);
  EXPECT_FALSE(scenario.geometry);
  const auto numerical = open_trajectories(scenario, o.out, Side::numerical)->open("80NH3_1.05.h5");
  EXPECT_EQ(numerical->frames(), 48);
  EXPECT_EQ(numerical->parameters(), (std::vector<double>{80, 1.05}));
  const auto mean = [&](const char* field) {
    const core::Array a = numerical->read({scenario.field_index(field)}, 0, 48);
    double sum = 0;
    for (const float v : a.data) sum += v;
    return sum / static_cast<double>(a.numel());
  };
  EXPECT_GT(mean("Temperature"), 300);
  EXPECT_LT(mean("Temperature"), 2230);
  EXPECT_NEAR(mean("Absolute_Pressure") - mean("Pressure"), 101325, 1);
  EXPECT_GT(mean("intensity"), 0);
  EXPECT_GT(mean("Mole_Fraction_of_NH3"), 2 * mean("Mole_Fraction_of_CH4"));
  const auto real = open_trajectories(scenario, o.out, Side::real)->open("80NH3_1.05.h5");
  const core::Array light = real->read({0}, 0, 48);
  for (const float v : light.data) ASSERT_EQ(v * 255, std::round(v * 255));

  EXPECT_THROW(with({"instrument=piv"}, "never"), Error);
  EXPECT_THROW(with({"turbulence=kinematic"}, "never"), Error);
}

TEST_F(LabDataset, WithoutAnyCauseOfTheGapBothFlamesShineAlike) {
  const std::vector<std::string> off = {"gap_resolution=false", "gap_closure=false", "gap_inflow=false",
                                        "gap_geometry=false", "instrument=ideal"};
  const std::vector<std::string> on = {"gap_resolution=true", "gap_closure=true", "gap_inflow=true",
                                       "gap_geometry=true", "instrument=noise"};
  const LabSettings settings = lab_settings("combustion");
  const auto light = [&](std::vector<std::string> list, bool real) {
    for (const char* more : {"scenario=combustion", "spin_up=4", "simulated_cells=8", "measured_cells=10"})
      list.emplace_back(more);
    const LabOptions o = options(list);
    const auto run = make_recording({o, settings, configurations(settings, 1)[0], real, {}});
    run->spin_up();
    Frame frame;
    for (int k = 0; k < 5; ++k) run->next(frame);
    return frame.back();
  };
  const auto plain = light(off, false);
  EXPECT_EQ(light(off, true), plain);
  for (size_t i = 0; i < on.size(); ++i) {
    auto list = off;
    list[i] = on[i];
    const auto other = light(list, true);
    double difference = 0, norm = 0;
    for (size_t k = 0; k < plain.size(); ++k) {
      difference += std::pow(double{other[k]} - plain[k], 2);
      norm += std::pow(plain[k], 2);
    }
    EXPECT_GT(std::sqrt(difference / norm), 0.01) << on[i];
  }
}

/// The demonstration's physics: sizes of the gap and of the task, at one Reynolds number.
TEST_F(LabDataset, GapAndTaskHaveTheRightSize) {
  const LabSettings settings = lab_settings("cylinder");
  const LabOptions o = lab_options(core::parse_assignments({"size=tiny", "frames=150"}), "test");
  const auto configuration = configurations(settings, o.trajectories)[1];
  std::vector<std::vector<float>> frames[2];
  double strouhal[2];
  for (const bool real : {false, true}) {
    SideRun run({o, settings, configuration, real, {}});
    run.spin_up();
    Frame frame;
    for (int64_t k = 0; k < o.frames; ++k) {
      run.next(frame);
      frames[real].push_back(frame[0]);
      frames[real].back().insert(frames[real].back().end(), frame[1].begin(), frame[1].end());
    }
    strouhal[real] = run.attributes().at("strouhal").get<double>();
  }
  const auto mean = [](const std::vector<std::vector<float>>& list) {
    std::vector<double> m(list[0].size());
    for (const auto& f : list)
      for (size_t k = 0; k < m.size(); ++k) m[k] += f[k] / static_cast<double>(list.size());
    return m;
  };
  const auto simulated = mean(frames[0]), measured = mean(frames[1]);
  double gap = 0, norm = 0;
  for (size_t k = 0; k < simulated.size(); ++k) {
    gap += std::pow(measured[k] - simulated[k], 2);
    norm += std::pow(simulated[k], 2);
  }
  EXPECT_GT(std::sqrt(gap / norm), 0.05);
  EXPECT_LT(std::sqrt(gap / norm), 0.30);
  EXPECT_GT(std::abs(strouhal[1] / strouhal[0] - 1), 0.03);
  EXPECT_GT(strouhal[1], 0.16);
  EXPECT_LT(strouhal[0], 0.28);

  // Repeating the last input frame must be a beatable forecast.
  double persistence = 0;
  int windows = 0;
  for (size_t t = 10; t + 10 <= frames[1].size(); t += 10, ++windows) {
    double error = 0, size = 0;
    for (size_t f = t; f < t + 10; ++f)
      for (size_t k = 0; k < frames[1][f].size(); ++k) {
        error += std::pow(double{frames[1][f][k]} - frames[1][t - 1][k], 2);
        size += std::pow(frames[1][f][k], 2);
      }
    persistence += std::sqrt(error / size);
  }
  EXPECT_GT(persistence / windows, 0.15);
  EXPECT_LT(persistence / windows, 0.45);
}

TEST(LabOptionsTest, PresetsAndErrors) {
  for (const auto& scenario : lab_scenarios())
    for (const char* size : {"tiny", "demo", "small", "published"}) {
      const LabOptions o = lab_options({{"scenario", scenario}, {"size", size}}, "test");
      EXPECT_EQ(o.size, size);
      EXPECT_EQ(configurations(lab_settings(scenario), o.trajectories).size(),
                static_cast<size_t>(o.trajectories));
      EXPECT_GT(estimate(o).bytes, 100000);
      EXPECT_GT(estimate(o).core_seconds, 0.1);
    }
  EXPECT_THROW(lab_options({{"size", "huge"}}, "test"), Error);
  EXPECT_THROW(lab_options({{"trajectorys", 3}}, "test"), Error);
  EXPECT_THROW(lab_options({{"frames", 5}}, "test"), Error);
  EXPECT_THROW(lab_options({{"scenario", "teapot"}}, "test"), Error);
  EXPECT_THROW(make_dataset(lab_options({{"size", "tiny"}}, "test")), Error);  // no folder
}

TEST(LabOptionsTest, InstrumentsAndSpreadGrids) {
  EXPECT_EQ(lab_options({{"size", "tiny"}}, "test").instrument, "noise");
  EXPECT_EQ(lab_options({{"size", "small"}}, "test").instrument, "piv");
  EXPECT_EQ(lab_options({{"scenario", "combustion"}, {"size", "published"}}, "test").instrument, "noise");
  EXPECT_THROW(lab_options({{"instrument", "eye"}}, "test"), Error);
  // Thirty of the 45 flames: every ammonia share, no file twice.
  std::map<std::string, int> names, shares;
  for (const auto& c : configurations(lab_settings("combustion"), 30)) {
    ++names[c.sim_id];
    ++shares[c.sim_id.substr(0, c.sim_id.find('_'))];
    EXPECT_EQ(c.reynolds, 1000);
  }
  EXPECT_EQ(names.size(), 30u);
  EXPECT_EQ(shares.size(), 5u);
  EXPECT_EQ(names.begin()->first, "0NH3_0.75.h5");
  EXPECT_EQ(names.count("80NH3_1.3.h5"), 1u);
}

TEST(LabOptionsTest, PublishedGridOfTheCylinder) {
  const LabOptions o = lab_options({{"size", "published"}}, "test");
  EXPECT_EQ(o.trajectories, 92);
  EXPECT_EQ(o.frames, 3990);
  const LabSettings settings = lab_settings("cylinder");
  const auto list = configurations(settings, 92);
  EXPECT_EQ(list.front().sim_id, "1800.h5");
  EXPECT_EQ(list.back().sim_id, "12000.h5");
  const SideRun real({o, settings, list[0], true, {}}), numerical({o, settings, list[0], false, {}});
  EXPECT_EQ(real.height(), 64);
  EXPECT_EQ(real.width(), 128);
  EXPECT_EQ(numerical.height(), 128);
  EXPECT_EQ(numerical.width(), 256);
  EXPECT_NEAR(numerical.coordinates()[2].values[1], 0.0025, 1e-12);
}

}  // namespace
}  // namespace windtunnel::datasets::lab
