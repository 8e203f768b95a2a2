#include "tokenizers/video/coder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/silu.h>

#include "baselines/trace.h"
#include "tokenizers/video/ops.h"

namespace windtunnel::tokenizers::video {
namespace {

using baselines::Children;

/// Traces before the silu that belongs to conv_out.
at::Tensor norm_silu(const Norm& norm, const at::Tensor& x, const std::string& name) {
  if (!baselines::Trace::active()) return norm.forward(x, true);
  const at::Tensor y = norm.forward(x, false);
  trace(name, y);
  return at::silu(y);
}

at::Tensor traced(const std::string& name, const at::Tensor& x) {
  trace(name, x);
  return x;
}

}  // namespace

Patching patching_of(const VideoTokenizerOptions& o) {
  return {o.patch_size, o.patch_method, o.factorised() ? 3 : 2};
}

Encoder::Encoder(const VideoTokenizerOptions& o, int64_t fields, int64_t data_sets) : options_(o) {
  const bool film = data_sets > 0;
  const int64_t n = o.level_count(), deepest = o.width(n - 1);
  if (o.learnable_padding) {
    const auto patcher = register_module("patcher3d", std::make_shared<Children>());
    padding = patcher->register_parameter(
        "padding", baselines::constant_values({fields, o.max_video_size.at(1), o.max_video_size.at(2)}, 0));
  }
  if (film) {
    const auto embedding = register_module("dataset_embedding", std::make_shared<Children>());
    embedding->register_parameter("weight", baselines::normal_values({data_sets, o.film_embedding}, 1),
                                  false);
  }
  conv_in_ = register_module("conv_in",
                             std::make_shared<SpaceTimeConv>(o, fields * patching_of(o).block(), o.channels));
  const auto down = register_module("down", std::make_shared<Children>());
  for (int64_t i = 0; i < n; ++i) {
    const auto module = down->add(std::to_string(i), std::make_shared<Children>());
    const auto block = module->add("block", std::make_shared<Children>());
    const auto attn = module->add("attn", std::make_shared<Children>());
    Level level;
    for (int64_t j = 0; j < o.num_res_blocks; ++j) {
      const int64_t in = j > 0 ? o.width(i) : i > 0 ? o.width(i - 1) : o.channels;
      level.blocks.push_back(
          block->add(std::to_string(j), std::make_shared<ResidualBlock>(o, in, o.width(i), film)));
      if (o.attention_in(i))
        level.attention.push_back(attn->add(std::to_string(j), make_attention(o, o.width(i))));
    }
    if (i < n - 1)
      level.downsample = module->add(
          "downsample",
          std::make_shared<Downsample>(o, o.width(i), i < o.space_halvings(), i < o.time_halvings()));
    levels_.push_back(std::move(level));
  }
  const auto mid = register_module("mid", std::make_shared<Children>());
  mid_1_ = mid->add("block_1", std::make_shared<ResidualBlock>(o, deepest, deepest, film));
  mid_attention_ = mid->add("attn_1", make_attention(o, deepest));
  mid_2_ = mid->add("block_2", std::make_shared<ResidualBlock>(o, deepest, deepest, film));
  norm_out_ = register_module("norm_out", std::make_shared<Norm>(deepest, o.num_groups));
  conv_out_ =
      register_module("conv_out", std::make_shared<SpaceTimeConv>(o, deepest, o.z_channels * o.z_factor));
}

at::Tensor Encoder::forward(const at::Tensor& x, const PatchedChannels& present) const {
  at::Tensor h;
  if (!present.defined()) {
    h = conv_in_->forward(x);
  } else if (conv_in_->full) {
    const auto& conv = *conv_in_->full;
    h = full_convolution(x, at::index_select(conv.weight, 1, present), conv.bias);
  } else {
    const auto& conv = *conv_in_->space->conv3d;
    h = conv_in_->time->forward(
        spatial_convolution(x, at::index_select(conv.weight, 1, present), conv.bias, options_.reference()));
  }
  trace("encoder.conv_in", h);
  for (size_t i = 0; i < levels_.size(); ++i) {
    const Level& level = levels_[i];
    for (size_t j = 0; j < level.blocks.size(); ++j) {
      h = level.blocks[j]->forward(h);
      if (!level.attention.empty()) h = attend(*level.attention[j], h);
    }
    if (level.downsample)
      h = traced("encoder.down." + std::to_string(i) + ".downsample", level.downsample->forward(h));
  }
  if (!options_.factorised() && h.size(1) > 1) h = temporal_mean(h);
  h = traced("encoder.mid.block_1", mid_1_->forward(h));
  h = traced("encoder.mid.attn_1", attend(*mid_attention_, h));
  h = traced("encoder.mid.block_2", mid_2_->forward(h));
  return traced("encoder.conv_out", conv_out_->forward(norm_silu(*norm_out_, h, "encoder.norm_out")));
}

Decoder::Decoder(const VideoTokenizerOptions& o, int64_t fields, std::string path)
    : options_(o), path_(std::move(path)) {
  const int64_t n = o.level_count(), deepest = o.width(n - 1), block_size = patching_of(o).block();
  conv_in_ = register_module("conv_in", std::make_shared<SpaceTimeConv>(o, o.z_channels, deepest));
  const auto mid = register_module("mid", std::make_shared<Children>());
  mid_1_ = mid->add("block_1", std::make_shared<ResidualBlock>(o, deepest, deepest, false));
  mid_attention_ = mid->add("attn_1", make_attention(o, deepest));
  mid_2_ = mid->add("block_2", std::make_shared<ResidualBlock>(o, deepest, deepest, false));
  const auto up = register_module("up", std::make_shared<Children>());
  for (int64_t i = 0; i < n; ++i) {
    const auto module = up->add(std::to_string(i), std::make_shared<Children>());
    const auto block = module->add("block", std::make_shared<Children>());
    const auto attn = module->add("attn", std::make_shared<Children>());
    Level level;
    for (int64_t j = 0; j <= o.num_res_blocks; ++j) {
      const int64_t in = j > 0 || i == n - 1 ? o.width(j > 0 ? i : n - 1) : o.width(i + 1);
      level.blocks.push_back(
          block->add(std::to_string(j), std::make_shared<ResidualBlock>(o, in, o.width(i), false)));
      if (o.attention_in(i))
        level.attention.push_back(attn->add(std::to_string(j), make_attention(o, o.width(i))));
    }
    if (i > 0)
      level.upsample = module->add(
          "upsample", std::make_shared<Upsample>(o, o.width(i), o.upsamples_space(i), o.upsamples_time(i)));
    levels_.push_back(std::move(level));
  }
  norm_out_ = register_module("norm_out", std::make_shared<Norm>(o.width(0), o.num_groups));
  conv_out_ = register_module(
      "conv_out",
      std::make_shared<SpaceTimeConv>(o, o.width(0), o.out_channels * block_size, fields * block_size));
}

at::Tensor Decoder::forward(const at::Tensor& z, const PatchedChannels& wanted) const {
  at::Tensor h = traced(path_ + ".conv_in", conv_in_->forward(z));
  h = traced(path_ + ".mid.block_1", mid_1_->forward(h));
  h = traced(path_ + ".mid.attn_1", attend(*mid_attention_, h));
  h = traced(path_ + ".mid.block_2", mid_2_->forward(h));
  for (size_t i = levels_.size(); i-- > 0;) {
    const Level& level = levels_[i];
    for (size_t j = 0; j < level.blocks.size(); ++j) {
      h = level.blocks[j]->forward(h);
      if (!level.attention.empty()) h = attend(*level.attention[j], h);
    }
    if (level.upsample)
      h = traced(path_ + ".up." + std::to_string(i) + ".upsample", level.upsample->forward(h));
  }
  if (!options_.factorised()) h = repeat_frames(h, h.size(1) > 1 ? 2 : 1);
  h = norm_silu(*norm_out_, h, path_ + ".norm_out");
  if (!wanted.defined()) return traced(path_ + ".conv_out", conv_out_->forward(h));
  if (conv_out_->full) {
    const auto& conv = *conv_out_->full;
    return full_convolution(h, at::index_select(conv.weight, 0, wanted),
                            at::index_select(conv.bias, 0, wanted));
  }
  const auto& conv = *conv_out_->time->conv3d;
  return temporal_convolution(conv_out_->space->forward(h), at::index_select(conv.weight, 0, wanted),
                              at::index_select(conv.bias, 0, wanted), 1, options_.reference());
}

}  // namespace windtunnel::tokenizers::video
