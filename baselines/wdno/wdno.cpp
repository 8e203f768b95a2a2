#include "baselines/wdno/wdno.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/where.h>

#include "baselines/check.h"
#include "baselines/layers.h"
#include "baselines/tensor_bridge.h"
#include "baselines/wdno/schedule.h"
#include "core/error.h"
#include "core/log.h"
#include "core/sha256.h"

namespace windtunnel::baselines {

namespace {

constexpr double kHeadroom = 1.4;

enum Buffer : size_t {
  kAlphaBar = 1,
  kSqrtAlphaBar = 3,
  kSqrtOneMinusAlphaBar = 4,
};

unet::NetworkShape network_shape(const WdnoOptions& options, int64_t channels) {
  unet::NetworkShape shape{options.dim, options.dim_mults, channels, channels};
  unet::Network::check(shape);
  return shape;
}

at::Tensor read_rescaler(const std::string& path) {
  if (path.ends_with(".safetensors")) {
    const core::SafetensorsFile file(path);
    return to_tensor(file.at("rescaler")).clone();
  }
  const core::TorchFile file(path);
  return to_tensor(file.root().tensor()).clone();
}

}  // namespace

void WdnoOptions::describe(core::OptionVisitor& v) {
  v("dim", dim, "base width of the denoiser, a multiple of 8", core::kPositive);
  v("dim_mults", dim_mults, "width of each level as a multiple of dim; space halves between levels");
  v("wave_type", wave_type, "wavelet: bior1.1, bior1.3, bior2.2, haar, db1, db2, db3");
  v.choice("pad_mode", pad_mode, wdno::pad_modes(), "how fields go on beyond their borders");
  v.choice("beta_schedule", beta_schedule, wdno::beta_schedules(), "noise level of the diffusion steps");
  v("timesteps", timesteps, "diffusion steps", core::kPositive);
  v("sampling_timesteps", sampling_timesteps, "steps used in prediction; 0: all, with the ancestral sampler",
    core::kNotNegative);
  v("ddim_sampling_eta", ddim_sampling_eta, "fresh noise in prediction: 0 none, 1 full", core::kNotNegative);
  v("rescaler", rescaler,
    "file with the largest coefficient per channel; empty: from the training data or weights");
  v.choice("kernels", kernels, {"auto", "fast", "reference"}, "implementation of the denoiser's layers");
}

Wdno::Wdno(const ModelContext& context, const Options& options)
    : options_(options),
      input_(context.input),
      output_(context.output),
      published_(context.compat == "published"),
      ratio_(frame_ratio(context, "wdno")),
      condition_(8 * context.input.channels),
      transform_(wdno::filter_bank(options.wave_type), options.pad_mode,
                 {context.input.frames, context.input.height, context.input.width}),
      network_(*register_module("model", std::make_shared<Children>()),
               network_shape(options, condition_ + 8 * context.output.channels * ratio_), options.kernels,
               "model.") {
  if (input_.height != output_.height || input_.width != output_.width)
    throw model_error("wdno: input and output grids differ", "the same grid");
  if (options_.sampling_timesteps > options_.timesteps)
    throw model_error("wdno: sampling_timesteps is " + std::to_string(options_.sampling_timesteps),
                      "at most timesteps, " + std::to_string(options_.timesteps));
  const int64_t multiple = int64_t{1} << options_.dim_mults.size();
  for (size_t axis = 0; axis < 3; ++axis)
    grid_[axis] = (transform_.coefficients()[axis] + multiple - 1) / multiple * multiple;
  for (auto& [name, values] : wdno::schedule_buffers(wdno::betas(options_.beta_schedule, options_.timesteps)))
    schedule_.push_back(register_buffer(
        name, at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kFloat).clone()));
  if (!options_.rescaler.empty()) set_rescaler(read_rescaler(options_.rescaler), options_.rescaler);
}

std::vector<int64_t> Wdno::state_shape(int64_t batch) const {
  return {batch, grid_[0], grid_[1], grid_[2], condition_ + 8 * output_.channels * ratio_};
}

void Wdno::set_rescaler(const at::Tensor& values, const std::string& origin) {
  const std::vector<int64_t> shape = {1, 1, 1, 1, state_shape(1).back()};
  if (values.sizes() != at::IntArrayRef(shape))
    throw model_error(origin + ": the rescaler has shape " + core::to_string(values.sizes().vec()),
                      core::to_string(shape) + ", eight wavelet bands per input and output channel",
                      "use the rescaler made for this scenario and wavelet");
  const at::NoGradGuard guard;
  if (rescaler_.defined())
    rescaler_.copy_(values);
  else
    rescaler_ = register_buffer("rescaler", values.to(schedule_[0].options()).clone());
  scale_ = rescaler_ * kHeadroom;
}

const at::Tensor& Wdno::scale() const {
  if (!rescaler_.defined())
    throw model_error("wdno: the scale of the wavelet coefficients is not known",
                      "weights trained here (they contain it) or the option model.rescaler",
                      "set model.rescaler to the wdno_rescaler_*.pt file that belongs to the weights");
  return scale_;
}

void Wdno::observe(const at::Tensor& x, const at::Tensor& y) {
  const at::NoGradGuard guard;
  const at::Tensor largest = joined(x, y).abs().amax({0, 1, 2, 3}, true);
  largest_ = largest_.defined() ? at::maximum(largest_, largest) : largest;
  set_rescaler(at::where(largest_ == 0, at::ones_like(largest_), largest_), "training data");
}

