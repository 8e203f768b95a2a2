#pragma once

#include "core/options.h"

namespace windtunnel::tokenizers {

/// Latent positions of one window; the sequence is their raster order, index = (t*height + h)*width + w.
struct LatentGrid {
  int64_t frames = 0, height = 0, width = 0;
  int64_t frame_positions() const { return height * width; }
  int64_t positions() const { return frames * height * width; }
  auto operator<=>(const LatentGrid&) const = default;
};

/// Options of the token transformer under the published names.
struct TransformerOptions : core::Options {
  int64_t n_layers = 2, dim = 64, ffn_hidden_size = 96, n_heads = 4, n_kv_heads = 2;
  int64_t head_dim = 0;  ///< 0: dim / n_heads
  int64_t vocab_size = 512;
  double norm_eps = 1e-5;
  bool use_qk_normalization = true;
  std::string rope_dim = "3D";
  double rope_theta = 500000;
  bool apply_yarn = false;
  double yarn_scale = 1, yarn_beta_fast = 4, yarn_beta_slow = 1;
  std::vector<int64_t> original_latent_shape;  ///< (T,H,W) that YaRN extends; 3D only
  int64_t original_seq_len = 8192;             ///< the same for 1D
  std::string kernels = "auto";

  void describe(core::OptionVisitor& v) override;
  /// Options from a published configuration: nulls mean the default, and keys that only size buffers or
  /// belong to the text-conditioned video model are dropped. One that would change the numbers is a model
  /// error.
  static TransformerOptions from_published(const core::Json& config, const std::string& origin);

  int64_t head_width() const { return head_dim > 0 ? head_dim : dim / n_heads; }
  bool reference() const { return kernels == "reference"; }
  /// Model error if the sizes do not fit each other.
  void check() const;
};

}  // namespace windtunnel::tokenizers
