#include "tokenizers/video/blocks.h"

#include <ATen/TensorOperators.h>

#include "baselines/trace.h"
#include "tokenizers/video/ops.h"

namespace windtunnel::tokenizers::video {
namespace {

std::shared_ptr<Conv> conv(const VideoTokenizerOptions& o, int64_t in, int64_t out, int64_t frames,
                           int64_t pixels) {
  return std::make_shared<Conv>(in, out, frames, pixels, o.reference());
}

/// Frames doubled unless there is only one.
int64_t repeats(const at::Tensor& x) { return x.size(1) > 1 ? 2 : 1; }

}  // namespace

void trace(const std::string& name, const at::Tensor& x) {
  if (auto* active = baselines::Trace::active()) active->value(name, x.permute({0, 4, 1, 2, 3}));
}

Conv::Conv(int64_t in, int64_t out, int64_t frames, int64_t pixels, bool plain) : reference(plain) {
  conv3d = register_module(
      "conv3d", std::make_shared<baselines::Convolution>(in, out, at::IntArrayRef{frames, pixels, pixels}));
}

at::Tensor Conv::forward(const at::Tensor& x) const {
  const int64_t frames = conv3d->weight.size(2), pixels = conv3d->weight.size(3);
  if (frames == 1 && pixels == 1) return pointwise(x, conv3d->weight, conv3d->bias);
  if (frames == 1) return spatial_convolution(x, conv3d->weight, conv3d->bias, reference);
  if (pixels == 1) return temporal_convolution(x, conv3d->weight, conv3d->bias, 1, reference);
  return full_convolution(x, conv3d->weight, conv3d->bias);
}

SpaceTimeConv::SpaceTimeConv(const VideoTokenizerOptions& o, int64_t in, int64_t out, int64_t last) {
  if (last == 0) last = out;
  if (!o.factorised()) {
    full = register_module("conv3d",
                           std::make_shared<baselines::Convolution>(in, last, at::IntArrayRef{3, 3, 3}));
    return;
  }
  space = register_module("0", conv(o, in, out, 1, 3));
  time = register_module("1", conv(o, out, last, 3, 1));
}

at::Tensor SpaceTimeConv::forward(const at::Tensor& x) const {
  return full ? full_convolution(x, full->weight, full->bias) : time->forward(space->forward(x));
}

Norm::Norm(int64_t width, int64_t group_count) : groups(group_count) {
  norm = register_module("norm", std::make_shared<baselines::Affine>(width));
}

at::Tensor Norm::forward(const at::Tensor& x, bool silu) const {
  return group_norm(x, norm->weight, norm->bias, groups, silu);
}

UnusedModulation::UnusedModulation(int64_t embedding, int64_t width) {
  const auto layers = register_module("film_layer", std::make_shared<baselines::Children>());
  layers->add("0", std::make_shared<baselines::Linear>(embedding, embedding));
  const auto last = layers->add("2", std::make_shared<baselines::Linear>(embedding, 2 * width));
  for (auto& parameter : last->parameters()) parameter.detach().zero_();
  for (auto& parameter : parameters()) parameter.set_requires_grad(false);
}

ResidualBlock::ResidualBlock(const VideoTokenizerOptions& o, int64_t in, int64_t out, bool film)
    : dropout(o.dropout) {
  norm1 = register_module("norm1", std::make_shared<Norm>(in, o.num_groups));
  conv1 = register_module("conv1", std::make_shared<SpaceTimeConv>(o, in, out));
  norm2 = register_module("norm2", std::make_shared<Norm>(out, o.num_groups));
  conv2 = register_module("conv2", std::make_shared<SpaceTimeConv>(o, out, out));
  if (in != out) shortcut = register_module("nin_shortcut", conv(o, in, out, 1, 1));
  if (!film) return;
  register_module("film_layer_1", std::make_shared<UnusedModulation>(o.film_embedding, in));
  register_module("film_layer_2", std::make_shared<UnusedModulation>(o.film_embedding, out));
}

at::Tensor ResidualBlock::forward(const at::Tensor& x) const {
  at::Tensor h = norm2->forward(conv1->forward(norm1->forward(x, true)), true);
  if (is_training()) h = baselines::dropout(h, dropout);
  return (shortcut ? shortcut->forward(x) : x) + conv2->forward(h);
}

Attention::Attention(const VideoTokenizerOptions& o, int64_t width, bool over_time)
    : temporal(over_time), reference(o.reference()) {
  norm = register_module("norm", std::make_shared<Norm>(width, o.num_groups));
  q = register_module("q", conv(o, width, width, 1, 1));
  k = register_module("k", conv(o, width, width, 1, 1));
  v = register_module("v", conv(o, width, width, 1, 1));
  proj_out = register_module("proj_out", conv(o, width, width, 1, 1));
}

at::Tensor Attention::forward(const at::Tensor& x) const {
  const at::Tensor h = norm->forward(x, false);
  const at::Tensor queries = q->forward(h), keys = k->forward(h), values = v->forward(h);
  return x + proj_out->forward(temporal ? temporal_attention(queries, keys, values, reference)
                                        : spatial_attention(queries, keys, values, reference));
}

std::shared_ptr<torch::nn::Module> make_attention(const VideoTokenizerOptions& o, int64_t width) {
  if (!o.factorised()) return std::make_shared<Attention>(o, width, false);
  auto both = std::make_shared<baselines::Children>();
  both->add("0", std::make_shared<Attention>(o, width, false));
  both->add("1", std::make_shared<Attention>(o, width, true));
  return both;
}

at::Tensor attend(const torch::nn::Module& attention, const at::Tensor& x) {
  if (const auto* single = dynamic_cast<const Attention*>(&attention)) return single->forward(x);
  at::Tensor y = x;
  for (const auto& child : attention.children()) y = dynamic_cast<const Attention&>(*child).forward(y);
  return y;
}

Downsample::Downsample(const VideoTokenizerOptions& o, int64_t width, bool space, bool time) {
  if (!o.factorised()) {
    full = register_module("conv", conv(o, width, width, 3, 3));
    return;
  }
  if (space) conv1 = register_module("conv1", conv(o, width, width, 1, 3));
  if (time) conv2 = register_module("conv2", conv(o, width, width, 3, 1));
  if (space || time) conv3 = register_module("conv3", conv(o, width, width, 1, 1));
}

at::Tensor Downsample::forward(const at::Tensor& x) const {
  if (full) return full_halving(x, full->conv3d->weight, full->conv3d->bias);
  at::Tensor y = x;
  if (conv1)
    y = spatial_halving(y, conv1->conv3d->weight, conv1->conv3d->bias, conv1->reference) + spatial_mean(y);
  if (conv2)
    y = temporal_convolution(y, conv2->conv3d->weight, conv2->conv3d->bias, 2, conv2->reference) +
        temporal_mean(y);
  return conv3 ? conv3->forward(y) : y;
}

Upsample::Upsample(const VideoTokenizerOptions& o, int64_t width, bool space, bool time) {
  if (!o.factorised()) {
    full = register_module("conv", conv(o, width, width, 3, 3));
    return;
  }
  if (time) conv1 = register_module("conv1", conv(o, width, width, 3, 1));
  if (space) conv2 = register_module("conv2", conv(o, width, width, 1, 3));
  if (space || time) conv3 = register_module("conv3", conv(o, width, width, 1, 1));
}

at::Tensor Upsample::forward(const at::Tensor& x) const {
  if (full) {
    const int64_t times = repeats(x);
    const at::Tensor y = full->forward(repeat_pixels(x.repeat_interleave(times, 1)));
    return y.narrow(1, times - 1, y.size(1) - times + 1).contiguous();
  }
  at::Tensor y = x;
  if (conv1) {
    y = repeat_frames(y, repeats(y));
    y = conv1->forward(y) + y;
  }
  if (conv2) {
    y = repeat_pixels(y);
    y = conv2->forward(y) + y;
  }
  return conv3 ? conv3->forward(y) : y;
}

}  // namespace windtunnel::tokenizers::video
