#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "baselines/adam.h"
#include "baselines/checkpoint.h"
#include "baselines/tensor_bridge.h"
#include "core/error.h"

namespace windtunnel::baselines {

/// A golden case of README-a: <case>.json, .safetensors and, but for full-width cases, a checkpoint
/// <case>.pth.
class NetworkCase {
 public:
  using OptionsFrom = core::Json (*)(const core::Json& config);

  NetworkCase(const std::string& model, const std::string& name, OptionsFrom options_from)
      : stem_(std::filesystem::path(WINDTUNNEL_GOLDEN) / "baselines" / model / name),
        json(core::read_json(stem_.string() + ".json")),
        tensors_(stem_.string() + ".safetensors"),
        model_(model),
        options_(options_from(json.at("config"))) {}

  at::Tensor tensor(const std::string& name) const { return to_tensor(tensors_.at(name)); }
  const core::SafetensorsFile& tensors() const { return tensors_; }
  std::string checkpoint() const { return stem_.string() + ".pth"; }

  ModelContext context(const std::string& compat) const {
    const auto sample = [&](const char* key) {
      const auto s = json.at(key).get<std::vector<int64_t>>();
      return SampleShape{s[1], s[2], s[3], s[4]};
    };
    return {sample("input_shape"), sample("target_shape"), compat};
  }
  std::shared_ptr<Baseline> make(const std::string& compat = "published") const {
    return make_baseline(model_, context(compat), options_, "golden configuration");
  }
  std::shared_ptr<Baseline> load(const std::string& compat = "published") const {
    auto model = make(compat);
    model->load_state(load_weights(checkpoint()).state, checkpoint());
    return model;
  }

 private:
  std::filesystem::path stem_;

 public:
  core::Json json;

 private:
  core::SafetensorsFile tensors_;
  std::string model_;
  core::Json options_;
};

inline double norm_of(const at::Tensor& tensor) { return tensor.to(at::kDouble).norm().item<double>(); }
inline double largest(const at::Tensor& tensor) { return tensor.abs().max().item<double>(); }

inline at::Tensor inference(Baseline& model, const at::Tensor& x) {
  at::NoGradGuard guard;
  model.eval();
  return model.forward(x);
}

inline void expect_close(const at::Tensor& got, const at::Tensor& expected, double relative,
                         const std::string& what) {
  ASSERT_EQ(got.sizes(), expected.sizes()) << what;
  EXPECT_LE(largest(got - expected), relative * largest(expected)) << what;
}

/// The text parts of the error that `action` throws; the test fails if it throws none.
inline std::string thrown_by(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.found() + " | " + error.expected() + " | " + error.hint();
  }
  ADD_FAILURE() << "no error";
  return "";
}

/// Loss, gradient norms and the stored full gradients of one pass; part is "eval" or "train".
inline void expect_gradients(const NetworkCase& golden, const std::string& part) {
  const core::Json& expected = golden.json.at(part);
  const auto model = golden.load();
  model->train(part == "train");
  const at::Tensor loss = model->loss(golden.tensor("input"), golden.tensor("target"));
  EXPECT_NEAR(loss.item<double>(), expected.at("loss").get<double>(),
              1e-5 * expected.at("loss").get<double>());
  loss.backward();
  double scale = 0;
  for (const auto& [name, norms] : expected.at("grad_l2").items())
    if (norms.at("ref").is_number()) scale = std::max(scale, norms.at("ref").get<double>());
  const auto zero = model->zero_gradient_parameters();
  size_t compared = 0;
  for (const auto& item : model->named_parameters()) {
    const core::Json& reference = expected.at("grad_l2").at(item.key()).at("ref");
    const at::Tensor gradient = item.value().grad();
    if (reference.is_null()) {
      EXPECT_FALSE(gradient.defined()) << item.key();
      EXPECT_NE(std::find(zero.begin(), zero.end(), item.key()), zero.end()) << item.key();
      continue;
    }
    ASSERT_TRUE(gradient.defined()) << item.key();
    const double norm = reference.get<double>();
    // Without a true gradient both sides hold rounding noise only.
    if (part == "train" && std::find(zero.begin(), zero.end(), item.key()) != zero.end()) {
      EXPECT_LE(norm_of(gradient), 1e-5 * scale) << item.key();
      continue;
    }
    EXPECT_NEAR(norm_of(gradient), norm, 1e-4 * norm + 1e-6 * scale) << item.key();
    const std::string full = "grad_" + part + "." + item.key();
    if (!golden.tensors().contains(full)) continue;
    expect_close(gradient, golden.tensor(full), 1e-4, full);
    ++compared;
  }
  EXPECT_EQ(compared, golden.json.at("full_gradient_parameters").size());
}

