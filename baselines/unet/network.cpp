#include "baselines/unet/network.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv_transpose3d.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "baselines/recompute.h"
#include "baselines/trace.h"
#include "core/array.h"
#include "core/error.h"

namespace windtunnel::baselines::unet {

namespace {

/// Transposed convolution (1,4,4), stride (1,2,2), padding (0,1,1) of x (B,F,H,W,C).
at::Tensor upsample(const at::Tensor& x, const Weights& weights) {
  return at::conv_transpose3d(x.permute({0, 4, 1, 2, 3}), weights.weight, weights.bias, {1, 2, 2}, {0, 1, 1})
      .permute({0, 2, 3, 4, 1})
      .contiguous();
}

}  // namespace

void Network::check(const NetworkShape& shape) {
  if (shape.dim_mults.empty())
    throw core::model_error("dim_mults is empty", "one factor per level, for example [1, 2, 4]");
  if (shape.dim < kGroups || shape.dim % kGroups != 0)
    throw core::model_error(
        "dim is " + std::to_string(shape.dim), "a positive multiple of 8",
        "dim 0 takes the height of the grid; set model.dim if the height is not a multiple of 8");
  for (const int64_t factor : shape.dim_mults)
    if (factor < 1)
      throw core::model_error("dim_mults is " + core::to_string(shape.dim_mults), "positive factors");
}

Network::Network(torch::nn::Module& root, const NetworkShape& shape, const std::string& kernels,
                 std::string prefix)
    : shape_(shape), prefix_(std::move(prefix)), fast_(kernels != "reference") {
  check(shape);
  const int64_t d = shape.dim, time_size = 4 * d;
  widths_ = {d};
  for (const int64_t factor : shape.dim_mults) widths_.push_back(d * factor);
  const size_t levels = shape.dim_mults.size();

  // The order of registration is the order of the published file; the order of construction decides the
  // draws.
  position_bias_ = root.register_module("time_rel_pos_bias", std::make_shared<PositionBias>());
  rotary_ = std::make_shared<Rotary>();
  init_conv_ = root.register_module(
      "init_conv", std::make_shared<Weights>(at::IntArrayRef{d, shape.in_channels, 7, 7, 7}, d));
  init_attention_ =
      root.register_module("init_temporal_attn", std::make_shared<TemporalAttention>(d, rotary_, fast_));
  auto time_mlp = root.register_module("time_mlp", std::make_shared<Children>());
  time1_ = time_mlp->add("1", std::make_shared<Weights>(at::IntArrayRef{time_size, d}, time_size));
  time3_ = time_mlp->add("3", std::make_shared<Weights>(at::IntArrayRef{time_size, time_size}, time_size));
  auto downs = root.register_module("downs", std::make_shared<Children>());
  auto ups = root.register_module("ups", std::make_shared<Children>());

  for (size_t i = 0; i < levels; ++i)
    down_.push_back(make_stage(*downs, "downs", i, widths_[i], widths_[i + 1], i + 1 < levels));
  const int64_t deepest = widths_.back();
  mid1_ = root.register_module("mid_block1", std::make_shared<ResBlock>(deepest, deepest, time_size, fast_));
  mid_spatial_ = root.register_module("mid_spatial_attn", std::make_shared<SpatialAttention>(deepest));
  mid_temporal_ =
      root.register_module("mid_temporal_attn", std::make_shared<TemporalAttention>(deepest, rotary_, fast_));
  mid2_ = root.register_module("mid_block2", std::make_shared<ResBlock>(deepest, deepest, time_size, fast_));
  for (size_t j = 0; j < levels; ++j)
    up_.push_back(
        make_stage(*ups, "ups", j, 2 * widths_[levels - j], widths_[levels - 1 - j], j + 1 < levels));
  auto final_conv = root.register_module("final_conv", std::make_shared<Children>());
  final_block_ = final_conv->add("0", std::make_shared<ResBlock>(2 * d, d, 0, fast_));
  final_conv_ = final_conv->add(
      "1", std::make_shared<Weights>(at::IntArrayRef{shape.out_channels, d, 1, 1, 1}, shape.out_channels));
}

Network::Stage Network::make_stage(Children& list, const std::string& name, size_t index, int64_t in,
                                   int64_t out, bool resample) {
  auto node = list.add(std::to_string(index), std::make_shared<Children>());
  const int64_t time_size = 4 * shape_.dim;
  Stage stage;
  stage.name = name + "." + std::to_string(index);
  stage.block1 = node->add("0", std::make_shared<ResBlock>(in, out, time_size, fast_));
  stage.block2 = node->add("1", std::make_shared<ResBlock>(out, out, time_size, fast_));
  stage.spatial = node->add("2", std::make_shared<LinearAttention>(out, fast_));
  stage.temporal = node->add("3", std::make_shared<TemporalAttention>(out, rotary_, fast_));
  if (resample)
    stage.resample = node->add("4", std::make_shared<Weights>(at::IntArrayRef{out, out, 1, 4, 4}, out));
  return stage;
}

/// (B or 1, 4d): sin then cos of t * 10000^(-k/(d/2-1)), affine, GELU, affine.
at::Tensor Network::time_embedding(const at::Tensor& steps) const {
  const int64_t half = shape_.dim / 2;
  const auto options = time1_->weight.options().requires_grad(false);
  at::Tensor waves;
  if (steps.defined()) {
    const double rate = -std::log(10000.0) / static_cast<double>(half - 1);
    const at::Tensor angles =
        steps.to(options.dtype()).unsqueeze(1) * at::exp(at::arange(half, options) * rate);
    waves = at::cat({angles.sin(), angles.cos()}, 1);
  } else {
    waves = at::zeros({1, 2 * half}, options);
    waves.narrow(1, half, half).fill_(1);
  }
  return linear(at::gelu(linear(waves, *time1_)), *time3_);
}

void Network::tell(const std::string& name, const at::Tensor& value) const {
  if (Trace* trace = Trace::active()) trace->value(prefix_ + name, value.permute({0, 4, 1, 2, 3}));
}

at::Tensor Network::through(const Stage& stage, at::Tensor h, const at::Tensor& time,
                            const Positions& positions) const {
  h = stage.block1->forward(h, time);
  tell(stage.name + ".0", h);
  h = stage.block2->forward(h, time);
  tell(stage.name + ".1", h);
  h = stage.spatial->forward(h);
  tell(stage.name + ".2", h);
  h = stage.temporal->forward(h, positions);
  tell(stage.name + ".3", h);
  return h;
}

at::Tensor Network::recompute_stage(const Stage& stage, std::vector<at::Tensor> fields,
                                    const at::Tensor& time, const Positions& positions) const {
  fields.insert(fields.end(), {time, positions.rotation, positions.bias});
  return recompute(
      [this, &stage](const std::vector<at::Tensor>& in) {
        const size_t n = in.size() - 3;
        const at::Tensor h = n == 1 ? in[0] : at::cat(at::TensorList(in.data(), n), -1);
        return through(stage, h, in[n], {in[n + 1], in[n + 2]});
      },
      std::move(fields));
}

at::Tensor Network::forward(const at::Tensor& x, const at::Tensor& steps, int64_t bias_frames) const {
  const Positions positions{rotary_->forward(x.size(1)), position_bias_->forward(bias_frames)};
  const at::Tensor embedding = time_embedding(steps);
  if (Trace* trace = Trace::active()) trace->value(prefix_ + "time_mlp", embedding.expand({x.size(0), -1}));
  const at::Tensor time = at::silu(embedding);

  at::Tensor h = convolve(x, *init_conv_, {1, 1, 1}, {3, 3, 3});
  tell("init_conv", h);
  h = init_attention_->forward(h, positions);
  tell("init_temporal_attn", h);
  const at::Tensor first = h;
  std::vector<at::Tensor> skips;
  for (const Stage& stage : down_) {
    h = recompute_stage(stage, {h}, time, positions);
    skips.push_back(h);
    if (stage.resample) h = convolve(h, *stage.resample, {1, 2, 2}, {0, 1, 1});
  }
  h = mid1_->forward(h, time);
  tell("mid_block1", h);
  h = mid_spatial_->forward(h);
  tell("mid_spatial_attn", h);
  h = mid_temporal_->forward(h, positions);
  tell("mid_temporal_attn", h);
  h = mid2_->forward(h, time);
  tell("mid_block2", h);
  for (const Stage& stage : up_) {
    h = recompute_stage(stage, {h, skips.back()}, time, positions);
    skips.pop_back();
    if (stage.resample) h = upsample(h, *stage.resample);
  }
  return linear(final_block_->forward(at::cat({h, first}, -1), {}), *final_conv_);
}

std::vector<std::string> Network::zero_gradient_parameters() const {
  std::vector<std::string> names;
  const auto block = [&](const std::string& name, int64_t width) {
    if (width != kGroups) return;
    for (const char* part : {".block1.proj.bias", ".block2.proj.bias"})
      names.push_back(prefix_ + name + part);
  };
  const size_t levels = down_.size();
  for (size_t i = 0; i < levels; ++i)
    for (const char* part : {".0", ".1"}) block("downs." + std::to_string(i) + part, widths_[i + 1]);
  for (const char* part : {"mid_block1", "mid_block2"}) block(part, widths_.back());
  for (size_t j = 0; j < levels; ++j)
    for (const char* part : {".0", ".1"}) block("ups." + std::to_string(j) + part, widths_[levels - 1 - j]);
  block("final_conv.0", shape_.dim);
  return names;
}

}  // namespace windtunnel::baselines::unet
