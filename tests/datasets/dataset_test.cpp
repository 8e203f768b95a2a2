#include "datasets/dataset.h"

#include <gtest/gtest.h>

#include "core/file.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

using testing::error_of;
using testing::TemporaryFolder;
using testing::toy_scenario;
using testing::value_of;
using testing::write_toy;

void write_index(const TemporaryFolder& root, const std::string& mode, const std::string& side,
                 const std::string& text) {
  core::write_file_atomic(root / ("toy/" + mode + "_index_" + side + ".json"), text);
}

WindowOptions on(Side side, const std::string& mode = "train", const std::string& protocol = "corrected") {
  WindowOptions o;
  o.side = side;
  o.mode = mode;
  o.protocol = protocol;
  return o;
}

TEST(WindowDataset, DeliversFieldsAndZerosAndParameters) {
  const TemporaryFolder root;
  write_toy(root.path());
  write_index(root, "train", "real", R"([{"sim_id": "1200.h5", "time_id": 7}])");
  Scenario s = toy_scenario();
  s.condition_on_parameters = true;
  s.stride = {{Side::real, 2}};
  const WindowDataset d(s, root.path(), on(Side::real));
  EXPECT_EQ(d.input_shape(), (core::Shape{3, 2, 3, 4}));
  EXPECT_EQ(d.target_shape(), (core::Shape{2, 2, 3, 3}));
  const Sample sample = d.sample(0);
  EXPECT_EQ(sample.sample_id, "toy/real/1200.h5@7");
  EXPECT_EQ(sample.parameters, std::vector<double>{1200});
  size_t i = 0, o = 0;
  for (int64_t t = 7; t < 12; ++t)
    for (int64_t y = 0; y < 4; y += 2)
      for (int64_t x = 0; x < 6; x += 2)
        for (int c = 0; c < 3; ++c) {
          const auto expected = c == 2 ? 0.0f : static_cast<float>(value_of(c, 2, t, y, x));
          if (t < 10) {
            EXPECT_EQ(sample.input.data[i++], expected);
            if (c == 2) {
              EXPECT_EQ(sample.input.data[i++], 1200.0f);
            }
          } else {
            EXPECT_EQ(sample.target.data[o++], expected);
          }
        }
}

TEST(WindowDataset, CorrectedMakesALeakFreeSplitWithoutIndexFiles) {
  const TemporaryFolder root;
  write_toy(root.path(), 8);
  const WindowDataset train(toy_scenario(), root.path(), on(Side::real)),
      test(toy_scenario(), root.path(), on(Side::real, "test"));
  EXPECT_GT(train.size(), 0);
  EXPECT_GT(test.size(), 0);
  EXPECT_EQ(sha256(train.split()), sha256(test.split()));
  EXPECT_EQ(shared_frames(train.split().train, test.split().test, 5), 0);
  WindowOptions other = on(Side::real);
  other.seed = 99;  // the seed of masks does not move the split
  EXPECT_EQ(sha256(WindowDataset(toy_scenario(), root.path(), other).split()), sha256(train.split()));
  const auto e =
      error_of([&] { WindowDataset(toy_scenario(), root.path(), on(Side::real, "train", "published")); });
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_FALSE(e.hint().empty());
}

TEST(WindowDataset, ProtocolsDifferInTheWindowsOfSeveralRounds) {
  const TemporaryFolder root;
  write_toy(root.path());
  // frames = 30, horizon of two rounds = 7: the window at 23 ends exactly at the last frame.
  const char* list = R"([{"sim_id": "1000.h5", "time_id": 22}, {"sim_id": "1000.h5", "time_id": 23},
                         {"sim_id": "1000.h5", "time_id": 24}])";
  write_index(root, "train", "real", list);
  write_index(root, "test", "numerical", list);
  const auto times = [&](WindowOptions o) {
    o.rounds = 2;
    const WindowDataset d(toy_scenario(), root.path(), o);
    std::vector<int64_t> out;
    for (int64_t i = 0; i < d.size(); ++i) out.push_back(d.window(i).time);
    return out;
  };
  EXPECT_EQ(times(on(Side::numerical, "test", "published")), (std::vector<int64_t>{22}));
  EXPECT_EQ(times(on(Side::numerical, "test", "corrected")), (std::vector<int64_t>{22, 23}));
  EXPECT_EQ(times(on(Side::real, "train", "published")), (std::vector<int64_t>{22, 23, 24}));
  EXPECT_EQ(times(on(Side::real, "train", "corrected")), (std::vector<int64_t>{22, 23}));

  WindowOptions o = on(Side::real, "train", "published");
  o.rounds = 2;
  const WindowDataset d(toy_scenario(), root.path(), o);
  EXPECT_EQ(d.sample(2).target.shape[0], 3);  // truncated, as published
  std::vector<float> input(1000), target(1000);
  EXPECT_EQ(error_of([&] { d.read(2, 0, input.data(), target.data()); }).kind(), core::ErrorKind::data);
}

TEST(WindowDataset, MasksAndNoiseDependOnSeedSampleAndDraw) {
  const TemporaryFolder root;
  write_toy(root.path());
  WindowOptions o = on(Side::numerical);
  o.noise.scale = 0.1;
  const WindowDataset a(toy_scenario(), root.path(), o), again(toy_scenario(), root.path(), o);
  o.seed = 1;
  const WindowDataset other(toy_scenario(), root.path(), o);
  int64_t masked = 0, differing = 0;
  const int64_t n = a.size();
  ASSERT_GE(n, 40);
  for (int64_t i = n - 1; i >= 0; --i) {
    const Sample x = a.sample(i, 3);
    EXPECT_EQ(x.input.data, again.sample(i, 3).input.data);
    differing += x.input.data != a.sample(i, 4).input.data;
    differing += x.target.data != other.sample(i, 3).target.data;
    bool zero = true, partly = false;
    for (const auto* array : {&x.input, &x.target})
      for (size_t k = 2; k < array->data.size(); k += 3)
        (array->data[k] == 0 ? partly : zero) = array->data[k] == 0;
    EXPECT_NE(zero, !partly) << "input and target are hidden together";
    masked += zero;
  }
  EXPECT_EQ(differing, 2 * n);
  EXPECT_GT(masked, n / 4);
  EXPECT_LT(masked, n * 3 / 4);
}

