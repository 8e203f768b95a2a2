#include "baselines/fno/fno.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include <algorithm>

#include "baselines/fno/reference.h"
#include "core/array.h"
#include "core/error.h"

namespace windtunnel::baselines {
namespace {

constexpr int64_t kPadding = 6, kHidden = 128;

/// Operations per point from which an FFT is the faster transform, by `fno_benchmark spectral/` on one core
/// with 100 GFLOP/s: the published settings need 180, half of the modes of each axis 440, all modes 1300.
constexpr double kFftWins = 700;

/// Holds weights1..4 under their published names.
struct SpectralWeights : torch::nn::Module {};

bool is_spectral(const std::string& name) { return name.starts_with("spectral_convs."); }

fno::GridSizes grid_sizes(const SampleShape& input, const FnoOptions& options) {
  return {{input.frames + kPadding, input.height + kPadding, input.width + kPadding},
          {input.frames, input.height, input.width},
          {options.modes1, options.modes2, options.modes3}};
}

/// With clip_modes, at most as many modes per axis as do not overlap.
FnoOptions clipped(FnoOptions options, const SampleShape& input) {
  if (!options.clip_modes) return options;
  options.modes1 = std::min(options.modes1, (input.frames + kPadding) / 2);
  options.modes2 = std::min(options.modes2, (input.height + kPadding) / 2);
  options.modes3 = std::min(options.modes3, (input.width + kPadding) / 2);
  return options;
}

int64_t projected_channels(const SampleShape& input, const SampleShape& output) {
  return output.channels * (output.frames / input.frames);
}

void check(const SampleShape& input, const SampleShape& output, const FnoOptions& options) {
  const auto sizes = grid_sizes(input, options);
  if (std::min({input.frames, input.height, input.width, input.channels, output.channels}) < 1)
    throw model_error("fno: a sample of shape " + core::to_string(core::Shape{input.frames, input.height,
                                                                              input.width, input.channels}),
                      "every axis of at least 1");
  if (output.frames < input.frames || output.frames % input.frames != 0)
    throw model_error("fno: " + std::to_string(output.frames) + " output frames for " +
                          std::to_string(input.frames) + " input frames",
                      "a multiple of the input frames");
  if (output.height != input.height || output.width != input.width)
    throw model_error("fno: the output grid differs from the input grid", "equal height and width");
  const std::array<int64_t, 3> limits{sizes.n[0], sizes.n[1], sizes.n[2] / 2 + 1};
  for (size_t axis = 0; axis < 3; ++axis)
    if (sizes.m[axis] > limits[axis])
      throw model_error("fno: modes" + std::to_string(axis + 1) + " = " + std::to_string(sizes.m[axis]),
                        "at most " + std::to_string(limits[axis]) + " on this grid (padded by 6)",
                        "lower modes" + std::to_string(axis + 1) + " or use a larger grid");
}

}  // namespace

Fno::Fno(const ModelContext& context, const FnoOptions& options)
    : options_(clipped(options, context.input)),
      input_(context.input),
      output_(context.output),
      sizes_(grid_sizes(context.input, options_)) {
  check(input_, output_, options_);
  const int64_t w = options_.width;
  // State order: all spectral weights, then all convolutions, then all norms; random draws go layer by layer.
  fc0 = register_module("fc0", torch::nn::Linear(input_.channels + 3, w));
  const auto spectral_list = register_module("spectral_convs", torch::nn::ModuleList());
  const auto conv_list = register_module("convs", torch::nn::ModuleList());
  const auto norm_list = register_module("bns", torch::nn::ModuleList());
  const double scale = 1.0 / static_cast<double>(w * w);
  for (int64_t l = 0; l < options_.n_layers; ++l) {
    auto weights = std::make_shared<SpectralWeights>();
    for (int block = 1; block <= 4; ++block) {
      const at::Tensor drawn =
          at::rand({w, w, options_.modes1, options_.modes2, options_.modes3}, at::kComplexFloat);
      const std::string name = "weights" + std::to_string(block);
      spectral_.push_back(weights->register_parameter(
          name, from_published("spectral_convs." + std::to_string(l) + "." + name, drawn).mul_(scale)));
    }
    spectral_list->push_back(weights);
    convs.push_back(torch::nn::Conv3d(torch::nn::Conv3dOptions(w, w, 1)));
    conv_list->push_back(convs.back());
    bns.push_back(torch::nn::BatchNorm3d(w));
    norm_list->push_back(bns.back());
  }
  fc1 = register_module("fc1", torch::nn::Linear(w, kHidden));
  fc2 = register_module("fc2", torch::nn::Linear(kHidden, projected_channels(input_, output_)));
}

int64_t Fno::count_parameters(const ModelContext& context, const FnoOptions& given) {
  const FnoOptions options = clipped(given, context.input);
  check(context.input, context.output, options);
  const int64_t w = options.width, modes = options.modes1 * options.modes2 * options.modes3;
  return (context.input.channels + 4) * w + options.n_layers * (4 * w * w * modes + w * w + 3 * w) +
         kHidden * w + kHidden + (kHidden + 1) * projected_channels(context.input, context.output);
}

at::Tensor Fno::to_published(const std::string& name, const at::Tensor& internal) const {
  if (!is_spectral(name)) return internal;
  return at::view_as_complex(internal.permute({3, 4, 0, 1, 2, 5}).contiguous());
}

at::Tensor Fno::from_published(const std::string& name, const at::Tensor& published) const {
  if (!is_spectral(name)) return published;
  const at::Tensor pairs = published.is_complex() ? at::view_as_real(published.resolve_conj()) : published;
  return pairs.permute({2, 3, 4, 0, 1, 5}).contiguous();
}

std::vector<std::string> Fno::zero_gradient_parameters() const {
  std::vector<std::string> names;
  for (int64_t l = 0; l < options_.n_layers; ++l) names.push_back("convs." + std::to_string(l) + ".bias");
  return names;
}

fno::NetworkTensors Fno::tensors() const {
  fno::NetworkTensors net{fc0->weight, fc0->bias, fc1->weight, fc1->bias, fc2->weight, fc2->bias, {}};
  const int64_t w = options_.width;
  for (size_t l = 0; l < convs.size(); ++l)
    net.layers.push_back(
        {{spectral_[4 * l], spectral_[4 * l + 1], spectral_[4 * l + 2], spectral_[4 * l + 3]},
         convs[l]->weight.view({w, w}),
         convs[l]->bias,
         bns[l]->weight,
         bns[l]->bias,
         bns[l]->running_mean,
         bns[l]->running_var});
  return net;
}

at::Tensor Fno::forward(const at::Tensor& x) {
  if (x.dim() != 5 || x.size(0) < 1 || x.size(1) != input_.frames || x.size(2) != input_.height ||
      x.size(3) != input_.width || x.size(4) != input_.channels)
    throw model_error("fno: input of shape " + core::to_string(x.sizes().vec()),
                      "(B >= 1, " + std::to_string(input_.frames) + ", " + std::to_string(input_.height) +
                          ", " + std::to_string(input_.width) + ", " + std::to_string(input_.channels) + ")",
                      "the model is bound to the shapes it was built for");
  const at::Tensor projected = use_fast() ? forward_fast(x) : forward_reference(x);
  const int64_t factor = output_.frames / input_.frames;
  if (factor == 1) return projected;
  return projected.view({x.size(0), input_.frames, input_.height, input_.width, output_.channels, factor})
      .permute({0, 1, 5, 2, 3, 4})
      .reshape({x.size(0), output_.frames, input_.height, input_.width, output_.channels});
}

bool Fno::use_fast() const {
  if (options_.kernels != "auto") return options_.kernels == "fast";
  return sizes_.operations_per_point() <= kFftWins;
}

at::Tensor Fno::forward_fast(const at::Tensor& x) {
  const auto options = fc0->weight.options().requires_grad(false);
  if (!grid_ || matrix_options_.device() != options.device() || matrix_options_.dtype() != options.dtype()) {
    grid_ = c10::make_intrusive<fno::TruncatedDft>(sizes_, sizes_.n, options);
    crop_ = c10::make_intrusive<fno::TruncatedDft>(sizes_, sizes_.crop, options);
    matrix_options_ = options;
  }
  const fno::NormSettings norm{bns[0]->options.eps(), bns[0]->options.momentum().value_or(0.1),
                               is_training()};
  if (is_training())
    for (auto& bn : bns) bn->num_batches_tracked.add_(1);
  const fno::NetworkTensors net = tensors();
  if (is_training() || at::GradMode::is_enabled()) return fno::train(net, norm, grid_, x);
  return fno::infer(net, norm, *grid_, *crop_, x);
}

at::Tensor Fno::forward_reference(const at::Tensor& x) {
  // Coordinates and padding as in the fast path; the appended one carries the bias of the lift.
  const at::Tensor lifted = fno::lifted_input(x, sizes_);
  const at::Tensor lift = at::cat({fc0->weight, fc0->bias.unsqueeze(1)}, 1);
  at::Tensor v = lifted.matmul(lift.t()).permute({0, 4, 1, 2, 3});
  for (size_t l = 0; l < convs.size(); ++l) {
    const std::array<at::Tensor, 4> weights{spectral_[4 * l], spectral_[4 * l + 1], spectral_[4 * l + 2],
                                            spectral_[4 * l + 3]};
    v = bns[l]->forward(fno::spectral_convolution(v, weights) + convs[l]->forward(v));
    if (l + 1 < convs.size()) v = at::gelu(v);
  }
  v = v.narrow(2, 0, input_.frames)
          .narrow(3, 0, input_.height)
          .narrow(4, 0, input_.width)
          .permute({0, 2, 3, 4, 1});
  return fc2->forward(at::gelu(fc1->forward(v)));
}

WINDTUNNEL_REGISTER_BASELINE(
    Fno, "fno", true, "Fourier neural operator over time and space",
    "Li et al., Fourier Neural Operator for Parametric Partial Differential Equations, "
    "ICLR 2021");

}  // namespace windtunnel::baselines
