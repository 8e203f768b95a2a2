#include "baselines/wdno/wdno.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "baselines/layers.h"
#include "baselines/presets.h"
#include "baselines/wdno/schedule.h"
#include "core/text.h"
#include "tests/baselines/published_case.h"

namespace windtunnel::baselines {
namespace {

using core::Json;

Json golden_options(Json config) {
  config.erase("channels");
  return config;
}

PublishedCase golden_case() { return PublishedCase("wdno", "wdno_time_up", "wdno", golden_options); }

std::shared_ptr<Wdno> golden_model(const PublishedCase& golden, const std::string& kernels,
                                   const std::string& compat = "published") {
  auto model = std::dynamic_pointer_cast<Wdno>(golden.make(kernels, compat));
  model->set_rescaler(golden.tensors.at("rescaler_file"), "golden rescaler");
  return model;
}

class WdnoGolden : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Kernels, WdnoGolden, testing::Values("fast", "reference"));

TEST_P(WdnoGolden, DenoiserLossAndGradients) {
  const PublishedCase golden = golden_case();
  const auto& tensors = golden.tensors;
  const auto model = golden_model(golden, GetParam());
  const auto noisy = model->diffuse(tensors.at("input"), tensors.at("target"), tensors.at("loss/t"),
                                    tensors.at("loss/noise"));
  EXPECT_LE(by_deviation(noisy.input, tensors.at("loss/model_input")), 1e-5);
  EXPECT_LE(by_deviation(noisy.target, tensors.at("loss/noise_target")), 1e-5);
  EXPECT_LE(by_deviation(model->denoise(noisy.input, tensors.at("loss/t")).detach(),
                         tensors.at("loss/model_output")),
            3e-4);

  const at::Tensor loss = model->loss_at(tensors.at("input"), tensors.at("target"), tensors.at("loss/t"),
                                         tensors.at("loss/noise"));
  const double expected = golden.json.at("loss").get<double>();
  EXPECT_NEAR(loss.item<double>(), expected, 1e-4 * expected);
  loss.backward();
  double largest = 0;
  for (const auto& [name, norm] : golden.json.at("grad_l2").items())
    if (norm.is_number()) largest = std::max(largest, norm.get<double>());
  for (const auto& item : model->named_parameters()) {
    if (!golden.json.at("grad_l2").contains(item.key())) continue;  // further names of the shared frequencies
    const Json& norm = golden.json.at("grad_l2").at(item.key());
    const at::Tensor gradient = item.value().grad();
    if (norm.is_null()) {
      EXPECT_FALSE(gradient.defined()) << item.key();
      continue;
    }
    EXPECT_NEAR(l2_norm(gradient), norm.get<double>(), std::max(2e-3 * norm.get<double>(), 1e-6 * largest))
        << item.key();
    if (const std::string full = "grad/" + item.key(); tensors.contains(full)) {
      EXPECT_LE((gradient - tensors.at(full)).abs().max().item<double>(), 2e-3 * norm.get<double>())
          << item.key();
    }
  }
}

TEST_P(WdnoGolden, SamplesWithGivenNoise) {
  const PublishedCase golden = golden_case();
  const auto& tensors = golden.tensors;
  const auto model = golden_model(golden, GetParam());
  const at::Tensor x = tensors.at("input").narrow(0, 0, 1), start = tensors.at("sample/start_noise");
  int64_t draws = 0;
  const auto noise = [&] {
    const int64_t draw = draws++;
    return draw == 0 ? start : tensors.at("sample/step_noise/" + std::to_string(draw - 1));
  };
  EXPECT_LE(by_deviation(model->sample(x, noise, 1), tensors.at("sample/eta/output")), 2e-3);
  EXPECT_FALSE(tensors.contains("sample/step_noise/" + std::to_string(draws - 1)));
  draws = 0;
  const auto quiet = [&] { return draws++ == 0 ? start : at::zeros_like(start); };
  EXPECT_LE(by_deviation(model->sample(x, quiet, 0), tensors.at("sample/eta0_/output")), 2e-3);
}

TEST(Wdno, RescalerComesFromTheDataOrAFile) {
  const PublishedCase golden = golden_case();
  const auto model = std::dynamic_pointer_cast<Wdno>(golden.make("fast"));
  EXPECT_TRUE(model->wants_observation());
  for (int k = 0; golden.tensors.contains("dataset/" + std::to_string(k) + "/input"); ++k) {
    const std::string sample = "dataset/" + std::to_string(k) + "/";
    model->observe(golden.tensors.at(sample + "input").unsqueeze(0),
                   golden.tensors.at(sample + "target").unsqueeze(0));
  }
  EXPECT_LE(by_deviation(model->rescaler(), golden.tensors.at("rescaler_file")), 1e-5);
  EXPECT_LE(by_deviation(model->scale(), golden.tensors.at("rescaler_used")), 1e-5);

  Json values = golden.options;
  values["rescaler"] = (published_folder("wdno") / "wdno_time_up_wdno_rescaler_bior1.1_zero.pt").string();
  const auto from_file =
      std::dynamic_pointer_cast<Wdno>(make_baseline("wdno", golden.context("published"), values));
  EXPECT_TRUE(from_file->rescaler().equal(golden.tensors.at("rescaler_file")));
  EXPECT_FALSE(from_file->wants_observation());
}

TEST(Wdno, RescalerTravelsWithTheWeights) {
  const PublishedCase golden = golden_case();
  const auto trained = golden_model(golden, "fast");
  const StateDict state = trained->state();
  EXPECT_EQ(state.size(), golden.weights.size() + 1);
  const auto restored =
      std::dynamic_pointer_cast<Wdno>(make_baseline("wdno", golden.context("published"), golden.options));
  restored->load_state(state, "copy");
  EXPECT_TRUE(restored->rescaler().equal(trained->rescaler()));
  restored->load_state(golden.weights, "published weights");  // have no rescaler: it stays
  EXPECT_TRUE(restored->rescaler().equal(trained->rescaler()));
}

TEST(Wdno, WithoutARescalerPredictionSaysWhatToDo) {
  const PublishedCase golden = golden_case();
  const auto model = golden.make("fast");
  EXPECT_NE(error_of([&] { model->predict(golden.tensors.at("input")); }).find("model.rescaler"),
            std::string::npos);
  const auto sized = std::dynamic_pointer_cast<Wdno>(golden.make("fast"));
  EXPECT_NE(error_of([&] {
              sized->set_rescaler(at::zeros({1, 1, 1, 1, 7}), "file");
            }).find("(1, 1, 1, 1, 48)"),
            std::string::npos);
}

TEST(Wdno, SeededPredictionDoesNotDependOnTheBatch) {
  const PublishedCase golden = golden_case();
  const auto model = golden_model(golden, "fast");
  const at::Tensor x = golden.tensors.at("input");
  EXPECT_TRUE(model->seed_prediction(5));
  const at::Tensor together = model->predict(x);
  EXPECT_EQ(together.sizes(), golden.tensors.at("target").sizes());
  const at::Tensor second = model->predict(x.narrow(0, 1, 1));
  // Equal draws; the first step amplifies the rounding of differently sized batches up to 1825 times.
  EXPECT_LE(by_deviation(together.narrow(0, 1, 1), second), 2e-3);
  model->seed_prediction(6);
  EXPECT_GT(by_deviation(model->predict(x.narrow(0, 1, 1)), second), 1e-2);
}

TEST(Wdno, OnlyTheCorrectedDenoiserKnowsTheStep) {
  const PublishedCase golden = golden_case();
  const at::Tensor state = golden.tensors.at("loss/model_input");
  const at::Tensor early = at::zeros({state.size(0)}, at::kLong), late = early + 900;
  const auto published = golden_model(golden, "fast");
  EXPECT_TRUE(published->denoise(state, early).equal(published->denoise(state, late)));
  const auto corrected = golden_model(golden, "fast", "corrected");
  EXPECT_LE(
      by_deviation(corrected->denoise(state, early).detach(), published->denoise(state, early).detach()),
      1e-5);
  EXPECT_GT(by_deviation(corrected->denoise(state, late).detach(), published->denoise(state, late).detach()),
            1e-3);
}

TEST(Wdno, LossOfMeasuredChannelsIgnoresTheOthers) {
  const PublishedCase golden = golden_case();
  const auto model = golden_model(golden, "fast");
  const auto& tensors = golden.tensors;
  const auto value = [&](const at::Tensor& noise) {
    return model->loss_at(tensors.at("input"), tensors.at("target"), tensors.at("loss/t"), noise)
        .item<double>();
  };
  // The input of the denoiser changes with the noise, so compare the loss with the formula on the covered
  // channels.
  model->set_loss_channels(1);
  const at::Tensor noise = tensors.at("loss/noise");
  const int64_t covered = 8 * 2 + 8 * 2 * 1;  // condition of 2 channels, first output channel in 2 runs
  const at::Tensor error =
      (tensors.at("loss/model_output") - tensors.at("loss/noise_target")).narrow(-1, 0, covered);
  const double expected = error.square().mean().item<double>();
  EXPECT_NEAR(value(noise), expected, 1e-4 * expected);
}

TEST(Wdno, PublishedParameterCounts) {
  struct Published {
    const char* scenario;
    std::vector<int64_t> in, out;
    int64_t parameters;
    size_t entries;
  };
  const ShapeOnly no_storage;
  for (const Published& p :
       std::vector<Published>{{"cylinder", {20, 64, 128, 3}, {20, 64, 128, 3}, 104340160, 184},
                              {"controlled_cylinder", {10, 64, 128, 5}, {10, 64, 128, 3}, 359807696, 248},
                              {"fsi", {20, 64, 64, 3}, {20, 64, 64, 3}, 91692480, 248},
                              {"foil", {20, 64, 128, 3}, {20, 64, 128, 3}, 104340160, 184},
                              {"combustion", {20, 64, 64, 16}, {20, 64, 64, 16}, 122657680, 184}}) {
    const auto model = make_baseline("wdno", context_for(p.in, p.out, "published"),
                                     preset("wdno", "published", p.scenario).at("model"));
    EXPECT_EQ(model->parameter_count(), p.parameters) << p.scenario;
    EXPECT_EQ(model->state().size(), p.entries) << p.scenario;
  }
}

TEST(Wdno, StateGridIsPaddedPerAxis) {
  Json values = {{"dim", 8}, {"dim_mults", {1, 1}}, {"wave_type", "bior1.3"}, {"sampling_timesteps", 2}};
  const auto model = std::dynamic_pointer_cast<Wdno>(
      make_baseline("wdno", context_for({3, 10, 13, 1}, {3, 10, 13, 1}), values));
  EXPECT_EQ(model->state_shape(2), (std::vector<int64_t>{2, 4, 8, 12, 16}));  // coefficients 4, 7, 9
  const at::Tensor x = at::randn({1, 3, 10, 13, 1});
  EXPECT_TRUE(std::isfinite(model->loss(x, x).item<double>()));
  EXPECT_EQ(model->predict(x).sizes(), x.sizes());
}

TEST(Wdno, RejectsOptionsThatDoNotFit) {
  const auto make = [](const Json& values, int64_t frames) {
    return error_of([&] { make_baseline("wdno", context_for({4, 8, 8, 2}, {frames, 8, 8, 2}), values); });
  };
  EXPECT_NE(make({{"dim", 8}}, 6).find("multiple"), std::string::npos);
  EXPECT_NE(make({{"dim", 12}}, 4).find("multiple of 8"), std::string::npos);
  EXPECT_NE(make({{"dim", 8}, {"wave_type", "bior1.2"}}, 4).find("bior1.1"), std::string::npos);
  EXPECT_NE(make({{"dim", 8}, {"timesteps", 10}, {"sampling_timesteps", 20}}, 4).find("at most"),
            std::string::npos);
  EXPECT_NE(make({{"dim", 8}, {"pad_mode", "mirror"}}, 4).find("pad_mode"), std::string::npos);
}

TEST(WdnoWavelet, GoldenCoefficientsAndReconstruction) {
  const Json golden = core::read_json((published_folder("wdno") / "wavelet3d.json").string());
  const PublishedTensors tensors(published_folder("wdno") / "wavelet3d.safetensors");
  for (const auto& item : golden.at("items")) {
    const std::string index = std::to_string(item.at("index").get<int64_t>()) + "/";
    const at::Tensor data = tensors.at(index + "data");
    const wdno::Transform transform(wdno::filter_bank(item.at("wavelet").get<std::string>()), "zero",
                                    {data.size(1), data.size(2), data.size(3)});
    const at::Tensor coefficients = transform.analyse(data.unsqueeze(-1));
    EXPECT_LE(by_deviation(coefficients.permute({0, 4, 1, 2, 3}), tensors.at(index + "coef")), 1e-5) << index;
    EXPECT_LE(by_deviation(transform.synthesise(coefficients).squeeze(-1), data), 1e-5) << index;
  }
}

TEST(WdnoWavelet, EveryWaveletReconstructsForEveryBorder) {
  torch::manual_seed(1);
  const at::Tensor x = at::randn({2, 5, 12, 7, 3});
  for (const char* name : {"haar", "db1", "db2", "db3", "bior1.1", "bior1.3", "bior2.2"})
    for (const auto& mode : wdno::pad_modes()) {
      const wdno::Transform transform(wdno::filter_bank(name), mode, {5, 12, 7});
      EXPECT_LE(by_deviation(transform.synthesise(transform.analyse(x)), x), 1e-5) << name << ' ' << mode;
    }
}

TEST(WdnoWavelet, BandsAreOrderedByTimeHeightWidth) {
  const wdno::Transform transform(wdno::filter_bank("haar"), "zero", {2, 2, 2});
  at::Tensor x = at::zeros({1, 2, 2, 2, 2});
  x.select(4, 1).select(1, 0).fill_(1);  // channel 1 varies along time only: 1, 0
  const at::Tensor coefficients = transform.analyse(x).flatten();
  for (int64_t channel = 0; channel < 16; ++channel) {
    const double expected = channel == 8 || channel == 12 ? std::sqrt(2.0) : 0;  // aaa, daa
    EXPECT_NEAR(coefficients[channel].item<double>(), expected, 1e-6) << channel;
  }
}

TEST(WdnoWavelet, TimeRunsFoldIntoChannels) {
  const at::Tensor y = at::randn({2, 6, 3, 4, 2});
  const at::Tensor folded = wdno::fold_time(y, 3);
  ASSERT_EQ(folded.sizes(), (std::vector<int64_t>{2, 2, 3, 4, 6}));
  EXPECT_TRUE(folded.select(4, 1 * 3 + 2).select(1, 1).equal(y.select(4, 1).select(1, 2 * 2 + 1)));
  EXPECT_TRUE(wdno::unfold_time(folded, 3).equal(y));
}

TEST(WdnoSchedule, GoldenBetasLevelsAndTimes) {
  const PublishedTensors tensors(published_folder("wdno") / "schedules.safetensors");
  for (const auto& name : tensors.names()) {
    const at::Tensor expected = tensors.at(name).to(at::kDouble);
    const auto parts = core::split(name, '/');
    const auto betas = wdno::betas(parts[0], expected.numel());
    const auto levels = wdno::schedule_buffers(betas)[1].second;
    for (int64_t i = 0; i < expected.numel(); ++i) {
      const double value = expected[i].item<double>();
      const double got =
          parts[1] == "betas_f64" ? betas[static_cast<size_t>(i)] : levels[static_cast<size_t>(i)];
      ASSERT_NEAR(got, value, parts[1] == "betas_f64" ? 1e-12 : 1e-6 * value) << name << i;
    }
  }
  const Json golden = core::read_json((published_folder("wdno") / "schedules.json").string());
  for (const auto& [samples, times] : golden.at("ddim_times_T1000").items())
    EXPECT_EQ(wdno::ddim_times(1000, std::stoll(samples)), times.get<std::vector<int64_t>>()) << samples;
}

}  // namespace
}  // namespace windtunnel::baselines
