#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <string>
#include <vector>

namespace windtunnel::baselines {

/// While alive, layers made on this thread have no storage (device "meta"): names, shapes and counts of a
/// model too large to hold can be listed. Such a model cannot run.
class ShapeOnly {
 public:
  ShapeOnly();
  ~ShapeOnly();
  ShapeOnly(const ShapeOnly&) = delete;
  ShapeOnly& operator=(const ShapeOnly&) = delete;
  static bool active();
};

/// Initial values, float32, from the global generator (or without storage, see ShapeOnly).
at::Tensor uniform_values(at::IntArrayRef shape, double low, double high);
at::Tensor normal_values(at::IntArrayRef shape, double deviation);
at::Tensor constant_values(at::IntArrayRef shape, double value);

/// Element-wise function by its published name: gelu (exact erf form), tanh, sigmoid, relu, softplus, ELU,
/// silu.
class Activation {
 public:
  explicit Activation(const std::string& name);
  at::Tensor operator()(const at::Tensor& x) const { return apply_(x); }
  /// Overwrites `x` when no gradient is recorded.
  at::Tensor consume(at::Tensor x) const;
  static std::vector<std::string> names();

 private:
  at::Tensor (*apply_)(const at::Tensor&);
  at::Tensor& (*overwrite_)(at::Tensor&);
};

/// Modules in a row whose names are given by add() ("0", "1" ...); no forward of its own.
class Children : public torch::nn::Module {
 public:
  template <class M>
  std::shared_ptr<M> add(const std::string& name, std::shared_ptr<M> module) {
    return register_module(name, std::move(module));
  }
};

/// y = x W^T + b over the last axis; weight (out,in), uniform in +-1/sqrt(in).
struct Linear : torch::nn::Module {
  Linear(int64_t in, int64_t out, bool with_bias = true);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight, bias;
};

/// Weight (out,in,k...) and bias (out) of a convolution, uniform in +-1/sqrt(in * prod k).
struct Convolution : torch::nn::Module {
  Convolution(int64_t in, int64_t out, at::IntArrayRef kernel);
  at::Tensor weight, bias;
};

/// Stride 1, zero padding 1, 3x3x3, on x (B,X,Y,Z,in) in memory order -> (B,X,Y,Z,out), without layout
/// changes.
at::Tensor convolve_same(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

/// Scale and shift, initially 1 and 0, of a normalisation over `width` channels.
struct Affine : torch::nn::Module {
  explicit Affine(int64_t width);
  at::Tensor weight, bias;
};

/// Affine plus running statistics (batch normalisation: momentum 0.1, eps 1e-5, unbiased running variance).
struct BatchStatistics : Affine {
  explicit BatchStatistics(int64_t width);
  /// x (B,X,Y,Z,width) in memory order; updates the running values in training mode.
  at::Tensor normalise(const at::Tensor& x);
  at::Tensor running_mean, running_var, num_batches_tracked;
};

}  // namespace windtunnel::baselines
