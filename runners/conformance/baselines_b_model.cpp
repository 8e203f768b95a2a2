#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "baselines/adam.h"
#include "baselines/checkpoint.h"
#include "core/error.h"
#include "runners/conformance/baselines_b.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

constexpr double kOutput = 1e-4;    // of the standard deviation
constexpr double kLoss = 1e-4;      // relative
constexpr double kGradient = 2e-3;  // of the gradient's norm
constexpr double kTrained = 5e-3;   // of the standard deviation
constexpr double kNoise = 1e-5;     // gradients below this fraction of the largest are rounding noise

struct ModelCase {
  core::Json json;
  GoldenTensors tensors;
  StateDict weights;
  std::string origin;
  const PublishedModel& published;

  std::shared_ptr<Baseline> make(const std::string& kernels, const std::string& compat = "published") const {
    core::Json options = published.options(json.at("config"));
    options["kernels"] = kernels;
    const auto model = baselines::make_baseline(
        published.baseline, golden_context(json.at("shape_in"), json.at("shape_out"), compat), options,
        origin);
    model->load_state(weights, origin);
    return model;
  }
  at::Tensor input() const { return tensors.at("input"); }
  at::Tensor target() const { return tensors.at("target"); }
  bool trained_mode() const { return json.value("loss_mode", "").find("train mode") == 0; }
  std::string mask_prefix() const {
    return tensors.contains("train_dropout_mask/0") ? "train_dropout_mask/" : "dropout_mask/";
  }
};

at::Tensor forward(Baseline& model, const at::Tensor& x) {
  at::NoGradGuard guard;
  return model.forward(x);
}

void check_evaluation(CaseResult& result, const ModelCase& golden, const std::string& kernels) {
  const auto model = golden.make(kernels);
  model->eval();
  at::Tensor output;
  std::map<std::string, at::Tensor> values;
  {
    Recorder recorder(golden.tensors, "eval_dropout_mask/");
    output = forward(*model, golden.input());
    result.expect(kernels + " dropout calls", recorder.all_used());
    values = recorder.values();
  }
  compare_by_deviation(result, kernels + " output", output, golden.tensors.at("output"), kOutput);
  for (const auto& name : golden.tensors.names("act/"))
    compare_by_deviation(result, kernels + " act " + name, values.at(name), golden.tensors.at("act/" + name),
                         kOutput);
  if (!golden.tensors.contains("output_dropout_off")) {
    // Without a trace the models take their shortest way.
    compare_by_deviation(result, kernels + " untraced output", forward(*model, golden.input()),
                         golden.tensors.at("output"), kOutput);
    return;
  }
  const at::Tensor expected = golden.tensors.at("output_dropout_off");
  {
    Recorder recorder(Recorder::Dropout::off);
    compare_by_deviation(result, kernels + " output_dropout_off", forward(*model, golden.input()), expected,
                         kOutput);
  }
  const auto corrected = golden.make(kernels, "corrected");
  corrected->eval();
  compare_by_deviation(result, kernels + " corrected output", forward(*corrected, golden.input()), expected,
                       kOutput);
}

void check_gradients(CaseResult& result, const ModelCase& golden, const std::string& kernels) {
  const auto model = golden.make(kernels);
  model->train(golden.trained_mode());
  Recorder recorder(golden.tensors, golden.mask_prefix());
  if (golden.tensors.contains("output_train") && golden.trained_mode()) {
    Recorder again(golden.tensors, golden.mask_prefix());
    const auto other = golden.make(kernels);
    other->train();
    compare_by_deviation(result, kernels + " output_train", forward(*other, golden.input()),
                         golden.tensors.at("output_train"), kOutput);
  }
  const at::Tensor loss = model->loss(golden.input(), golden.target());
  const double expected_loss = golden.json.at("loss").get<double>();
  result.compare(kernels + " loss", loss.item<double>(), expected_loss, kLoss * std::abs(expected_loss));
  loss.backward();
  if (golden.trained_mode()) {
    result.expect(kernels + " dropout calls of training", recorder.all_used());
    for (const auto& name : golden.tensors.names("after_train_step/"))
      compare_by_deviation(result, kernels + " after_train_step " + name,
                           entry(model->state(), name, golden.origin),
                           golden.tensors.at("after_train_step/" + name), kOutput);
  }

  compare_golden_gradients(result, *model, golden.json.at("grad_l2"), golden.tensors, kernels, golden.origin,
                           {kGradient, kNoise});
}

void check_training(CaseResult& result, const ModelCase& golden, const std::string& kernels) {
  const auto model = golden.make(kernels);
  model->train();
  Recorder recorder(Recorder::Dropout::off);
  repeat_golden_updates(result, *model, golden.json.at("train_steps"), golden.tensors, kernels, golden.origin,
                        [&] { return model->loss(golden.input(), golden.target()); },
                        {kTrained, kTrained, kTrained});
}

}  // namespace

