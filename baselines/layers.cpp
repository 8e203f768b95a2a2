#include "baselines/layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/normal.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/uniform.h>
#include <ATen/ops/var_mean.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "baselines/precision.h"
#include "baselines/recompute.h"
#include "core/error.h"
#include "core/text.h"

namespace windtunnel::baselines {
namespace {

constexpr double kMomentum = 0.1, kBatchEpsilon = 1e-5;

thread_local int shape_only_depth = 0;

struct NamedActivation {
  const char* name;
  at::Tensor (*apply)(const at::Tensor&);
  at::Tensor& (*overwrite)(at::Tensor&);
};

const NamedActivation kActivations[] = {
    {"gelu", [](const at::Tensor& x) { return at::gelu(x); },
     [](at::Tensor& x) -> at::Tensor& { return at::gelu_(x); }},
    {"tanh", [](const at::Tensor& x) { return at::tanh(x); },
     [](at::Tensor& x) -> at::Tensor& { return at::tanh_(x); }},
    {"sigmoid", [](const at::Tensor& x) { return at::sigmoid(x); },
     [](at::Tensor& x) -> at::Tensor& { return at::sigmoid_(x); }},
    {"relu", [](const at::Tensor& x) { return at::relu(x); },
     [](at::Tensor& x) -> at::Tensor& { return at::relu_(x); }},
    {"softplus", [](const at::Tensor& x) { return at::softplus(x); },
     [](at::Tensor& x) -> at::Tensor& { return x = at::softplus(x); }},
    {"ELU", [](const at::Tensor& x) { return at::elu(x); },
     [](at::Tensor& x) -> at::Tensor& { return at::elu_(x); }},
    {"silu", [](const at::Tensor& x) { return at::silu(x); },
     [](at::Tensor& x) -> at::Tensor& { return at::silu_(x); }},
};

at::TensorOptions parameter_options() {
  return at::TensorOptions().dtype(at::kFloat).device(ShapeOnly::active() ? at::kMeta : at::kCPU);
}

}  // namespace

ShapeOnly::ShapeOnly() { ++shape_only_depth; }
ShapeOnly::~ShapeOnly() { --shape_only_depth; }
bool ShapeOnly::active() { return shape_only_depth > 0; }

at::Tensor uniform_values(at::IntArrayRef shape, double low, double high) {
  at::Tensor values = at::empty(shape, parameter_options());
  return ShapeOnly::active() ? values : values.uniform_(low, high);
}

at::Tensor normal_values(at::IntArrayRef shape, double deviation) {
  at::Tensor values = at::empty(shape, parameter_options());
  return ShapeOnly::active() ? values : values.normal_(0.0, deviation);
}

at::Tensor constant_values(at::IntArrayRef shape, double value) {
  return at::full(shape, value, parameter_options());
}

Activation::Activation(const std::string& name) {
  for (const auto& known : kActivations)
    if (name == known.name) {
      apply_ = known.apply;
      overwrite_ = known.overwrite;
      return;
    }
  throw usage_error("unknown activation '" + name + "'", "one of " + core::join(names(), ", "),
                    core::suggestion(name, names()));
}

at::Tensor Activation::consume(at::Tensor x) const {
  if (x.requires_grad() && at::GradMode::is_enabled()) return apply_(x);
  return overwrite_(x);
}

std::vector<std::string> Activation::names() {
  std::vector<std::string> list;
  for (const auto& known : kActivations) list.emplace_back(known.name);
  return list;
}

Linear::Linear(int64_t in, int64_t out, bool with_bias) {
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  weight = register_parameter("weight", uniform_values({out, in}, -bound, bound));
  if (with_bias) bias = register_parameter("bias", uniform_values({out}, -bound, bound));
}

at::Tensor Linear::forward(const at::Tensor& x) const { return affine(x, weight, bias); }

Convolution::Convolution(int64_t in, int64_t out, at::IntArrayRef kernel) {
  std::vector<int64_t> shape{out, in};
  shape.insert(shape.end(), kernel.begin(), kernel.end());
  const int64_t fan_in = std::accumulate(kernel.begin(), kernel.end(), in, std::multiplies<>());
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  weight = register_parameter("weight", uniform_values(shape, -bound, bound));
  bias = register_parameter("bias", uniform_values({out}, -bound, bound));
}

at::Tensor convolve_same(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return convolution(x.permute({0, 4, 1, 2, 3}), weight, bias, /*stride=*/1, /*padding=*/1)
      .permute({0, 2, 3, 4, 1})
      .contiguous();
}

Affine::Affine(int64_t width) {
  weight = register_parameter("weight", constant_values({width}, 1));
  bias = register_parameter("bias", constant_values({width}, 0));
}

BatchStatistics::BatchStatistics(int64_t width) : Affine(width) {
  running_mean = register_buffer("running_mean", constant_values({width}, 0));
  running_var = register_buffer("running_var", constant_values({width}, 1));
  num_batches_tracked = register_buffer("num_batches_tracked", constant_values({}, 0).to(at::kLong));
}

at::Tensor BatchStatistics::normalise(const at::Tensor& x) {
  const at::Tensor rows = x.reshape({-1, x.size(-1)});
  if (!is_training()) {
    const at::Tensor scale = weight / (running_var + kBatchEpsilon).sqrt();
    return at::addcmul(bias - running_mean * scale, rows, scale).view(x.sizes());
  }
  // The library's kernel for channels in the last axis sums thousands of rows in one float; its errors reach
  // 1e-6.
  const auto [variance, mean] = at::var_mean(rows, at::IntArrayRef{0}, /*unbiased=*/false);
  if (!recomputing()) {
    at::NoGradGuard guard;
    const auto count = static_cast<double>(rows.size(0));
    num_batches_tracked.add_(1);
    running_mean.mul_(1 - kMomentum).add_(mean, kMomentum);
    running_var.mul_(1 - kMomentum).add_(variance, kMomentum * count / (count - 1));
  }
  const at::Tensor scale = weight / (variance + kBatchEpsilon).sqrt();
  return at::addcmul(bias, rows - mean, scale).view(x.sizes());
}

}  // namespace windtunnel::baselines
