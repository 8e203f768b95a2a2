// A Windtunnel plug-in: the model "first_steps". Replace the two layers by your own.
#include <ATen/ops/conv3d.h>
#include <ATen/ops/gelu.h>

#include "baselines/layers.h"
#include "runners/plugin_api.h"

namespace {

using windtunnel::baselines::Baseline;
using windtunnel::baselines::Convolution;
using windtunnel::baselines::ModelContext;

// Two convolutions over time, rows and columns, added to the last frame: forecasts as many frames as it sees.
class FirstSteps : public Baseline {
 public:
  // Every option once: its default, its documentation and its range feed --help, YAML, the record and the
  // hash.
  struct Options : windtunnel::core::Options {
    int64_t width = 16;
    void describe(windtunnel::core::OptionVisitor& v) override {
      v("width", width, "hidden channels", windtunnel::core::kPositive);
    }
  };

  FirstSteps(const ModelContext& context, const Options& options) : context_(context) {
    if (context.input.frames != context.output.frames)
      throw windtunnel::model_error("first_steps forecasts as many frames as it sees",
                                    "equal numbers of frames");
    lift_ = register_module("lift", std::make_shared<Convolution>(context.input.channels, options.width,
                                                                  at::IntArrayRef({3, 3, 3})));
    project_ = register_module(
        "project",
        std::make_shared<Convolution>(options.width, context.output.channels, at::IntArrayRef({3, 3, 3})));
  }

  // x (B,T,H,W,C_in) normalised -> (B,T,H,W,C_out) normalised.
  at::Tensor forward(const at::Tensor& x) override {
    const at::Tensor last = x.narrow(1, x.size(1) - 1, 1).narrow(4, 0, context_.output.channels);
    const at::Tensor hidden = at::gelu(convolve(*lift_, x.permute({0, 4, 1, 2, 3})));
    return convolve(*project_, hidden).permute({0, 2, 3, 4, 1}) + last;
  }

 private:
  static at::Tensor convolve(const Convolution& layer, const at::Tensor& x) {
    return at::conv3d(x, layer.weight, layer.bias, /*stride=*/1, /*padding=*/1);
  }

  ModelContext context_;
  std::shared_ptr<Convolution> lift_, project_;
};

}  // namespace

WINDTUNNEL_PLUGIN("first_steps", "0.1.0", "Apache-2.0", host) {
  host.add_baseline(
      windtunnel::plugin::baseline<FirstSteps>("first_steps", "two convolutions on top of persistence"));
  host.add_presets("first_steps", R"(
presets:
  tiny:
    all:
      model: {width: 8}
      training: {learning_rate: 3.0e-3, updates: 100, batch_size: 4, seed: 0, validation_points: 5}
  small:
    all:
      model: {width: 16}
      training: {learning_rate: 1.0e-3, updates: 1000, batch_size: 8, seed: 0}
)");
}