TEST(WindowDataset, MaskProbabilityZeroAndOne) {
  const TemporaryFolder root;
  write_toy(root.path());
  for (const double q : {0.0, 1.0}) {
    WindowOptions o = on(Side::numerical);
    o.mask_prob = q;
    const WindowDataset d(toy_scenario(), root.path(), o);
    for (int64_t i = 0; i < d.size(); ++i) EXPECT_EQ(d.sample(i).input.data[2] == 0, q == 1);
  }
}

TEST(WindowDataset, RealSamplesAreNeverAltered) {
  const TemporaryFolder root;
  write_toy(root.path(), 8);
  WindowOptions o = on(Side::real);
  o.noise.scale = 0.5;
  const WindowDataset d(toy_scenario(), root.path(), o);
  EXPECT_EQ(d.sample(0).input.data, d.clean_sample(0).input.data);
}

TEST(WindowDataset, BadRequests) {
  const TemporaryFolder root;
  write_toy(root.path(), 8);
  const auto kind = [&](const std::function<void(WindowOptions&)>& change) {
    WindowOptions o = on(Side::real, "test");
    change(o);
    return error_of([&] { WindowDataset(toy_scenario(), root.path(), o); }).kind();
  };
  EXPECT_EQ(kind([](auto& o) { o.subset = "everything"; }), core::ErrorKind::usage);
  EXPECT_EQ(kind([](auto& o) { o.mode = "tests"; }), core::ErrorKind::usage);
  EXPECT_EQ(kind([](auto& o) { o.protocol = "fixed"; }), core::ErrorKind::usage);
  EXPECT_EQ(kind([](auto& o) { o.rounds = 0; }), core::ErrorKind::usage);
  EXPECT_EQ(kind([](auto& o) { o.mask_prob = 1.5; }), core::ErrorKind::usage);
  EXPECT_EQ(kind([](auto& o) { o.noise.type = "gausian"; }), core::ErrorKind::usage);
  EXPECT_EQ(kind([](auto& o) { o.noise.scale = -1; }), core::ErrorKind::usage);
}

TEST(WindowDataset, BadIndexFiles) {
  const TemporaryFolder root;
  write_toy(root.path());
  const auto open = [&](const char* text) {
    write_index(root, "train", "real", text);
    return WindowDataset(toy_scenario(), root.path(), on(Side::real)).sample(0);
  };
  auto e = error_of([&] { open(R"([{"sim_id": "4711.h5", "time_id": 0}])"); });
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_NE(e.found().find("4711.h5"), std::string::npos);
  e = error_of([&] { open(R"([{"sim_id": "1000.h5", "time_id": 26}])"); });
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_NE(e.found().find("1000.h5: window of frames 26 to 31"), std::string::npos) << e.found();
  e = error_of([&] { open(R"([{"sim_id": "1000.h5", "time_id": -1}])"); });
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  write_index(root, "train", "real", R"([{"sim_id": "1000.h5", "time_id": 1}])");
  e = error_of([&] {
    WindowOptions o = on(Side::real, "val");
    o.subset = "seen";
    WindowDataset(toy_scenario(), root.path(), o);
  });
  EXPECT_NE(e.found().find("params_real.json"), std::string::npos) << e.found();
}

TEST(WindowDataset, SideThatTheScenarioLacks) {
  const TemporaryFolder root;
  write_toy(root.path());
  Scenario s = toy_scenario();
  s.fields.resize(2);
  for (auto& field : s.fields) field.sides = {Side::real};
  const auto e = error_of([&] { WindowDataset(s, root.path(), on(Side::numerical)); });
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_NE(e.found().find("no numerical side"), std::string::npos);
}

TEST(WindowDataset, GridsMustAgree) {
  const TemporaryFolder root;
  write_toy(root.path());
  testing::write_hdf5(root / "toy/real/1300b.h5", "measured_data/u", {30, 4, 5}, std::vector<double>(600));
  testing::write_hdf5(root / "toy/real/1300b.h5", "measured_data/v", {30, 4, 5}, std::vector<double>(600));
  write_index(root, "train", "real",
              R"([{"sim_id": "1000.h5", "time_id": 1}, {"sim_id": "1300b.h5", "time_id": 1}])");
  const WindowDataset d(toy_scenario(), root.path(), on(Side::real));
  EXPECT_NO_THROW(d.sample(0));
  EXPECT_NE(error_of([&] { d.sample(1); }).found().find("4 x 5"), std::string::npos);
}

TEST(ListTrajectories, StrictNames) {
  const TemporaryFolder root;
  write_toy(root.path());
  testing::write_hdf5(root / "toy/real/other.h5", "x", {1}, {1});
  Scenario s = toy_scenario();
  EXPECT_EQ(list_trajectories(s, root.path(), Side::real).size(), 4u);
  s.strict_names = true;
  EXPECT_NE(error_of([&] { list_trajectories(s, root.path(), Side::real); }).found().find("other.h5"),
            std::string::npos);
}

}  // namespace
}  // namespace windtunnel::datasets