void Wdno::load_state(const StateDict& state, const std::string& origin) {
  for (const auto& [name, value] : state)
    if (name == "rescaler") {
      set_rescaler(value, origin);
      return Baseline::load_state(state, origin);
    }
  StateDict complete = state;
  if (rescaler_.defined()) complete.emplace_back("rescaler", rescaler_);
  Baseline::load_state(complete, origin);
}

std::vector<std::string> Wdno::zero_gradient_parameters() const {
  return network_.zero_gradient_parameters();
}

/// Unpadded coefficients of [x, folded y].
at::Tensor Wdno::joined(const at::Tensor& x, const at::Tensor& y) const {
  check_field(x, input_, "wdno");
  check_field(y, output_, "wdno (target)");
  return transform_.analyse(at::cat({x, wdno::fold_time(y, ratio_)}, -1));
}

at::Tensor Wdno::padded(const at::Tensor& coefficients) const {
  const auto [t, h, w] = transform_.coefficients();
  return at::constant_pad_nd(coefficients, {0, 0, 0, grid_[2] - w, 0, grid_[1] - h, 0, grid_[0] - t});
}

void Wdno::clear_padding(at::Tensor& state) const {
  for (size_t axis = 0; axis < 3; ++axis) {
    const int64_t size = transform_.coefficients()[axis];
    if (size < grid_[axis]) state.narrow(static_cast<int64_t>(axis) + 1, size, grid_[axis] - size).zero_();
  }
}

Wdno::Noisy Wdno::diffuse(const at::Tensor& x, const at::Tensor& y, const at::Tensor& steps,
                          const at::Tensor& noise) const {
  const at::NoGradGuard guard;
  const at::Tensor clean = padded(joined(x, y) / scale());
  const auto level = [&](Buffer index) {
    return schedule_[index].index_select(0, steps).view({-1, 1, 1, 1, 1});
  };
  Noisy noisy{level(kSqrtAlphaBar) * clean + level(kSqrtOneMinusAlphaBar) * noise, noise.clone()};
  noisy.input.narrow(-1, 0, condition_).copy_(clean.narrow(-1, 0, condition_));
  noisy.target.narrow(-1, 0, condition_).zero_();
  clear_padding(noisy.input);
  clear_padding(noisy.target);
  return noisy;
}

at::Tensor Wdno::denoise(const at::Tensor& state, const at::Tensor& steps) const {
  return network_.forward(state, published_ ? at::Tensor() : steps, state.size(1));
}

at::Tensor Wdno::loss_at(const at::Tensor& x, const at::Tensor& y, const at::Tensor& steps,
                         const at::Tensor& noise) {
  const Noisy noisy = diffuse(x, y, steps, noise);
  const at::Tensor error = denoise(noisy.input, steps);
  if (loss_channels_ == 0 || loss_channels_ >= output_.channels) return at::mse_loss(error, noisy.target);
  const int64_t covered = condition_ + 8 * ratio_ * loss_channels_;
  return at::mse_loss(error.narrow(-1, 0, covered), noisy.target.narrow(-1, 0, covered));
}

at::Tensor Wdno::loss(const at::Tensor& x, const at::Tensor& y) {
  if (!rescaler_.defined()) {
    core::log_info("wdno: scale of the wavelet coefficients taken from the first training batch");
    observe(x, y);
  }
  const at::Tensor steps =
      at::randint(0, options_.timesteps, {x.size(0)}, at::TensorOptions().dtype(at::kLong)).to(x.device());
  return loss_at(x, y, steps, at::randn(state_shape(x.size(0))).to(x.device()));
}

bool Wdno::seed_prediction(uint64_t seed) {
  seed_ = seed;
  return true;
}

at::Tensor Wdno::predict(const at::Tensor& x) {
  const at::NoGradGuard guard;
  if (!seed_) {
    const auto draw = [&] { return at::randn(state_shape(x.size(0))).to(x.device()); };
    const bool deterministic_schedule =
        options_.sampling_timesteps > 0 && options_.sampling_timesteps < options_.timesteps;
    if (published_ && deterministic_schedule) draw();  // the published program discards its first draw
    return sample(x, draw, options_.ddim_sampling_eta);
  }
  std::vector<at::Generator> streams;
  for (int64_t b = 0; b < x.size(0); ++b) {
    const at::Tensor values = flat(x[b].cpu());
    const std::string id = core::sha256({static_cast<const char*>(values.const_data_ptr()), values.nbytes()});
    streams.push_back(at::make_generator<at::CPUGeneratorImpl>(core::stream_seed(*seed_, id)));
  }
  const auto draw = [&] {
    std::vector<at::Tensor> draws;
    for (auto& stream : streams) draws.push_back(at::randn(state_shape(1), stream));
    return at::cat(draws).to(x.device());
  };
  return sample(x, draw, options_.ddim_sampling_eta);
}

WINDTUNNEL_REGISTER_BASELINE(Wdno, "wdno", true,
                             "diffusion model over wavelet coefficients, conditioned on the input",
                             "Hu et al. 2025 (arXiv:2412.04833)");

}  // namespace windtunnel::baselines
