#include "tokenizers/transformer/options.h"

#include "core/array.h"
#include "core/error.h"

namespace windtunnel::tokenizers {

void TransformerOptions::describe(core::OptionVisitor& v) {
  v("n_layers", n_layers, "layers", core::kPositive);
  v("dim", dim, "width of the residual stream", core::kPositive);
  v("ffn_hidden_size", ffn_hidden_size, "width inside the feed-forward part", core::kPositive);
  v("n_heads", n_heads, "query heads", core::kPositive);
  v("n_kv_heads", n_kv_heads, "key/value heads, a divisor of n_heads", core::kPositive);
  v("head_dim", head_dim, "width of a head; 0 = dim / n_heads", core::kNotNegative);
  v("vocab_size", vocab_size, "tokens, the number of codes of the tokenizer", core::kPositive);
  v("norm_eps", norm_eps, "added to the mean square in every norm", {0, 1});
  v("use_qk_normalization", use_qk_normalization, "normalise queries and keys per head");
  v.choice("rope_dim", rope_dim, {"1D", "3D"}, "rotary positions: index, or (frame, row, column)");
  v("rope_theta", rope_theta, "base of the rotary frequencies", {1, 1e12});
  v("apply_yarn", apply_yarn, "stretch the rotary frequencies (YaRN)");
  v("yarn_scale", yarn_scale, "how far YaRN stretches", {1, 1e6});
  v("yarn_beta_fast", yarn_beta_fast, "turns above which a frequency stays", {0, 1e6});
  v("yarn_beta_slow", yarn_beta_slow, "turns below which a frequency is divided by the scale", {0, 1e6});
  v("original_latent_shape", original_latent_shape, "(frames, height, width) that YaRN extends, 3D");
  v("original_seq_len", original_seq_len, "positions that YaRN extends, 1D", core::kPositive);
  v.choice("kernels", kernels, {"auto", "fast", "reference"}, "form of the arithmetic; no effect on results");
}

TransformerOptions TransformerOptions::from_published(const core::Json& config, const std::string& origin) {
  for (const char* key : {"apply_abs_pos_emb", "insert_cross_attn", "fuse_qkv"})
    if (config.value(key, false))
      throw model_error(origin + ": " + key + " is true", "false, as in every physics model",
                        "this part belongs to the text-conditioned video model");
  if (!config.value("causal_mask", true))
    throw model_error(origin + ": causal_mask is false", "true: tokens are predicted from earlier ones");
  core::Json values = config;
  for (const char* key :
       {"apply_abs_pos_emb", "insert_cross_attn", "insert_cross_attn_every_k_layers", "fuse_qkv",
        "causal_mask", "context_dim", "max_batch_size", "max_seq_len", "num_video_frames",
        "pad_to_multiple_of", "precision", "video_latent_shape", "latent_shape", "norm_type", "attn_type"})
    values.erase(key);
  if (values.contains("pytorch_rope_version")) {
    const auto version = values.at("pytorch_rope_version");
    if (version.is_string() && version != "v2")
      throw model_error(origin + ": pytorch_rope_version " + version.get<std::string>(),
                        "v2 (component i turns with i + head_dim/2)");
    values.erase("pytorch_rope_version");
  }
  for (auto it = values.begin(); it != values.end();) it = it->is_null() ? values.erase(it) : std::next(it);
  TransformerOptions options;
  core::read_options(options, values, origin);
  options.check();
  return options;
}

void TransformerOptions::check() const {
  const std::string name = "token transformer: ";
  if (n_heads % n_kv_heads != 0)
    throw model_error(name + std::to_string(n_heads) + " query heads do not divide among " +
                          std::to_string(n_kv_heads) + " key/value heads",
                      "n_heads a multiple of n_kv_heads");
  if (head_dim == 0 && dim % n_heads != 0)
    throw model_error(
        name + "dim " + std::to_string(dim) + " is not a multiple of n_heads " + std::to_string(n_heads),
        "equal heads, or head_dim given");
  const int64_t width = head_width(), least = rope_dim == "3D" ? 6 : 2;
  if (width % 2 != 0 || width < least)
    throw model_error(
        name + "heads of width " + std::to_string(width),
        "an even width of at least " + std::to_string(least) + " for " + rope_dim + " rotation");
  if (apply_yarn && rope_dim == "3D" && original_latent_shape.size() != 3)
    throw model_error(name + "YaRN with original_latent_shape " + core::to_string(original_latent_shape),
                      "three numbers: frames, height, width");
}

}  // namespace windtunnel::tokenizers
