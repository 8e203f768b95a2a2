#include "baselines/fno/fno.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/rand_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randn_like.h>
#include <ATen/ops/view_as_real.h>

#include "network_case.h"

namespace windtunnel::baselines {
namespace {

const char* const kKernels[] = {"fast", "reference"};

at::Tensor pairs(const at::Tensor& tensor) { return tensor.is_complex() ? at::view_as_real(tensor) : tensor; }

core::Json sizes(int64_t m1, int64_t m2, int64_t m3, int64_t layers, int64_t width) {
  return {{"modes1", m1}, {"modes2", m2}, {"modes3", m3}, {"n_layers", layers}, {"width", width}};
}

std::shared_ptr<Fno> make(const ModelContext& context, core::Json options,
                          const std::string& kernels = "auto") {
  options["kernels"] = kernels;
  return std::dynamic_pointer_cast<Fno>(make_baseline("fno", context, options));
}

class GoldenFno : public testing::TestWithParam<const char*> {
 protected:
  core::Json golden_json(const std::string& name) {
    return core::read_json(std::string(WINDTUNNEL_GOLDEN) + "/baselines/fno/" + name + ".json");
  }
  /// The case's model with the kernels under test.
  std::shared_ptr<Baseline> load(const NetworkCase& golden, const std::string& kernels) {
    core::Json options = options_of(golden.json.at("config"));
    options["kernels"] = kernels;
    auto model = make_baseline("fno", golden.context("published"), options);
    model->load_state(load_weights(golden.checkpoint()).state, golden.checkpoint());
    return model;
  }
  static core::Json options_of(const core::Json& config) {
    core::Json options = config;
    options.erase("shape_in");
    options.erase("shape_out");
    return options;
  }
};

TEST_P(GoldenFno, EvaluationAndTraining) {
  const NetworkCase golden("fno", GetParam(), options_of);
  const at::Tensor x = golden.tensor("input"), y = golden.tensor("target");
  for (const std::string kernels : kKernels) {
    SCOPED_TRACE(kernels);
    const auto evaluated = load(golden, kernels);
    expect_close(inference(*evaluated, x), golden.tensor("output"), 2e-5, "output");
    EXPECT_EQ(evaluated->parameter_count(), golden.json.at("parameter_count").get<int64_t>());
    const auto zero = evaluated->zero_gradient_parameters();
    for (const std::string mode : {"eval", "train"}) {
      SCOPED_TRACE(mode);
      const core::Json& expected = golden.json.at(mode);
      const auto model = load(golden, kernels);
      model->train(mode == "train");
      const at::Tensor output = model->forward(x);
      expect_close(output, golden.tensor(mode == "train" ? "output_train" : "output"), 2e-5, "output");
      at::mse_loss(output, y).backward();
      double largest_norm = 0;
      for (const auto& [name, norm] : expected.at("grad_l2").items())
        largest_norm = std::max(largest_norm, norm.at("ref").get<double>());
      for (const auto& item : model->named_parameters()) {
        if (mode == "train" && std::find(zero.begin(), zero.end(), item.key()) != zero.end()) continue;
        const at::Tensor gradient = pairs(model->to_published(item.key(), item.value().grad()));
        const double norm = expected.at("grad_l2").at(item.key()).at("ref").get<double>();
        EXPECT_NEAR(norm_of(gradient), norm, 1e-4 * norm + 1e-6 * largest_norm) << item.key();
        const std::string full = "grad_" + mode + "." + item.key();
        if (golden.tensors().contains(full)) expect_close(gradient, golden.tensor(full), 1e-4, full);
      }
      if (mode == "train")
        for (const auto& [name, value] : model->state())
          if (const std::string stored = "after_train_forward." + name; golden.tensors().contains(stored))
            expect_close(value, golden.tensor(stored), 2e-5, stored);
    }
  }
}

TEST_P(GoldenFno, ThreeAdamSteps) {
  const NetworkCase golden("fno", GetParam(), options_of);
  const core::Json& steps = golden.json.at("adam3");
  const auto zero = steps.at("zero_gradient_parameters").get<std::vector<std::string>>();
  const auto model = load(golden, "auto");
  model->train();
  Adam adam(model->trainable_parameters(), {.learning_rate = steps.at("lr").get<double>()});
  for (const auto& expected : steps.at("losses")) {
    adam.zero_grad();
    const at::Tensor loss = model->loss(golden.tensor("input"), golden.tensor("target"));
    EXPECT_NEAR(loss.item<double>(), expected.get<double>(), 1e-4 * expected.get<double>());
    loss.backward();
    adam.step();
  }
  for (const auto& [name, value] : model->state()) {
    if (!steps.at("param_l2").contains(name) || std::find(zero.begin(), zero.end(), name) != zero.end())
      continue;
    const double norm = steps.at("param_l2").at(name).at("ref").get<double>();
    EXPECT_NEAR(norm_of(pairs(value)), norm, 1e-4 * norm) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Fno, GoldenFno, testing::Values("fno_p1", "fno_p2", "fno_p3"));

TEST(Fno, InitialValuesFollowThePublishedDraws) {
  const core::Json golden =
      core::read_json(std::string(WINDTUNNEL_GOLDEN) + "/baselines/fno/init_fingerprints.json");
  const core::Json& config = golden.at("config");
  const auto shape = [&](const char* key) {
    const auto s = config.at(key).get<std::vector<int64_t>>();
    return SampleShape{s[0], s[1], s[2], s[3]};
  };
  at::manual_seed(golden.at("seed").get<uint64_t>());
  const auto model = make({shape("shape_in"), shape("shape_out")}, sizes(2, 3, 4, 2, 6));
  EXPECT_NEAR(at::rand({1}).item<double>(), golden.at("next_uniform").get<double>(), 1e-7);
  for (const auto& [name, value] : model->state()) {
    const core::Json& facts = golden.at("tensors").at(name);
    const at::Tensor flat = pairs(value).to(at::kDouble).flatten();
    EXPECT_NEAR(flat[0].item<double>(), facts.at("first").at(0).get<double>(), 1e-7) << name;
    EXPECT_NEAR(flat[-1].item<double>(), facts.at("last").get<double>(), 1e-7) << name;
    EXPECT_NEAR(norm_of(flat), facts.at("l2").get<double>(), 1e-6 * (1 + facts.at("l2").get<double>()))
        << name;
  }
}

/// Two models of equal, thoroughly shuffled weights and running statistics, in double precision.
struct KernelPair {
  KernelPair(const ModelContext& context, const core::Json& options)
      : reference(make(context, options, "reference")), fast(make(context, options, "fast")) {
    at::NoGradGuard guard;
    reference->to(at::kDouble);
    fast->to(at::kDouble);
    const auto parameters = fast->named_parameters(), buffers = fast->named_buffers();
    for (auto& item : reference->named_parameters()) {
      item.value().add_(at::randn_like(item.value()), 0.1);
      parameters[item.key()].detach().copy_(item.value());
    }
    for (auto& item : reference->named_buffers()) {
      if (item.value().is_floating_point()) item.value().add_(at::rand_like(item.value()));
      buffers[item.key()].detach().copy_(item.value());
    }
  }
  std::shared_ptr<Fno> reference, fast;
};

double deviation(const at::Tensor& a, const at::Tensor& b) { return largest(a - b) / (1e-12 + largest(b)); }

at::Tensor random_like(const SampleShape& s, int64_t batch) {
  return at::randn({batch, s.frames, s.height, s.width, s.channels}, at::kDouble);
}

TEST(Fno, FastAndReferenceKernelsAgree) {
  const std::vector<std::pair<ModelContext, core::Json>> cases = {
      {{{6, 12, 20, 3}, {6, 12, 20, 3}}, sizes(2, 3, 4, 3, 6)},  // even
      {{{5, 9, 11, 2}, {5, 9, 11, 3}}, sizes(3, 4, 5, 2, 5)},    // odd
      {{{4, 8, 10, 5}, {8, 8, 10, 3}}, sizes(2, 5, 9, 2, 4)},    // frame factor, every bin of an even axis
      {{{4, 5, 7, 2}, {4, 5, 7, 2}}, sizes(6, 4, 7, 4, 4)},  // overlap along time, every bin of an odd axis
      {{{3, 8, 6, 1}, {3, 8, 6, 2}}, sizes(5, 9, 7, 2, 5)},  // overlap along both axes
      {{{1, 1, 1, 1}, {1, 1, 1, 1}}, sizes(7, 7, 4, 1, 3)},  // single points, every mode, one layer
      {{{2, 40, 60, 1}, {2, 40, 60, 1}}, sizes(1, 2, 3, 2, 40)}};  // several slabs per sample
  at::manual_seed(11);
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE("case " + std::to_string(i));
    const auto& [context, options] = cases[i];
    for (const bool training : {false, true}) {
      SCOPED_TRACE(training ? "train" : "eval");
      const KernelPair models(context, options);
      models.reference->train(training);
      models.fast->train(training);
      const at::Tensor x = random_like(context.input, 2).requires_grad_(), y = random_like(context.output, 2);
      const at::Tensor x_fast = x.detach().clone().requires_grad_();
      if (!training) {
        EXPECT_LT(deviation(inference(*models.fast, x), inference(*models.reference, x)), 1e-11);
      }
      const at::Tensor a = models.reference->forward(x), b = models.fast->forward(x_fast);
      EXPECT_LT(deviation(b, a), 1e-11);
      at::mse_loss(a, y).backward();
      at::mse_loss(b, y).backward();
      EXPECT_LT(deviation(x_fast.grad(), x.grad()), 1e-10);
      const auto parameters = models.fast->named_parameters();
      for (const auto& item : models.reference->named_parameters()) {
        const bool cancelled = training && item.key().starts_with("convs.") && item.key().ends_with("bias");
        if (cancelled)
          EXPECT_EQ(largest(parameters[item.key()].grad()), 0) << item.key();
        else
          EXPECT_LT(deviation(parameters[item.key()].grad(), item.value().grad()), 1e-9) << item.key();
      }
      const auto buffers = models.fast->named_buffers();
      for (const auto& item : models.reference->named_buffers())
        EXPECT_LT(deviation(buffers[item.key()].to(at::kDouble), item.value().to(at::kDouble)), 1e-11)
            << item.key();
    }
  }
}

TEST(Fno, GradientsMatchFiniteDifferences) {
  const int threads = at::get_num_threads();
  at::set_num_threads(
      1);  // hundreds of passes over a few points: joining threads would cost more than the work
  at::manual_seed(3);
  const ModelContext context{{3, 4, 5, 2}, {6, 4, 5, 2}};
  const KernelPair models(context, sizes(2, 3, 4, 2, 3));
  const at::Tensor x = random_like(context.input, 2), y = random_like(context.output, 2);
  for (const bool training : {false, true}) {
    models.fast->train(training);
    models.fast->zero_grad();
    models.fast->loss(x, y).backward();
    for (auto& item : models.fast->named_parameters()) {
      at::Tensor& parameter = item.value();
      const at::Tensor direction = at::randn_like(parameter).detach();
      const double predicted = (parameter.grad() * direction).sum().item<double>();
      const auto at_offset = [&](double h) {
        at::NoGradGuard guard;
        const at::Tensor saved = parameter.detach().clone();
        parameter.add_(direction, h);
        const double loss = models.fast->loss(x, y).item<double>();
        parameter.copy_(saved);
        return loss;
      };
      constexpr double h = 1e-5;
      const double measured = (at_offset(h) - at_offset(-h)) / (2 * h);
      EXPECT_NEAR(predicted, measured, 1e-6 * (1 + std::abs(measured))) << item.key();
    }
  }
  at::set_num_threads(threads);
}

TEST(Fno, StateGoesRoundInPublishedLayout) {
  const ModelContext context{{3, 6, 8, 2}, {3, 6, 8, 1}};
  const core::Json options = sizes(2, 3, 4, 2, 5);
  const auto first = make(context, options), second = make(context, options);
  const StateDict state = first->state();
  EXPECT_EQ(state[2].first, "spectral_convs.0.weights1");
  EXPECT_EQ(state[2].second.sizes(), (at::IntArrayRef{5, 5, 2, 3, 4}));
  EXPECT_TRUE(state[2].second.is_complex());
  second->load_state(state, "copy");
  const at::Tensor x = at::randn({1, 3, 6, 8, 2});
  EXPECT_TRUE(inference(*first, x).equal(inference(*second, x)));
}

TEST(Fno, TwoForwardPassesBeforeOneBackward) {
  const ModelContext context{{2, 4, 4, 1}, {2, 4, 4, 1}};
  const auto model = make(context, sizes(1, 2, 2, 2, 3), "fast");
  const at::Tensor x = at::randn({2, 2, 4, 4, 1});
  const at::Tensor a = model->forward(x), b = model->forward(x);
  (a + b).sum().backward();
  EXPECT_TRUE(model->fc0->weight.grad().defined());
  EXPECT_EQ(model->bns[0]->num_batches_tracked.item<int64_t>(), 2);
}

TEST(Fno, CountsParametersWithoutBuilding) {
  const ModelContext context{{4, 6, 8, 5}, {8, 6, 8, 3}};
  FnoOptions options;
  core::read_options(options, sizes(2, 3, 4, 3, 7), "test");
  EXPECT_EQ(Fno::count_parameters(context, options), Fno(context, options).parameter_count());
  FnoOptions published;  // the defaults are the published cylinder model
  EXPECT_EQ(Fno::count_parameters({{20, 64, 128, 3}, {20, 64, 128, 3}}, published), 50357955);
}

TEST(Fno, RefusesWhatDoesNotFit) {
  const SampleShape grid{4, 8, 8, 3};
  EXPECT_NE(thrown_by([&] {
              make({grid, grid}, sizes(11, 3, 4, 1, 4));
            }).find("modes1 = 11"),
            std::string::npos);
  EXPECT_NE(thrown_by([&] {
              make({grid, grid}, sizes(2, 3, 9, 1, 4));
            }).find("at most 8"),
            std::string::npos);
  EXPECT_NE(thrown_by([&] {
              make({grid, {6, 8, 8, 3}}, sizes(2, 3, 4, 1, 4));
            }).find("multiple"),
            std::string::npos);
  EXPECT_NE(thrown_by([&] {
              make({grid, {2, 8, 8, 3}}, sizes(2, 3, 4, 1, 4));
            }).find("multiple"),
            std::string::npos);
  EXPECT_NE(thrown_by([&] {
              make({grid, {4, 8, 9, 3}}, sizes(2, 3, 4, 1, 4));
            }).find("grid"),
            std::string::npos);
  const auto model = make({grid, grid}, sizes(2, 3, 4, 1, 4));
  EXPECT_NE(thrown_by([&] {
              model->forward(at::randn({1, 4, 8, 9, 3}));
            }).find("(1, 4, 8, 9, 3)"),
            std::string::npos);
  EXPECT_NE(thrown_by([&] { model->forward(at::randn({0, 4, 8, 8, 3})); }).find("B >= 1"), std::string::npos);
}

TEST(Fno, NamesTheEntryOfMisshapenWeights) {
  const SampleShape grid{4, 8, 8, 3};
  const auto narrow = make({grid, grid}, sizes(2, 3, 4, 1, 4)),
             wide = make({grid, grid}, sizes(2, 3, 4, 1, 5));
  const std::string text = thrown_by([&] { narrow->load_state(wide->state(), "wide.pth"); });
  EXPECT_NE(text.find("wide.pth"), std::string::npos) << text;
  EXPECT_NE(text.find("'fc0.weight' has shape (5, 6)"), std::string::npos) << text;
}

}  // namespace
}  // namespace windtunnel::baselines