/// Names, shapes, training facts of the checkpoint; output, loss and gradients in both modes; running
/// statistics after one pass in training mode; three steps of Adam.
inline void expect_network_case(const NetworkCase& golden) {
  const auto model = golden.load();
  EXPECT_EQ(model->parameter_count(), golden.json.at("parameter_count").get<int64_t>());
  const Weights weights = load_weights(golden.checkpoint());
  const core::Json& checkpoint = golden.json.at("checkpoint");
  ASSERT_EQ(weights.state.size(), checkpoint.at("state_dict").size());
  const StateDict own = model->state();
  ASSERT_EQ(own.size(), weights.state.size());
  for (size_t i = 0; i < own.size(); ++i) {
    EXPECT_EQ(own[i].first, weights.state[i].first);
    EXPECT_TRUE(own[i].second.equal(weights.state[i].second)) << own[i].first;
  }
  ASSERT_TRUE(weights.training.has_value());
  EXPECT_EQ(weights.training->iteration, checkpoint.at("iteration").get<int64_t>());
  EXPECT_EQ(weights.training->train_losses, checkpoint.at("train_losses").get<std::vector<double>>());

  const at::Tensor x = golden.tensor("input");
  const at::Tensor output = inference(*model, x);
  expect_close(output, golden.tensor("output"), 2e-5, "output");
  {
    at::NoGradGuard guard;
    expect_close(model->loss(x, golden.tensor("target")).reshape({1}), golden.tensor("loss"), 1e-5, "loss");
  }
  expect_gradients(golden, "eval");
  if (!golden.json.contains("train")) return;

  expect_gradients(golden, "train");
  {
    at::NoGradGuard guard;
    model->train();
    expect_close(model->forward(x), golden.tensor("output_train"), 2e-5, "output in training mode");
  }
  for (const auto& name : golden.tensors().names())
    if (const std::string prefix = "after_train_forward."; name.starts_with(prefix)) {
      for (const auto& [entry, value] : model->state())
        if (prefix + entry == name) expect_close(value, golden.tensor(name), 1e-5, name);
    }

  const core::Json& steps = golden.json.at("adam3");
  const auto trained = golden.load();
  trained->train();
  Adam adam(trained->trainable_parameters(), {.learning_rate = steps.at("lr").get<double>()});
  for (const auto& expected : steps.at("losses")) {
    adam.zero_grad();
    const at::Tensor loss = trained->loss(x, golden.tensor("target"));
    EXPECT_NEAR(loss.item<double>(), expected.get<double>(), 1e-4 * expected.get<double>());
    loss.backward();
    adam.step();
  }
  const auto zero = steps.at("zero_gradient_parameters").get<std::vector<std::string>>();
  for (const auto& [name, value] : trained->state())
    for (const char* list : {"param_l2", "buffer_l2"}) {
      if (!steps.at(list).contains(name) || std::find(zero.begin(), zero.end(), name) != zero.end()) continue;
      const core::Json& entry = steps.at(list).at(name);
      const double norm = (entry.is_object() ? entry.at("ref") : entry).get<double>();
      // Adam moves a bias without a true gradient by up to lr per step, wherever rounding noise points, and
      // the mean of what follows moves along: after k steps by k*lr, of which a running mean takes a tenth.
      const double noise = name.ends_with("running_mean") ? 0.1 * 3 * steps.at("lr").get<double>() *
                                                                std::sqrt(static_cast<double>(value.numel()))
                                                          : 0;
      EXPECT_NEAR(norm_of(value), norm, 1e-4 * norm + noise) << name;
    }
}

/// The deterministic values of a full-width case: u_i from splitmix64 of FNV-1a(name) + (i+1) * golden ratio.
inline at::Tensor filled(const std::string& name, const std::vector<int64_t>& shape, double offset,
                         double amp) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : name) hash = (hash ^ static_cast<uint8_t>(letter)) * 0x100000001b3;
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  float* data = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    uint64_t z = hash + static_cast<uint64_t>(i + 1) * 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    z ^= z >> 31;
    data[i] = static_cast<float>(offset + amp * (2 * (static_cast<double>(z >> 40) * 0x1p-24) - 1));
  }
  return tensor;
}

/// A model of published width with deterministic weights: parameter count and output.
inline void expect_full_width_case(const NetworkCase& golden) {
  const auto model = golden.make();
  EXPECT_EQ(model->parameter_count(), golden.json.at("parameter_count").get<int64_t>());
  StateDict weights = model->state();
  for (const auto& fill : golden.json.at("fill")) {
    const auto name = fill.at("key").get<std::string>();
    const auto it =
        std::find_if(weights.begin(), weights.end(), [&](const auto& w) { return w.first == name; });
    ASSERT_NE(it, weights.end()) << name;
    it->second = filled(name, fill.at("shape").get<std::vector<int64_t>>(), fill.at("offset").get<double>(),
                        fill.at("amp").get<double>());
  }
  model->load_state(weights, "deterministic weights");
  const auto field = [&](const char* name) {
    const core::Json& fill = golden.json.at(std::string(name) + "_fill");
    return filled(name, golden.json.at(std::string(name) + "_shape").get<std::vector<int64_t>>(),
                  fill.at("offset").get<double>(), fill.at("amp").get<double>());
  };
  at::Tensor output = inference(*model, field("input"));
  if (golden.tensors().contains("output"))
    return expect_close(output, golden.tensor("output"), 2e-5, "output");
  const auto steps = golden.json.at("output_strided_steps").get<std::vector<int64_t>>();
  for (size_t axis = 0; axis < steps.size(); ++axis)
    output =
        output.slice(static_cast<int64_t>(axis), 0, output.size(static_cast<int64_t>(axis)), steps[axis]);
  expect_close(output, golden.tensor("output_strided"), 2e-5, "output");
}

}  // namespace windtunnel::baselines
