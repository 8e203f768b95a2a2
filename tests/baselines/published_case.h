#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "baselines/checkpoint.h"
#include "baselines/tensor_bridge.h"
#include "baselines/trace.h"
#include "core/error.h"
#include "core/safetensors.h"

namespace windtunnel::baselines {

inline std::filesystem::path published_folder(const std::string& model) {
  return std::filesystem::path(WINDTUNNEL_GOLDEN) / "baselines" / model;
}

/// Tensors of a golden safetensors file, in the dtype they are stored in.
class PublishedTensors {
 public:
  explicit PublishedTensors(const std::filesystem::path& path) : file_(path) {}
  bool contains(const std::string& name) const { return file_.contains(name); }
  const std::vector<std::string>& names() const { return file_.names(); }
  at::Tensor at(const std::string& name) const { return to_tensor(file_.at(name)).clone(); }

 private:
  core::SafetensorsFile file_;
};

inline double l2_norm(const at::Tensor& tensor) { return tensor.to(at::kDouble).norm().item<double>(); }

inline ModelContext context_for(const std::vector<int64_t>& in, const std::vector<int64_t>& out,
                                const std::string& compat = "corrected") {
  return {{in[0], in[1], in[2], in[3]}, {out[0], out[1], out[2], out[3]}, compat};
}

inline at::Tensor without_gradient(Baseline& model, const at::Tensor& x) {
  at::NoGradGuard guard;
  return model.forward(x);
}

/// max |a - b| / standard deviation of b.
inline double by_deviation(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs().max() / b.std()).item<double>();
}

/// Answers dropout layers with stored masks (1 = kept) in call order, or switches them off if there are none.
class Masks : public Trace {
 public:
  Masks(const PublishedTensors* tensors, const std::string& prefix) {
    for (size_t i = 0; tensors && tensors->contains(prefix + std::to_string(i)); ++i)
      masks_.push_back(tensors->at(prefix + std::to_string(i)).to(at::kFloat));
  }
  at::Tensor dropout(const at::Tensor& x, double p) override {
    if (masks_.empty()) return x;
    return x * (masks_.at(next_++) / (1 - p));
  }
  size_t calls() const { return next_; }
  size_t size() const { return masks_.size(); }

 private:
  std::vector<at::Tensor> masks_;
  size_t next_ = 0;
};

/// A golden case of README-b: configuration, weights, tensors.
struct PublishedCase {
  PublishedCase(const std::string& folder, const std::string& name, const std::string& baseline_name,
                core::Json (*options_from)(core::Json))
      : json(core::read_json((published_folder(folder) / (name + ".json")).string())),
        tensors(published_folder(folder) / (name + ".safetensors")),
        weights(load_weights(published_folder(folder) / (name + ".pth")).state),
        baseline(baseline_name),
        options(options_from(json.at("config"))) {}

  ModelContext context(const std::string& compat) const {
    return context_for(json.at("shape_in").get<std::vector<int64_t>>(),
                       json.at("shape_out").get<std::vector<int64_t>>(), compat);
  }
  std::shared_ptr<Baseline> make(const std::string& kernels, const std::string& compat = "published") const {
    core::Json values = options;
    values["kernels"] = kernels;
    auto model = make_baseline(baseline, context(compat), values);
    model->load_state(weights, "golden weights");
    return model;
  }

  core::Json json;
  PublishedTensors tensors;
  StateDict weights;
  std::string baseline;
  core::Json options;
};

inline core::Json as_they_are(core::Json config) { return config; }

/// State, output, loss and gradients of both kernels; `masks` names the dropout masks of the pass with
/// gradients.
inline void expect_published_numbers(const PublishedCase& golden, bool training,
                                     const std::string& masks = "") {
  const at::Tensor x = golden.tensors.at("input"), y = golden.tensors.at("target");
  for (const char* kernels : {"fast", "reference"}) {
    SCOPED_TRACE(kernels);
    const auto model = golden.make(kernels);
    const StateDict state = model->state();
    ASSERT_EQ(state.size(), golden.json.at("state_dict").size());
    for (size_t i = 0; i < state.size(); ++i) {
      EXPECT_EQ(state[i].first, golden.json.at("state_dict").at(i).at(0).get<std::string>());
      EXPECT_TRUE(state[i].second.equal(golden.weights[i].second)) << state[i].first;
    }
    EXPECT_EQ(model->parameter_count(), golden.json.at("num_params").get<int64_t>());

    model->eval();
    {
      Masks evaluation(&golden.tensors, "eval_dropout_mask/");
      EXPECT_LE(by_deviation(without_gradient(*model, x), golden.tensors.at("output")), 1e-4);
      EXPECT_EQ(evaluation.calls(), evaluation.size());
    }
    model->train(training);
    Masks given(masks.empty() ? nullptr : &golden.tensors, masks);
    const at::Tensor loss = model->loss(x, y);
    EXPECT_NEAR(loss.item<double>(), golden.json.at("loss").get<double>(),
                1e-4 * golden.json.at("loss").get<double>());
    loss.backward();
    EXPECT_EQ(given.calls(), given.size());
    double largest = 0;
    for (const auto& [name, norm] : golden.json.at("grad_l2").items())
      if (norm.is_number()) largest = std::max(largest, norm.get<double>());
    for (const auto& item : model->named_parameters()) {
      const core::Json& norm = golden.json.at("grad_l2").at(item.key());
      const at::Tensor gradient = item.value().grad();
      if (norm.is_null()) {
        EXPECT_FALSE(gradient.defined()) << item.key();
        continue;
      }
      ASSERT_TRUE(gradient.defined()) << item.key();
      EXPECT_NEAR(l2_norm(gradient), norm.get<double>(), std::max(2e-3 * norm.get<double>(), 1e-5 * largest))
          << item.key();
    }
  }
}

/// The error's text parts in one line; fails the test if nothing is thrown.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const core::Error& error) {
    return error.found() + " | " + error.expected() + " | " + error.hint();
  }
  ADD_FAILURE() << "no error";
  return "";
}

}  // namespace windtunnel::baselines
