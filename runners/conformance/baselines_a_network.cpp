#include <ATen/TensorOperators.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/view_as_complex.h>

#include <algorithm>
#include <set>

#include "baselines/adam.h"
#include "baselines/checkpoint.h"
#include "core/error.h"
#include "runners/conformance/baselines_a.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

constexpr double kOutput = 2e-5;     // of max |output|
constexpr double kLoss = 1e-5;       // relative
constexpr double kNorm = 1e-4;       // relative, plus
constexpr double kNormFloor = 1e-6;  // of the largest norm
constexpr double kGradient = 1e-4;   // of its maximum
constexpr double kTrained = 1e-4;    // relative
constexpr double kStored = 1e-6;     // norms of what a file holds, relative

struct NetworkCase {
  NetworkCase(const std::string& baseline_name, const fs::path& path)
      : baseline(baseline_name),
        json(core::read_json(path.string())),
        tensors(fs::path(path).replace_extension(".safetensors")),
        origin(path.filename().string()) {
    context = {shape(json.at("input_shape")), shape(json.at("target_shape")), "published"};
    options = golden_options(baseline, json.at("config"));
  }

  static baselines::SampleShape shape(const core::Json& s) {  // (B,T,H,W,C)
    return {s.at(1).get<int64_t>(), s.at(2).get<int64_t>(), s.at(3).get<int64_t>(), s.at(4).get<int64_t>()};
  }
  std::shared_ptr<Baseline> make(const std::string& kernels, const StateDict& weights) const {
    core::Json values = options;
    if (!kernels.empty()) values["kernels"] = kernels;
    auto model = baselines::make_baseline(baseline, context, values, origin);
    model->load_state(weights, origin);
    return model;
  }
  /// Kernel variants of the model, or one nameless.
  std::vector<std::string> variants() const {
    const auto declared = baselines::registry().at(baseline).options();
    for (const auto& option : core::list_options(*declared))
      if (option.key == "kernels") return {"fast", "reference"};
    return {""};
  }

  std::string baseline;
  core::Json json;
  GoldenTensors tensors;
  std::string origin;
  baselines::ModelContext context;
  core::Json options;
};

std::string label(const std::string& kernels, const std::string& what) {
  return kernels.empty() ? what : kernels + " " + what;
}

/// A number as it stands, or the reference's part of {"ref": x, "f64": y}.
std::optional<double> reference_number(const core::Json& value) {
  return golden_number(value.is_object() ? value.at("ref") : value);
}

void compare_gradient_norms(CaseResult& result, const std::string& what, const Baseline& model,
                            const core::Json& expected, const std::set<std::string>& excluded) {
  double largest = 0;
  for (const auto& [name, norm] : expected.items())
    largest = std::max(largest, reference_number(norm).value_or(0));
  const StateDict gradients = published_gradients(model);
  for (const auto& [name, norm] : expected.items()) {
    if (excluded.count(name)) continue;
    const at::Tensor gradient = entry(gradients, name, what);
    const double got = gradient.defined() ? l2_norm(gradient) : 0;
    const auto reference = reference_number(norm);
    if (!reference)
      result.expect(what + " " + name + " (none expected)", got == 0);
    else
      result.compare(what + " norm " + name, got, *reference,
                     kNorm * std::abs(*reference) + kNormFloor * largest);
  }
}

/// Output, loss and gradients of one pass in the model's present mode.
void check_pass(CaseResult& result, const std::string& kernels, Baseline& model, const NetworkCase& golden,
                const core::Json& facts, const std::string& output_name, const std::string& gradient_prefix,
                const std::set<std::string>& excluded) {
  const at::Tensor x = golden.tensors.at("input"), y = golden.tensors.at("target");
  model.zero_grad();
  const at::Tensor output = model.forward(x);
  if (golden.tensors.contains(output_name))
    compare_tensor(result, label(kernels, output_name), output, golden.tensors.at(output_name), kOutput);
  if (facts.contains("output_l2")) {
    const double norm = facts.at("output_l2").get<double>();
    result.compare(label(kernels, output_name + " l2"), l2_norm(output), norm, kOutput * norm);
  }
  const at::Tensor loss = at::mse_loss(output, y);
  const double expected = facts.at("loss").get<double>();
  result.compare(label(kernels, output_name + " loss"), loss.item<double>(), expected,
                 kLoss * std::abs(expected));
  loss.backward();
  compare_gradient_norms(result, label(kernels, gradient_prefix), model, facts.at("grad_l2"), excluded);
  const StateDict gradients = published_gradients(model);
  for (const auto& name : golden.tensors.names(gradient_prefix + "."))
    if (!excluded.count(name))
      compare_tensor(result, label(kernels, gradient_prefix + " " + name),
                     entry(gradients, name, golden.origin), golden.tensors.at(gradient_prefix + "." + name),
                     kGradient);
}

