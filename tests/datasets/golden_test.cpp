// Small copies of the published programs' outputs: two scenarios with every kind of channel between them.
#include <gtest/gtest.h>

#include <cmath>

#include "core/safetensors.h"
#include "datasets/dataset.h"
#include "datasets/normalizer.h"

namespace windtunnel::datasets {
namespace {

namespace fs = std::filesystem;
using core::Json;

const fs::path kFolder = fs::path(WINDTUNNEL_GOLDEN) / "datasets" / "realpdebench";

class Golden : public ::testing::TestWithParam<const char*> {
 protected:
  Golden()
      : expected(core::read_json((kFolder / "expected" / (std::string(GetParam()) + ".json")).string())),
        tensors(kFolder / "expected" / (std::string(GetParam()) + ".safetensors")),
        scenario(load_scenario(GetParam())) {
    const Json& a = expected.at("meta").at("constructor_args");
    scenario.in_frames = a.at("in_step");
    scenario.out_frames = a.at("out_step");
    scenario.interval = a.at("interval");
    scenario.trunk_length = a.at("trunk_length");
    scenario.frames = a.at("n_sim_frame");
    scenario.held_out_in_dist = a.at("n_sim_in_distribution");
    scenario.held_out_out_dist = a.at("n_sim_out_distribution");
  }

  WindowDataset dataset(const std::string& side, const std::string& mode, const std::string& subset,
                        int64_t rounds, double mask, double noise = 0) const {
    WindowOptions o;
    o.side = parse_side(side);
    o.mode = mode;
    o.subset = subset;
    o.rounds = rounds;
    o.mask_prob = mask;
    o.noise.scale = noise;
    o.protocol = "published";
    return WindowDataset(scenario, kFolder / "data", o);
  }

  Json expected;
  core::SafetensorsFile tensors;
  Scenario scenario;
};

TEST_P(Golden, WindowListsOfEveryModeAndSubset) {
  const Json& index = expected.at("index");
  EXPECT_GE(index.size(), 44u);
  for (const std::string side : {"real", "numerical"})
    for (const std::string mode : {"train", "val", "test"})
      for (const std::string subset : {"all", "in_dist", "out_dist", "seen", "unseen"})
        for (const int64_t rounds : {1, 2}) {
          const std::string key = side + "/" + mode + "/" + subset + "/N" + std::to_string(rounds);
          if (!index.contains(key)) continue;
          const auto d = dataset(side, mode, subset, rounds, 0);
          Json got = Json::array();
          for (int64_t i = 0; i < d.size(); ++i) got.push_back({d.window(i).trajectory, d.window(i).time});
          EXPECT_EQ(got, index.at(key)) << key;
        }
}

TEST_P(Golden, SamplesAreEqualToTheBit) {
  for (const auto& s : expected.at("samples")) {
    const std::string name = s.at("name");
    const auto d =
        dataset(s.at("dataset_type"), s.at("mode"), "all", s.at("N_autoregressive"), s.at("mask_prob"));
    const auto got = d.sample(s.at("index").get<int64_t>(), uint64_t{0});
    const auto input = tensors.floats(name + ".input"), target = tensors.floats(name + ".target");
    EXPECT_EQ(got.input.shape, input.shape) << name;
    EXPECT_EQ(got.target.shape, target.shape) << name;
    EXPECT_TRUE(got.input.data == input.data) << name;
    EXPECT_TRUE(got.target.data == target.data) << name;
  }
}

TEST_P(Golden, NoiseWithTheirGenerator) {
  const auto d = dataset("numerical", "train", "all", 1, 0, expected.at("noise").at("noise_scale"));
  const auto draws = published_draws(0, expected.at("noise").at("torch_seed"));
  const auto got = d.sample(0, *draws);
  EXPECT_TRUE(got.input.data == tensors.floats("noise.gaussian.input").data);
  EXPECT_TRUE(got.target.data == tensors.floats("noise.gaussian.target").data);
}

TEST_P(Golden, MasksWithTheirGenerator) {
  const Json& trace = expected.at("mask_trace");
  const auto d = dataset("numerical", "train", "all", 1, trace.at("mask_prob"));
  const auto draws = published_draws(trace.at("python_seed"), 0);
  int64_t i = 0;
  for (const auto& masked : trace.at("masked")) {
    const auto target = d.sample(i++, *draws).target;
    bool zero = true;
    for (int64_t k = scenario.evaluated_channels(); k < target.numel(); k += scenario.channels())
      zero = zero && target.data[static_cast<size_t>(k)] == 0;
    EXPECT_EQ(zero, masked.get<bool>()) << "sample " << i - 1;
  }
}

TEST_P(Golden, Statistics) {
  for (const std::string name : {"gaussian.mask0.bs512", "gaussian.mask0.bs7", "gaussian.mask1.bs7"}) {
    const Json& settings = expected.at("normalizers").at(name);
    StatisticsOptions o;
    o.protocol = "published";
    o.batch = settings.at("batch_size");
    o.quiet = true;
    const auto n = measure(dataset("numerical", "train", "all", 1, settings.at("mask_prob")), o);
    const auto mean = tensors.floats(name + ".mean_inputs").data,
               deviation = tensors.floats(name + ".std_inputs").data;
    ASSERT_EQ(n.input_shift().size(), mean.size());
    for (size_t c = 0; c < mean.size(); ++c) {
      EXPECT_LE(std::abs(n.input_shift()[c] - mean[c]), 1e-5 * (std::abs(mean[c]) + deviation[c]))
          << name << " " << c;
      EXPECT_LE(std::abs(n.input_scale()[c] - deviation[c]), 1e-5 * deviation[c]) << name << " " << c;
    }
  }
}

TEST_P(Golden, ProcessingWithTheirStatistics) {
  const auto v = [&](const char* name) { return tensors.floats(std::string("gaussian.mask0.") + name).data; };
  const Normalizer n("gaussian", v("bs512.mean_inputs"), v("bs512.std_inputs"), v("bs512.mean_targets"),
                     v("bs512.std_targets"));
  auto s = dataset("numerical", "train", "all", 1, 0).sample(0, uint64_t{0});
  n.apply_input(s.input.data.data(), s.input.numel() / s.input.shape.back(), s.input.shape.back());
  n.apply_target(s.target.data.data(), s.target.numel() / s.target.shape.back(), s.target.shape.back());
  EXPECT_TRUE(s.input.data == v("preprocess.input"));
  EXPECT_TRUE(s.target.data == v("preprocess.target"));
  n.invert_target(s.target.data.data(), s.target.numel() / s.target.shape.back(), s.target.shape.back());
  EXPECT_TRUE(s.target.data == v("postprocess.target"));
}

INSTANTIATE_TEST_SUITE_P(Realpdebench, Golden, ::testing::Values("controlled_cylinder", "combustion"));

TEST(GoldenCache, PublishedCacheFilesAreRead) {
  const auto g = read_normalizer_cache(kFolder / "expected" / "cylinder_mean_std.pt", "gaussian");
  EXPECT_EQ(g.input_shift().size(), 3u);
  EXPECT_EQ(g.target_scale().size(), 3u);
  EXPECT_GT(g.input_scale()[0], 0);
  const auto r = read_normalizer_cache(kFolder / "expected" / "cylinder_max.pt", "range");
  EXPECT_EQ(r.input_scale().size(), 3u);
  EXPECT_THROW(read_normalizer_cache(kFolder / "expected" / "cylinder_max.pt", "gaussian"), core::Error);
}

}  // namespace
}  // namespace windtunnel::datasets
