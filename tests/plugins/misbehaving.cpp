// Models that do what a plug-in must not; each must end in one clear message.
#include <ATen/ops/full_like.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <csignal>
#include <stdexcept>

#include "runners/plugin_api.h"

namespace {

using windtunnel::baselines::Baseline;
using windtunnel::baselines::ModelContext;

struct Nothing : windtunnel::core::Options {
  void describe(windtunnel::core::OptionVisitor&) override {}
};

at::Tensor good(const at::Tensor& x, const ModelContext& c) {
  return x.narrow(4, 0, c.output.channels).clone();
}

#define MODEL(Class, constructor, body)                                        \
  struct Class : Baseline {                                                    \
    using Options = Nothing;                                                   \
    Class(const ModelContext& c, const Options&) : context(c) { constructor; } \
    at::Tensor forward(const at::Tensor& x) override { body; }                 \
    ModelContext context;                                                      \
  }

MODEL(ConstructorThrows, throw std::runtime_error("no luck today"), return good(x, context));
MODEL(ForwardThrows, , throw std::logic_error("cannot forecast"));
MODEL(ThrowsNumber, , throw 42);
MODEL(TorchError, , return x.view({7, 7}));
MODEL(WrongShape, , return x.narrow(2, 0, 1));
MODEL(NotFinite, , return at::full_like(good(x, context), NAN));
MODEL(IgnoresInput, , return at::zeros_like(good(x, context)));
MODEL(Crashes, , std::raise(SIGSEGV); return x);

}  // namespace

WINDTUNNEL_PLUGIN("misbehaving", "1.0", "none", host) {
  using windtunnel::plugin::baseline;
  host.add_baseline(baseline<ConstructorThrows>("constructor_throws", "test", "", false));
  host.add_baseline(baseline<ForwardThrows>("forward_throws", "test", "", false));
  host.add_baseline(baseline<ThrowsNumber>("throws_number", "test", "", false));
  host.add_baseline(baseline<TorchError>("torch_error", "test", "", false));
  host.add_baseline(baseline<WrongShape>("wrong_shape", "test", "", false));
  host.add_baseline(baseline<NotFinite>("not_finite", "test", "", false));
  host.add_baseline(baseline<IgnoresInput>("ignores_input", "test", "", false));
  host.add_baseline(baseline<Crashes>("crashes", "test", "", false));
  host.add_scenario(R"(
name: plugged
title: A scenario of a plug-in
origin: user
formats: [netcdf_cf]
file_pattern: '^(\d+)\.nc$'
parameters: [{name: number, unit: "1", type: int}]
fields:
  - {name: u, unit: m/s, measured: true, sides: [real], source: {netcdf_cf: {real: u}}}
folders: {real: real}
dt: 0.1
in_frames: 4
out_frames: 4
interval: 4
trunk_length: 40
frames: 40
stride: {real: 1}
)");
}