void check_evaluation(CaseResult& result, const std::string& kernels, const NetworkCase& golden,
                      const StateDict& weights) {
  const auto model = golden.make(kernels, weights);
  model->eval();
  {
    const at::NoGradGuard guard;
    compare_tensor(result, label(kernels, "inference"), model->predict(golden.tensors.at("input")),
                   golden.tensors.at("output"), kOutput);
  }
  check_pass(result, kernels, *model, golden, golden.json.at("eval"), "output", "grad_eval", {});
  const double loss = golden.tensors.at("loss").item<double>();
  result.compare(label(kernels, "loss by the model"),
                 model->loss(golden.tensors.at("input"), golden.tensors.at("target")).item<double>(), loss,
                 kLoss * std::abs(loss));
}

void check_training(CaseResult& result, const std::string& kernels, const NetworkCase& golden,
                    const StateDict& weights) {
  const core::Json& adam = golden.json.at("adam3");
  std::set<std::string> excluded;
  for (const auto& name : adam.at("zero_gradient_parameters")) excluded.insert(name.get<std::string>());
  const auto model = golden.make(kernels, weights);
  model->train();
  check_pass(result, kernels, *model, golden, golden.json.at("train"), "output_train", "grad_train",
             excluded);
  const StateDict after = model->state();
  for (const auto& name : golden.tensors.names("after_train_forward."))
    compare_tensor(result, label(kernels, "after_train_forward " + name), entry(after, name, golden.origin),
                   golden.tensors.at("after_train_forward." + name), kOutput);

  const auto trained = golden.make(kernels, weights);
  trained->train();
  baselines::AdamSettings settings;
  settings.learning_rate = adam.at("lr").get<double>();
  settings.beta1 = adam.at("betas").at(0).get<double>();
  settings.beta2 = adam.at("betas").at(1).get<double>();
  settings.epsilon = adam.at("eps").get<double>();
  baselines::Adam optimiser(trained->trainable_parameters(), settings);
  for (const auto& expected : adam.at("losses")) {
    optimiser.zero_grad();
    const at::Tensor loss = trained->loss(golden.tensors.at("input"), golden.tensors.at("target"));
    result.compare(label(kernels, "adam3 loss"), loss.item<double>(), expected.get<double>(),
                   kTrained * std::abs(expected.get<double>()));
    loss.backward();
    optimiser.step();
  }
  const StateDict state = trained->state();
  for (const auto& [name, expected] : adam.at("param_l2").items())
    if (const auto norm = reference_number(expected); norm && !excluded.count(name))
      result.compare(label(kernels, "adam3 " + name), l2_norm(entry(state, name, golden.origin)), *norm,
                     kTrained * *norm);
  // Adam moves biases of zero gradient by noise, and running means follow them.
  for (const auto& [name, expected] : adam.at("buffer_l2").items())
    if (excluded.empty() || !name.ends_with("running_mean"))
      result.compare(label(kernels, "adam3 " + name), l2_norm(entry(state, name, golden.origin)),
                     *reference_number(expected), kTrained * std::abs(*reference_number(expected)));
}

void check_number(CaseResult& result, const std::string& what, double got, const core::Json& expected) {
  const double number = golden_number(expected).value();
  result.compare(what, got, number, 1e-12 * std::max(std::abs(number), 1e-300));
}

void check_numbers(CaseResult& result, const std::string& what, const std::vector<double>& got,
                   const core::Json& expected) {
  result.expect("length of " + what, got.size() == expected.size());
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i)
    check_number(result, what, got[i], expected[i]);
}

void check_file(CaseResult& result, const baselines::Weights& weights, const core::Json& expected) {
  result.expect("training facts are present", weights.training.has_value());
  if (weights.training) {
    const auto& facts = *weights.training;
    check_numbers(result, "train_losses", facts.train_losses, expected.at("train_losses"));
    for (const auto& [metric, values] : expected.at("val_losses").items()) {
      const auto it = facts.val_losses.find(metric);
      result.expect("val_losses holds " + metric, it != facts.val_losses.end());
      if (it != facts.val_losses.end()) check_numbers(result, "val_losses " + metric, it->second, values);
    }
    result.expect("iteration", facts.iteration == expected.at("iteration").get<int64_t>());
    result.expect("best_iteration", facts.best_iteration == expected.at("best_iteration").get<int64_t>());
    check_number(result, "best_val_loss", facts.best_val_loss, expected.at("best_val_loss"));
  }
  const core::Json& entries = expected.at("state_dict");
  result.expect("number of state entries", weights.state.size() == entries.size());
  for (const auto& [name, facts] : entries.items()) {
    const at::Tensor tensor = entry(weights.state, name, "checkpoint");
    result.expect("shape of " + name, tensor.sizes().vec() == facts.at("shape").get<std::vector<int64_t>>());
    const auto dtype = facts.at("dtype").get<std::string>();
    result.expect("dtype of " + name, dtype == (tensor.is_complex()          ? "complex64"
                                                : tensor.is_floating_point() ? "float32"
                                                                             : "int64"));
    const double norm = golden_number(facts.at("l2")).value();
    result.compare("stored norm of " + name, l2_norm(tensor), norm, kStored * std::max(norm, 1e-12));
  }
}

