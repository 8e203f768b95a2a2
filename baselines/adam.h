#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "baselines/baseline.h"

namespace windtunnel::baselines {

struct AdamSettings {
  double learning_rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  /// Decoupled decay (AdamW): p <- p (1 - lr * weight_decay) before the step; of matrices only unless
  /// decay_vectors.
  double weight_decay = 0;
  bool decay_vectors = false;
};

/// Adam (Kingma and Ba 2015) over real leaves, every parameter in one fused pass:
///   m <- b1 m + (1-b1) g;  v <- b2 v + (1-b2) g^2;  p <- p - lr/(1-b1^k) * m / (sqrt(v/(1-b2^k)) + eps).
/// Complex weights must be given as real pairs (as Baseline holds them): both parts are independent reals.
/// A parameter without a gradient is left alone and keeps its own step count k.
class Adam {
 public:
  explicit Adam(std::vector<at::Tensor> parameters, AdamSettings settings = {});

  void zero_grad();
  /// Global L2 norm of all gradients, accumulated in double.
  double gradient_norm() const;
  /// If max_norm > 0, scales every gradient by min(1, max_norm / (norm + 1e-6)). Returns the norm before.
  double clip_gradients(double max_norm);
  void step();

  double learning_rate() const { return settings_.learning_rate; }
  void set_learning_rate(double value) { settings_.learning_rate = value; }

  /// Moments and step counts: "step" (int64, one per parameter), "exp_avg.<i>", "exp_avg_sq.<i>", i in the
  /// order of the constructor's list. Loading a saved state and going on gives the bits of an uninterrupted
  /// run.
  StateDict state() const;
  void load_state(const StateDict& state, const std::string& origin);

 private:
  std::vector<at::Tensor> parameters_, exp_avg_, exp_avg_sq_, steps_;
  AdamSettings settings_;
};

}  // namespace windtunnel::baselines
