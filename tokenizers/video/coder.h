#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tokenizers/video/blocks.h"
#include "tokenizers/video/patching.h"

namespace windtunnel::tokenizers::video {

/// Which of a layer's patched channels exist: the columns of conv_in or rows of conv_out; undefined = all.
using PatchedChannels = at::Tensor;

/// Patched field (B,T',H',W',M*block) -> (B,T'',H'',W'',z_channels*z_factor): conv_in, levels of residual
/// blocks with a halving between them, mid (block, attention, block), norm_out, silu, conv_out.
class Encoder : public torch::nn::Module {
 public:
  /// `fields`: M, channels before patching. `data_sets` > 0 adds the unused embedding of that many data sets.
  Encoder(const VideoTokenizerOptions& options, int64_t fields, int64_t data_sets);
  /// With `present`, x holds only those patched channels; the others count as zero.
  at::Tensor forward(const at::Tensor& x, const PatchedChannels& present = {}) const;
  /// Image (M,Hmax,Wmax) that stands for absent channels; undefined without learnable_padding.
  at::Tensor padding;

 private:
  struct Level {
    std::vector<std::shared_ptr<ResidualBlock>> blocks;
    std::vector<std::shared_ptr<torch::nn::Module>> attention;
    std::shared_ptr<Downsample> downsample;
  };
  VideoTokenizerOptions options_;
  std::shared_ptr<SpaceTimeConv> conv_in_, conv_out_;
  std::vector<Level> levels_;
  std::shared_ptr<ResidualBlock> mid_1_, mid_2_;
  std::shared_ptr<torch::nn::Module> mid_attention_;
  std::shared_ptr<Norm> norm_out_;
};

/// The way back, (B,T'',H'',W'',z_channels) -> patched field; `path` names it in traces ("decoder.alpha").
class Decoder : public torch::nn::Module {
 public:
  Decoder(const VideoTokenizerOptions& options, int64_t fields, std::string path);
  /// Only the patched channels `wanted` are computed.
  at::Tensor forward(const at::Tensor& z, const PatchedChannels& wanted = {}) const;

 private:
  struct Level {
    std::vector<std::shared_ptr<ResidualBlock>> blocks;
    std::vector<std::shared_ptr<torch::nn::Module>> attention;
    std::shared_ptr<Upsample> upsample;
  };
  VideoTokenizerOptions options_;
  std::string path_;
  std::shared_ptr<SpaceTimeConv> conv_in_, conv_out_;
  std::vector<Level> levels_;  ///< by level number; evaluated from the last
  std::shared_ptr<ResidualBlock> mid_1_, mid_2_;
  std::shared_ptr<torch::nn::Module> mid_attention_;
  std::shared_ptr<Norm> norm_out_;
};

/// How fields of a tokenizer with these options are cut into patches.
Patching patching_of(const VideoTokenizerOptions& options);

}  // namespace windtunnel::tokenizers::video
