#include "baselines/trace.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bernoulli.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>

namespace windtunnel::baselines {
namespace {

thread_local Trace* active_trace = nullptr;

}  // namespace

Trace::Trace() : previous_(active_trace) { active_trace = this; }
Trace::~Trace() { active_trace = previous_; }
Trace* Trace::active() { return active_trace; }

at::Tensor dropout(const at::Tensor& x, double p, std::optional<at::Generator> generator) {
  if (p <= 0) return x;
  if (Trace* trace = Trace::active()) {
    const at::Tensor replaced = trace->dropout(x, p);
    if (replaced.defined()) return replaced;
  }
  if (!generator) return at::dropout(x, p, true);
  at::Tensor mask = at::empty(x.sizes(), x.options().device(generator->device()));
  mask.bernoulli_(1 - p, generator).div_(1 - p);
  return x * mask.to(x.device());
}

}  // namespace windtunnel::baselines