void compare_golden_gradients(CaseResult& result, const baselines::Baseline& model, const core::Json& norms,
                              const GoldenTensors& tensors, const std::string& kernels,
                              const std::string& origin, const GradientTolerance& tolerance) {
  const StateDict gradients = published_gradients(model);
  double largest = 0;
  for (const auto& [name, norm] : norms.items())
    if (norm.is_number()) largest = std::max(largest, norm.get<double>());
  for (const auto& [name, norm] : norms.items()) {
    const at::Tensor gradient = entry(gradients, name, origin);
    const std::string what = kernels + " grad_l2 " + name;
    if (norm.is_null()) {
      result.expect(what + " is absent", !gradient.defined());
      continue;
    }
    const double got = gradient.defined() ? l2_norm(gradient) : 0, expected = norm.get<double>();
    if (expected < tolerance.vanishing * largest)
      result.record(what, got, tolerance.vanishing * largest);
    else
      result.compare(what, got, expected, tolerance.relative * expected);
  }
  for (const auto& name : tensors.names("grad/")) {
    const at::Tensor expected = tensors.at("grad/" + name);
    compare_tensor(result, kernels + " grad " + name, entry(gradients, name, origin), expected,
                   tolerance.relative, l2_norm(expected));
  }
}

void repeat_golden_updates(CaseResult& result, baselines::Baseline& model, const core::Json& steps,
                           const GoldenTensors& tensors, const std::string& kernels,
                           const std::string& origin, const std::function<at::Tensor()>& loss_of,
                           const UpdateTolerance& tolerance) {
  baselines::Adam adam(model.trainable_parameters(),
                       {steps.at("lr").get<double>(), steps.at("betas").at(0).get<double>(),
                        steps.at("betas").at(1).get<double>(), steps.at("eps").get<double>()});
  for (size_t i = 0; i < steps.at("losses").size(); ++i) {
    const std::string number = kernels + " step " + std::to_string(i + 1);
    adam.zero_grad();
    adam.set_learning_rate(steps.at("lrs_used").at(i).get<double>());
    const at::Tensor loss = loss_of();
    loss.backward();
    const double norm = adam.clip_gradients(steps.at("clip_grad_norm").get<double>());
    adam.step();
    const double expected_loss = steps.at("losses").at(i).get<double>();
    const double expected_norm = steps.at("grad_norm_before_clip").at(i).get<double>();
    result.compare(number + " loss", loss.item<double>(), expected_loss,
                   tolerance.loss * std::abs(expected_loss));
    result.compare(number + " gradient norm", norm, expected_norm, tolerance.norm * expected_norm);
  }
  const StateDict trained = model.state();
  for (const auto& name : tensors.names("trained/"))
    compare_by_deviation(result, kernels + " trained " + name, entry(trained, name, origin),
                         tensors.at("trained/" + name), tolerance.weights);
}

void compare_by_deviation(CaseResult& result, const std::string& what, const at::Tensor& got,
                          const at::Tensor& expected, double tolerance) {
  const double deviation = expected.numel() > 1 ? expected.to(at::kDouble).std().item<double>() : 0;
  const double scale = deviation > 0 ? deviation : std::max(1e-30, expected.abs().max().item<double>());
  compare_tensor(result, what, got, expected, tolerance, scale);
}

void compare_state_layout(CaseResult& result, const StateDict& state, const core::Json& expected) {
  result.expect("number of state entries", state.size() == expected.size());
  for (size_t i = 0; i < std::min(state.size(), expected.size()); ++i) {
    const auto& [name, tensor] = state[i];
    static const std::map<std::string, at::ScalarType> kTypes = {
        {"float32", at::kFloat}, {"complex64", at::kComplexFloat}, {"int64", at::kLong}};
    const std::string wanted = expected.at(i).at(0).get<std::string>();
    result.expect("state entry " + std::to_string(i) + " (" + name + " for " + wanted + ")", name == wanted);
    const auto type = kTypes.find(expected.at(i).at(1).get<std::string>());
    result.expect("dtype of " + name, type != kTypes.end() && type->second == tensor.scalar_type());
    result.expect("shape of " + name,
                  tensor.sizes().vec() == expected.at(i).at(2).get<std::vector<int64_t>>());
  }
}

void compare_state_values(CaseResult& result, const std::string& what, const StateDict& got,
                          const StateDict& expected) {
  result.expect(what + ": number of entries", got.size() == expected.size());
  for (const auto& [name, value] : expected)
    result.expect(what + ": " + name, entry(got, name, what).equal(value));
}

void check_model_case(CaseResult& result, const PublishedModel& model, const fs::path& json) {
  fs::path weights = json, tensors = json;
  weights.replace_extension(".pth");
  tensors.replace_extension(".safetensors");
  const ModelCase golden{core::read_json(json), GoldenTensors(tensors),
                         baselines::load_weights(weights).state, weights.string(), model};
  for (const char* kernels : {"fast", "reference"}) {
    const auto built = golden.make(kernels);
    compare_state_layout(result, built->state(), golden.json.at("state_dict"));
    result.expect("parameter count", built->parameter_count() == golden.json.at("num_params").get<int64_t>());
    compare_state_values(result, "state after loading", built->state(), golden.weights);
    check_evaluation(result, golden, kernels);
    check_gradients(result, golden, kernels);
    if (golden.json.contains("train_steps")) check_training(result, golden, kernels);
  }
}

}  // namespace windtunnel::runners