/// The case's checkpoint and every other file <case>_*.pth, which hold the same.
std::vector<fs::path> checkpoints(const fs::path& json) {
  std::vector<fs::path> files{fs::path(json).replace_extension(".pth")};
  const std::string prefix = json.stem().string() + "_";
  for (const auto& item : fs::directory_iterator(json.parent_path())) {
    const std::string name = item.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(".pth")) files.push_back(item.path());
  }
  return files;
}

}  // namespace

void check_network(CaseResult& result, const std::string& baseline, const fs::path& json) {
  const NetworkCase golden(baseline, json);
  StateDict weights;
  for (const auto& file : checkpoints(json)) {
    const baselines::Weights loaded = baselines::load_weights(file);
    check_file(result, loaded, golden.json.at("checkpoint"));
    if (weights.empty()) weights = loaded.state;
  }
  const StateDict built = golden.make("", weights)->state();
  result.expect("order of the state",
                std::equal(built.begin(), built.end(), weights.begin(), weights.end(),
                           [](const auto& a, const auto& b) { return a.first == b.first; }));
  for (const auto& [name, value] : built)
    result.expect("state round trip of " + name, value.equal(entry(weights, name, golden.origin)));
  result.expect("parameter_count", golden.make("", weights)->parameter_count() ==
                                       golden.json.at("parameter_count").get<int64_t>());
  for (const auto& kernels : golden.variants()) {
    check_evaluation(result, kernels, golden, weights);
    if (golden.json.contains("train")) check_training(result, kernels, golden, weights);
  }
}

void check_filled_network(CaseResult& result, const std::string& baseline, const fs::path& json) {
  const NetworkCase golden(baseline, json);
  const auto fill = [&](const core::Json& rule, std::vector<int64_t> shape) {
    return filled(rule.at("key").get<std::string>(), shape, rule.at("offset").get<double>(),
                  rule.at("amp").get<double>());
  };
  const auto model = baselines::make_baseline(baseline, golden.context, golden.options, golden.origin);
  result.expect("parameter_count",
                model->parameter_count() == golden.json.at("parameter_count").get<int64_t>());
  StateDict state = model->state();
  for (const auto& rule : golden.json.at("fill")) {
    const auto name = rule.at("key").get<std::string>();
    const at::Tensor values = fill(rule, rule.at("shape").get<std::vector<int64_t>>());
    bool found = false;
    for (auto& [key, value] : state)
      if (key == name) {
        value = value.is_complex() ? at::view_as_complex(values) : values;
        found = true;
      }
    if (!found) entry(state, name, golden.origin);
  }
  model->load_state(state, golden.origin);
  state.clear();
  model->eval();

  const at::Tensor x =
      fill(golden.json.at("input_fill"), golden.json.at("input_shape").get<std::vector<int64_t>>());
  const at::Tensor y =
      fill(golden.json.at("target_fill"), golden.json.at("target_shape").get<std::vector<int64_t>>());
  const core::Json& facts = golden.json.at("eval");
  const double largest = facts.at("max_abs_output").get<double>();
  const auto check_output = [&](const std::string& what, const at::Tensor& output) {
    if (golden.tensors.contains("output"))
      compare_tensor(result, what, output, golden.tensors.at("output"), kOutput);
    if (golden.tensors.contains("output_strided")) {
      at::Tensor strided = output;
      const auto steps = golden.json.at("output_strided_steps").get<std::vector<int64_t>>();
      for (size_t axis = 0; axis < steps.size(); ++axis)
        strided = strided.slice(static_cast<int64_t>(axis), 0, strided.size(static_cast<int64_t>(axis)),
                                steps[axis]);
      compare_tensor(result, what + " (strided)", strided, golden.tensors.at("output_strided"), kOutput,
                     largest);
    }
    const at::Tensor values = output.detach().to(at::kDouble);
    const double norm = facts.at("output_l2").get<double>();
    result.compare(what + " l2", l2_norm(values), norm, kOutput * norm);
    result.compare(what + " mean", values.mean().item<double>(), facts.at("output_mean").get<double>(),
                   kOutput * largest);
    result.compare(what + " std", values.std().item<double>(), facts.at("output_std").get<double>(),
                   kOutput * largest);
  };
  {
    const at::NoGradGuard guard;
    check_output("inference", model->predict(x));
  }
  const at::Tensor output = model->forward(x);
  check_output("output", output);
  const at::Tensor loss = at::mse_loss(output, y);
  result.compare("loss", loss.item<double>(), facts.at("loss").get<double>(),
                 kLoss * std::abs(facts.at("loss").get<double>()));
  loss.backward();
  compare_gradient_norms(result, "gradient", *model, facts.at("grad_l2"), {});
}

}  // namespace windtunnel::runners
