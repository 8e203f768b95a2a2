#include "tokenizers/physix/physix.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "baselines/check.h"
#include "core/error.h"
#include "core/log.h"
#include "tokenizers/eval/losses.h"
#include "tokenizers/physix/training.h"
#include "tokenizers/refinement/training.h"
#include "tokenizers/transformer/cost.h"

namespace windtunnel::tokenizers {
namespace {

constexpr int64_t kWorthTelling = int64_t{1} << 30;  // bytes

}  // namespace

at::Tensor to_channels_first(const at::Tensor& x) { return x.permute({0, 4, 1, 2, 3}).contiguous(); }
at::Tensor to_channels_last(const at::Tensor& x) { return x.permute({0, 2, 3, 4, 1}).contiguous(); }

Physix::Physix(const baselines::ModelContext& context, const Options& options)
    : context_(context), options_(options), sampling_(options.sampling) {
  const auto& in = context.input;
  const auto& out = context.output;
  if (out.channels > in.channels || in.height != out.height || in.width != out.width)
    throw model_error(
        "physix: " + std::to_string(out.channels) + " output channels from " + std::to_string(in.channels),
        "outputs that are the first input channels, on the same grid");
  if (options_.context_latents >= options_.window_latents)
    throw model_error("physix: context of " + std::to_string(options_.context_latents) + " latent frames",
                      "fewer than window_latents, " + std::to_string(options_.window_latents));
  if (options_.refine && options_.context_frames() < kContextFrames)
    throw model_error(
        "physix: context of " + std::to_string(options_.context_frames()) + " frames with refinement",
        "at least " + std::to_string(kContextFrames) + " frames",
        "raise context_latents or set refine=false");
  if (in.frames + out.frames < options_.window_frames())
    throw model_error("physix: windows of " + std::to_string(options_.window_frames()) + " frames",
                      "at most the " + std::to_string(in.frames + out.frames) + " frames of a sample",
                      "lower window_latents or tokenizer_temporal_compression");
  sampling_.check();
  options_.tokenizer.in_channels = in.channels;
  options_.tokenizer.out_channels = out.channels;
  // Both are powers of two.
  const int64_t step = std::max(options_.tokenizer.space_factor(),
                                options_.refine ? int64_t{1} << options_.refiner.stages : 1);
  height_ = (in.height + step - 1) / step * step;
  width_ = (in.width + step - 1) / step * step;
  grid_ = options_.tokenizer.grid(options_.window_frames(), height_, width_);
  tokenizer = register_module("tokenizer", std::make_shared<VideoTokenizer>(options_.tokenizer));
  options_.transformer.vocab_size = tokenizer->quantiser().codebook_size();
  // Known before anything large is made.
  const auto needed = TransformerMemory::decoding(options_.transformer, grid_, 1);
  if (needed.total() > kWorthTelling) core::log_info("physix: " + needed.text());
  require_memory(needed, "physix");
  transformer = register_module("transformer", std::make_shared<TokenTransformer>(options_.transformer));
  if (options_.refine) {
    options_.refiner.dim_in = (kContextFrames + kGroundingFrames) * out.channels;
    options_.refiner.dim_out = out.channels;
    refiner = register_module("refiner", std::make_shared<RefinementUnet>(options_.refiner));
  }
  field_scale_ = register_buffer("field_scale", at::ones({in.channels}));
  field_shift_ = register_buffer("field_shift", at::zeros({in.channels}));
}

Physix::~Physix() = default;

void Physix::set_field_scaling(const std::vector<float>& input_shift, const std::vector<float>& input_scale,
                               const std::vector<float>& target_shift,
                               const std::vector<float>& target_scale) {
  const at::NoGradGuard guard;
  for (int64_t c = 0; c < context_.output.channels; ++c) {
    const auto i = static_cast<size_t>(c);
    field_scale_[c] = input_scale.at(i) / target_scale.at(i);
    field_shift_[c] = (input_shift.at(i) - target_shift.at(i)) / target_scale.at(i);
  }
}

at::Tensor Physix::to_field(const at::Tensor& x) const { return x * field_scale_ + field_shift_; }

at::Tensor Physix::grown(const at::Tensor& field) const {
  at::Tensor y = field;
  const auto extend = [&y](int64_t axis, int64_t size) {
    if (y.size(axis) != size) y = at::index_select(y, axis, at::arange(size).clamp_max(y.size(axis) - 1));
  };
  extend(2, height_);
  extend(3, width_);
  return y;
}

at::Tensor Physix::cropped(const at::Tensor& field) const {
  return field.narrow(2, 0, context_.output.height).narrow(3, 0, context_.output.width).contiguous();
}

at::Tensor Physix::video(const at::Tensor& x, const at::Tensor& y) const {
  const int64_t out = context_.output.channels, extra = x.size(4) - out;
  const at::Tensor given = to_field(x);
  const at::Tensor states = at::cat({given.narrow(4, 0, out), y}, 1);
  if (extra == 0) return grown(states);
  const at::Tensor constant = given.narrow(1, given.size(1) - 1, 1).narrow(4, out, extra);
  return grown(at::cat({states, constant.expand({-1, states.size(1), -1, -1, -1})}, 4));
}

at::Tensor Physix::refine(const at::Tensor& context, const at::Tensor& decoded) const {
  // The network knows five frames of context; earlier ones are passed through.
  const int64_t earlier = options_.context_frames() - kContextFrames;
  const auto recent = [&](const at::Tensor& x) { return x.narrow(2, earlier, x.size(2) - earlier); };
  const at::Tensor refined = refine_window(*refiner, recent(context), recent(decoded));
  return earlier == 0 ? refined : at::cat({context.narrow(2, 0, earlier), refined}, 2);
}

RolloutModels Physix::rollout_models(const at::Tensor& constants) const {
  RolloutModels models;
  models.encode = [this, constants](const at::Tensor& context) {
    at::Tensor x = to_channels_last(context);
    if (constants.defined()) x = at::cat({x, constants.expand({-1, x.size(1), -1, -1, -1})}, 4);
    return tokenizer->encode(x).flatten(1);
  };
  models.decode = [this](const at::Tensor& tokens) {
    return to_channels_first(
        tokenizer->decode(tokens.view({tokens.size(0), grid_.frames, grid_.height, grid_.width})));
  };
  models.transformer = transformer.get();
  if (refiner)
    models.refine = [this](const at::Tensor& context, const at::Tensor& decoded) {
      return refine(context, decoded);
    };
  models.grid = grid_;
  return models;
}

namespace {

/// Last frame's channels beyond the first `out`, (B,1,H,W,extra); undefined if there are none.
at::Tensor constants_of(const at::Tensor& field, int64_t out) {
  if (field.size(4) == out) return {};
  return field.narrow(1, field.size(1) - 1, 1).narrow(4, out, field.size(4) - out);
}

}  // namespace

at::Tensor Physix::encode(const at::Tensor& field) const {
  const at::NoGradGuard guard;
  return tokenizer->encode(field);
}

at::Tensor Physix::decode(const at::Tensor& tokens) const {
  const at::NoGradGuard guard;
  return cropped(tokenizer->decode(tokens));
}

WindowResult Physix::window_after(const at::Tensor& context, const SamplingOptions& sampling,
                                  uint64_t stream) const {
  WindowResult result;
  RolloutModels models = rollout_models(constants_of(context, context_.output.channels));
  models.refine = nullptr;
  windowed_rollout(models, to_channels_first(context.narrow(4, 0, context_.output.channels)), 0, sampling,
                   stream, [&](const WindowResult& window) { result = window; });
  return result;
}

at::Tensor Physix::rollout(const at::Tensor& x, const SamplingOptions& sampling, uint64_t stream) const {
  baselines::check_field(x, context_.input, "physix");
  const at::NoGradGuard guard;
  const int64_t frames = options_.context_frames(), fresh = options_.window_frames() - frames;
  at::Tensor field = grown(to_field(x));
  if (field.size(1) < frames) {
    std::vector<at::Tensor> parts(static_cast<size_t>(frames - field.size(1)), field.narrow(1, 0, 1));
    parts.push_back(field);
    field = at::cat(parts, 1);
  }
  const at::Tensor context = field.narrow(1, field.size(1) - frames, frames);
  const int64_t out = context_.output.channels;
  const at::Tensor all = windowed_rollout(rollout_models(constants_of(context, out)),
                                          to_channels_first(context.narrow(4, 0, out)),
                                          (context_.output.frames + fresh - 1) / fresh - 1, sampling, stream);
  return cropped(to_channels_last(all.narrow(2, frames, context_.output.frames)));
}

at::Tensor Physix::forward(const at::Tensor& x) { return rollout(x, SamplingOptions(), 0); }

at::Tensor Physix::predict(const at::Tensor& x) {
  const at::Tensor y = rollout(x, sampling_, next_stream_);
  next_stream_ += static_cast<uint64_t>(x.size(0));
  return y;
}

bool Physix::seed_prediction(uint64_t seed) {
  sampling_.seed = static_cast<int64_t>(seed & 0x7fffffffffffffff);
  next_stream_ = 0;
  return sampling_.temperature > 0;
}

at::Tensor Physix::loss(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor clip = video(x, y).narrow(1, 0, options_.window_frames());
  const at::Tensor truth = clip.narrow(4, 0, context_.output.channels);
  const at::Tensor reconstruction = tokenizer->reconstruct(clip);
  const auto difference = [&](const std::string& name, const at::Tensor& a, const at::Tensor& b) {
    return field_loss(name, to_channels_first(measured(a)), to_channels_first(measured(b)));
  };
  at::Tensor total = difference(options_.tokenizer_loss, reconstruction, truth);
  at::Tensor tokens;
  {
    const at::NoGradGuard guard;
    tokens = tokenizer->encode(clip).flatten(1);
  }
  total = total + transformer->loss(tokens, grid_);
  if (!refiner) return total;
  const int64_t earlier = options_.context_frames() - kContextFrames;
  const at::Tensor whole = to_channels_first(truth), decoded = to_channels_first(reconstruction.detach());
  const auto recent = [&](const at::Tensor& v) { return v.narrow(2, earlier, v.size(2) - earlier); };
  const WindowInputs inputs = refinement_inputs(recent(whole).narrow(2, 0, kContextFrames), recent(decoded));
  const at::Tensor targets = recent(whole).narrow(2, kContextFrames, recent(whole).size(2) - kContextFrames);
  const at::Tensor wanted = targets.permute({0, 2, 1, 3, 4}).flatten(0, 1);
  const at::Tensor got = refiner->forward(inputs.x, inputs.targets);
  return total + field_loss(options_.refiner_loss, got.narrow(1, 0, measured_channels()),
                            wanted.narrow(1, 0, measured_channels()));
}

std::vector<baselines::Illustration> Physix::illustrate(const at::Tensor& x, const at::Tensor& y) {
  const at::NoGradGuard guard;
  eval();
  const int64_t given = options_.context_frames(), out = context_.output.channels;
  const at::Tensor all = video(x, y);
  const int64_t start =
      std::min(std::max<int64_t>(0, x.size(1) - given), all.size(1) - options_.window_frames());
  const at::Tensor clip = all.narrow(1, start, options_.window_frames());
  const at::Tensor tokens = tokenizer->encode(clip);
  const WindowResult window = window_after(clip.narrow(1, 0, given), sampling_, 0);
  std::vector<baselines::Illustration> steps;
  const auto field = [&](const char* name, const char* note, const at::Tensor& values) {
    steps.push_back({name, note, false, cropped(values)[0], given});
  };
  const auto codes = [&](const char* name, const char* note, const at::Tensor& values) {
    steps.push_back(
        {name, note, true, values.view({grid_.frames, grid_.height, grid_.width}), options_.context_latents});
  };
  field("original", "The frames given and those to be predicted.", clip.narrow(4, 0, out));
  field("reconstruction", "The original turned into tokens and back.", tokenizer->decode(tokens));
  codes("tokens of the original", "One integer per block of the field.", tokens[0].contiguous());
  codes("predicted tokens", "The first latent frames are given, the transformer adds the others.",
        window.tokens[0].contiguous());
  field("prediction as decoded", "The predicted tokens turned back into fields.",
        to_channels_last(window.decoded));
  if (refiner)
    field("prediction as refined", "After the correction, which also sees the given frames.",
          to_channels_last(
              refine(to_channels_first(clip.narrow(1, 0, given).narrow(4, 0, out)), window.decoded)));
  return steps;
}

std::vector<std::string> Physix::zero_gradient_parameters() const {
  std::vector<std::string> names;
  for (const auto& item : named_parameters())
    if (item.key().ends_with("resample.block.0.bias")) names.push_back(item.key());
  return names;
}

std::vector<std::string> Physix::phases() const { return options_.phases(); }

void Physix::begin_phase(const std::string& phase, const baselines::PhaseSetting& setting) {
  training_.reset();
  training_ = make_physix_training(*this, phase, setting);
}
int64_t Physix::phase_updates() const { return training_->optimiser().options().updates; }
int64_t Physix::phase_done() const { return training_->optimiser().done(); }
double Physix::phase_update() { return training_->update(); }
double Physix::phase_learning_rate() const {
  return training_->optimiser().options().rate(training_->optimiser().done());
}
std::map<std::string, double> Physix::phase_validation() { return training_->validate(); }
baselines::StateDict Physix::optimizer_state() const { return training_->optimiser().state(); }
void Physix::load_optimizer_state(const baselines::StateDict& state, const std::string& origin) {
  training_->optimiser().load_state(state, origin);
}

WINDTUNNEL_REGISTER_BASELINE(Physix, "physix", true,
                             "discrete tokenizer, autoregressive token transformer, refinement network",
                             "Nguyen et al. 2025, PhysiX, arXiv 2506.17774");

}  // namespace windtunnel::tokenizers
