#pragma once

#include "core/options.h"
#include "tokenizers/transformer/options.h"

namespace windtunnel::tokenizers {

/// Options of the discrete video tokenizer under the published names.
struct VideoTokenizerOptions : core::Options {
  int64_t in_channels = 3, out_channels = 3;                    ///< before inflation
  int64_t modified_in_channels = 0, modified_out_channels = 0;  ///< real counts; 0: the above
  int64_t channels = 128;
  std::vector<int64_t> channels_mult = {2, 4, 4};
  int64_t num_res_blocks = 2;
  std::vector<int64_t> attn_resolutions = {32};
  int64_t resolution = 1024;
  int64_t patch_size = 4;
  std::string patch_method = "haar";
  int64_t z_channels = 16, z_factor = 1;
  std::vector<int64_t> levels = {8, 8, 8, 5, 5, 5};
  int64_t spatial_compression = 8, temporal_compression = 4;
  double dropout = 0;
  int64_t num_groups = 1;
  bool legacy_mode = false;
  std::string convolutions = "factorised";
  bool film = false;
  int64_t film_embedding = 512;
  bool learnable_padding = false;
  std::vector<int64_t> max_video_size = {13, 512, 512};
  std::string kernels = "auto";

  void describe(core::OptionVisitor& v) override;
  /// Options from a published configuration: nulls mean the default; keys that concern several data sets are
  /// left to ChannelDictionary. A value that this build cannot honour is a model error.
  static VideoTokenizerOptions from_published(const core::Json& config, const std::string& origin);
  /// Model error unless the decoder undoes what the encoder does to the size.
  void check() const;

  bool factorised() const { return convolutions == "factorised"; }
  bool reference() const { return kernels == "reference"; }
  int64_t in() const { return modified_in_channels > 0 ? modified_in_channels : in_channels; }
  int64_t out() const { return modified_out_channels > 0 ? modified_out_channels : out_channels; }
  int64_t level_count() const { return static_cast<int64_t>(channels_mult.size()); }
  int64_t width(int64_t level) const { return channels * channels_mult.at(static_cast<size_t>(level)); }
  /// Samples per latent position in space and time, patches included.
  int64_t space_factor() const;
  int64_t time_factor() const;
  /// How often the encoder halves space and time after patching (factorised form).
  int64_t space_halvings() const;
  int64_t time_halvings() const;
  /// What the decoder does after level i = n-1 ... 1.
  bool upsamples_time(int64_t level) const;
  bool upsamples_space(int64_t level) const;
  /// Whether blocks of the level are followed by attention: a nominal counter resolution/patch_size, halved
  /// per level, is looked up in attn_resolutions.
  bool attention_in(int64_t level) const;
  /// Latent grid of a video; data error unless T = 1 + k t and H, W are multiples of s.
  LatentGrid grid(int64_t frames, int64_t height, int64_t width) const;
};

}  // namespace windtunnel::tokenizers
