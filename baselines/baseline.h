#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/options.h"
#include "core/registry.h"

namespace windtunnel::baselines {

/// Axes of one sample, (T,H,W,C).
struct SampleShape {
  int64_t frames = 0, height = 0, width = 0, channels = 0;
};

/// What a model is built for. `compat`: "corrected" (default) or "published", which keeps the quirks that
/// published weights need.
struct ModelContext {
  SampleShape input, output;
  std::string compat = "corrected";
};

/// Name -> tensor in the published naming, order and shapes (complex weights as complex64).
using StateDict = std::vector<std::pair<std::string, at::Tensor>>;

/// A learned (or trivial) solver: maps normalised input (B,T,H,W,C_in) to normalised output (B,T',H,W,C_out),
/// float32. Submodule and parameter names equal the published ones. Complex weights are real leaves with a
/// trailing axis 2.
class Baseline : public torch::nn::Module {
 public:
  virtual at::Tensor forward(const at::Tensor& x) = 0;

  /// Training loss, a scalar: mean squared error of forward(x) against y unless the model says otherwise.
  virtual at::Tensor loss(const at::Tensor& x, const at::Tensor& y);

  /// Channels 0..n-1 that the loss covers; 0 (default) means all. Set for measured data, whose other channels
  /// are zero for want of a measurement.
  void set_loss_channels(int64_t n) { loss_channels_ = n; }

  /// Inference; differs from forward() only for models that sample.
  virtual at::Tensor predict(const at::Tensor& x) { return forward(x); }

  /// True for a forecast that copies or averages fields: it is given and gives physical units instead of
  /// normalised values, whose statistics may differ between input and target.
  virtual bool in_physical_units() const { return false; }

  /// Seeds whatever predict() draws. Returns false if prediction is deterministic.
  virtual bool seed_prediction(uint64_t) { return false; }

  /// A model that needs a look at the data before its first update (scales of the fields, for example) asks
  /// for it; training then passes every batch to observe() once. Models restored from a file do not ask.
  virtual bool wants_observation() const { return false; }
  virtual void observe(const at::Tensor& x, const at::Tensor& y) {}

  /// State in published form. The default lists every named parameter and buffer in module order; a model
  /// whose memory layout differs overrides the pair to_published / from_published (also used for gradients).
  StateDict state() const;
  /// Strict: missing, unexpected or mis-shaped entries are a model error naming the entry and `origin`.
  virtual void load_state(const StateDict& state, const std::string& origin);
  virtual at::Tensor to_published(const std::string& name, const at::Tensor& internal) const {
    return internal;
  }
  virtual at::Tensor from_published(const std::string& name, const at::Tensor& published) const {
    return published;
  }

  /// Parameters whose true gradient is zero or absent (the specification names them); checks skip them.
  virtual std::vector<std::string> zero_gradient_parameters() const { return {}; }

  /// Distinct trainable leaves (a tensor registered under several names appears once).
  std::vector<at::Tensor> trainable_parameters() const;
  /// Elements of all distinct parameters, frozen ones included; a complex element counts as one.
  virtual int64_t parameter_count() const;

 protected:
  /// The first loss_channels_ channels (last axis), or everything.
  at::Tensor in_loss(const at::Tensor& field) const;
  int64_t loss_channels_ = 0;
};

struct BaselineInfo {
  std::string name, summary, paper, origin = "built in";
  bool trainable = true;
  std::function<std::unique_ptr<core::Options>()> options;  ///< with defaults
  std::function<std::shared_ptr<Baseline>(const ModelContext&, const core::Options&)> create;
};

core::Registry<BaselineInfo>& registry();

/// Builds `name` with the options in `values` (unknown keys are errors naming `where`). Bad shapes or options
/// that do not fit `context` are model errors.
std::shared_ptr<Baseline> make_baseline(const std::string& name, const ModelContext& context,
                                        const core::Json& values, const std::string& where = "model options");

struct Registration {
  explicit Registration(BaselineInfo info) { registry().add(std::move(info)); }
};

/// Class needs `using Options = ...` (a core::Options) and a constructor (const ModelContext&, const
/// Options&).
#define WINDTUNNEL_REGISTER_BASELINE(Class, label, is_trainable, what, source)                          \
  static const ::windtunnel::baselines::Registration registration_of_##Class {                          \
    {                                                                                                   \
      label, what, source, "built in", is_trainable, [] { return std::make_unique<Class::Options>(); }, \
          [](const ::windtunnel::baselines::ModelContext& context,                                      \
             const ::windtunnel::core::Options& options) {                                              \
            return std::shared_ptr<::windtunnel::baselines::Baseline>(                                  \
                std::make_shared<Class>(context, dynamic_cast<const Class::Options&>(options)));        \
          }                                                                                             \
    }                                                                                                   \
  }

}  // namespace windtunnel::baselines
