#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

namespace windtunnel::baselines {

/// Watches the forward passes of one thread: receives intermediate values by published module name and may
/// take over the dropout layers. Without an active trace the models only test a null pointer.
class Trace {
 public:
  Trace();
  virtual ~Trace();  ///< restores the trace that was active before
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /// Output of the module `name`, axes as the published program has them. Copy it to keep it: the model may
  /// overwrite it afterwards.
  virtual void value(const std::string& name, const at::Tensor& value) {}
  /// Result of a dropout layer with probability `p` on `x`; an undefined tensor leaves the draw to the
  /// generator.
  virtual at::Tensor dropout(const at::Tensor& x, double p) { return {}; }

  static Trace* active();

 private:
  Trace* previous_;
};

/// Zeroes entries with probability p and scales the others by 1/(1-p). Calls are made in the published order.
/// `generator` replaces the default one. p = 0 returns x without a call.
at::Tensor dropout(const at::Tensor& x, double p, std::optional<at::Generator> generator = {});

}  // namespace windtunnel::baselines
