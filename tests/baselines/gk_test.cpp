#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <torch/utils.h>

#include "baselines/gk_transformer/gk_transformer.h"
#include "baselines/presets.h"
#include "tests/baselines/published_case.h"

namespace windtunnel::baselines {
namespace {

PublishedCase two_layers() {
  return {"gk", "gk_two_layers", "gk_transformer", GkTransformerOptions::from_published};
}

TEST(GkGolden, BothKernelsGiveThePublishedNumbers) {
  expect_published_numbers(two_layers(), true, "train_dropout_mask/");
}

TEST(GkGolden, CorrectedEvaluationDropsNothing) {
  const PublishedCase golden = two_layers();
  for (const char* kernels : {"fast", "reference"}) {
    const auto model = golden.make(kernels, "corrected");
    model->eval();
    EXPECT_LE(by_deviation(without_gradient(*model, golden.tensors.at("input")),
                           golden.tensors.at("output_dropout_off")),
              1e-4);
  }
}

TEST(GkGolden, RunningStatisticsIncludeThePadding) {
  const PublishedCase golden = two_layers();
  const auto model = golden.make("fast");
  model->train();
  const Masks masks(&golden.tensors, "train_dropout_mask/");
  EXPECT_LE(
      by_deviation(without_gradient(*model, golden.tensors.at("input")), golden.tensors.at("output_train")),
      1e-4);
  for (const auto& item : model->named_buffers())
    if (golden.tensors.contains("after_train_step/" + item.key())) {
      EXPECT_LE(by_deviation(item.value(), golden.tensors.at("after_train_step/" + item.key())), 1e-4)
          << item.key();
    }
}

GkTransformerOptions small_options() {
  GkTransformerOptions options;
  options.n_hidden = 12;
  options.n_head = 3;
  options.dim_feedforward = 8;
  options.freq_dim = 6;
  options.fourier_modes_t = 2;
  options.fourier_modes_x = 3;
  options.fourier_modes_y = 4;
  return options;
}

// The shortcut of evaluation leaves out the padded region of the last layer; a trace makes it compute
// everything.
TEST(GkTransformer, EvaluationShortcutChangesNothing) {
  for (const int64_t layers : {1, 2}) {
    GkTransformerOptions options = small_options();
    options.num_regressor_layers = layers;
    const auto model_owner =
        std::make_shared<GkTransformer>(context_for({3, 5, 7, 2}, {6, 5, 7, 1}), options);
    GkTransformer& model = *model_owner;
    model.eval();
    const at::Tensor x = at::randn({2, 3, 5, 7, 2});
    const at::Tensor quick = without_gradient(model, x);
    const Masks traced(nullptr, "");
    EXPECT_LE(by_deviation(quick, without_gradient(model, x)), 1e-4);
  }
}

TEST(GkTransformer, PublishedPredictionIsRandomAndSeedable) {
  const auto published_owner =
      std::make_shared<GkTransformer>(context_for({3, 4, 4, 1}, {3, 4, 4, 1}, "published"), small_options());
  GkTransformer& published = *published_owner;
  published.eval();
  {
    at::NoGradGuard guard;
    for (auto& p : published.parameters()) p.add_(at::randn(p.sizes()) * 0.3);
  }
  const at::Tensor x = at::randn({1, 3, 4, 4, 1});
  const auto predict = [&](uint64_t seed) {
    at::NoGradGuard guard;
    EXPECT_TRUE(published.seed_prediction(seed));
    return published.predict(x);
  };
  const at::Tensor first = predict(1);
  EXPECT_TRUE(first.equal(predict(1)));
  EXPECT_FALSE(first.equal(predict(2)));

  const auto corrected_owner =
      std::make_shared<GkTransformer>(context_for({3, 4, 4, 1}, {3, 4, 4, 1}), small_options());
  GkTransformer& corrected = *corrected_owner;
  corrected.eval();
  EXPECT_FALSE(corrected.seed_prediction(1));
  EXPECT_TRUE(without_gradient(corrected, x).equal(without_gradient(corrected, x)));
}

TEST(GkTransformer, PublishedLayersStartEqual) {
  GkTransformerOptions options = small_options();
  options.num_encoder_layers = 2;
  const auto equal = [&](const std::string& compat) {
    const auto model_owner =
        std::make_shared<GkTransformer>(context_for({3, 4, 4, 1}, {3, 4, 4, 1}, compat), options);
    GkTransformer& model = *model_owner;
    const auto p = model.named_parameters();
    return p["encoder_layers.0.ff.lr1.weight"].equal(p["encoder_layers.1.ff.lr1.weight"]);
  };
  EXPECT_TRUE(equal("published"));
  EXPECT_FALSE(equal("corrected"));
}

TEST(GkTransformer, ReadsPublishedConfigurations) {
  const core::Json options = GkTransformerOptions::from_published(
      {{"attention_type", "galerkin"}, {"regressor_activation", nullptr}, {"debug", false}, {"n_head", 2}});
  EXPECT_EQ(options, (core::Json{{"regressor_activation", "silu"}, {"n_head", 2}}));
  EXPECT_EQ(
      GkTransformerOptions::from_published({{"regressor_activation", "elu"}}).at("regressor_activation"),
      "relu");
  EXPECT_NE(error_of([] {
              GkTransformerOptions::from_published({{"attention_type", "softmax"}});
            }).find("galerkin"),
            std::string::npos);
  EXPECT_NE(error_of([] {
              GkTransformerOptions::from_published({{"batch_norm", true}});
            }).find("batch_norm"),
            std::string::npos);
}

TEST(GkTransformer, ReluHeadDiffersFromSilu) {
  GkTransformerOptions options = small_options();
  const auto context = context_for({3, 4, 4, 1}, {3, 4, 4, 1});
  const auto silu_owner = std::make_shared<GkTransformer>(context, options);
  GkTransformer& silu = *silu_owner;
  options.regressor_activation = "relu";
  const auto relu_owner = std::make_shared<GkTransformer>(context, options);
  GkTransformer& relu = *relu_owner;
  relu.load_state(silu.state(), "");
  silu.eval();
  relu.eval();
  const at::Tensor x = at::randn({1, 3, 4, 4, 1});
  EXPECT_FALSE(without_gradient(silu, x).equal(without_gradient(relu, x)));
}

TEST(GkTransformer, RejectsWhatItCannotDo) {
  const auto error = [](std::vector<int64_t> in, std::vector<int64_t> out, core::Json values) {
    return error_of([&] { make_baseline("gk_transformer", context_for(in, out), values); });
  };
  EXPECT_NE(error({4, 8, 8, 1}, {6, 8, 8, 1}, {}).find("multiple of the input frames"), std::string::npos);
  EXPECT_NE(error({4, 8, 8, 1}, {4, 8, 8, 1}, {{"n_head", 3}}).find("n_head 3"), std::string::npos);
  EXPECT_NE(error({4, 8, 8, 1}, {4, 8, 8, 1}, {{"fourier_modes_t", 11}}).find("at most 10"),
            std::string::npos);
  EXPECT_NE(error({4, 8, 8, 1}, {4, 8, 8, 1}, {{"fourier_modes_x", 15}}).find("at most 14"),
            std::string::npos);
  EXPECT_NE(
      error({4, 8, 8, 1}, {4, 8, 8, 1}, {{"fourier_modes_x", 4}, {"fourier_modes_y", 9}}).find("at most 8"),
      std::string::npos);
  const auto model_owner =
      std::make_shared<GkTransformer>(context_for({3, 4, 4, 1}, {3, 4, 4, 1}), small_options());
  GkTransformer& model = *model_owner;
  EXPECT_NE(error_of([&] {
              model.forward(at::zeros({1, 3, 4, 5, 1}));
            }).find("(3, 4, 4, 1)"),
            std::string::npos);
  StateDict state = model.state();
  state.pop_back();
  EXPECT_NE(error_of([&] { model.load_state(state, "file"); }).find("regressor.regressor2.bias"),
            std::string::npos);
}

TEST(GkTransformer, PublishedSettingsHaveThePublishedSize) {
  const ShapeOnly shape_only;
  const auto model =
      make_baseline("gk_transformer", context_for({20, 64, 128, 3}, {20, 64, 128, 3}, "published"),
                    preset("gk_transformer", "published", "cylinder").at("model"));
  EXPECT_EQ(model->parameter_count(), 84350851);
}

}  // namespace
}  // namespace windtunnel::baselines
