#pragma once

#include <map>
#include <memory>
#include <vector>

#include "baselines/baseline.h"
#include "tokenizers/transformer/options.h"

namespace windtunnel::tokenizers {

using baselines::StateDict;

/// One bias-free parameter named "weight"; every published module of the transformer is of this form.
struct Weight : torch::nn::Module {
  explicit Weight(at::Tensor values);
  /// Puts another tensor, for example one that lies in a mapped file, in the parameter's place.
  void adopt(const at::Tensor& values);
  at::Tensor weight;
};

/// cos and sin (N, head width/2) of a grid's positions.
struct Rotation {
  at::Tensor cos, sin;
};

/// h -> wo(attention(rope(qnorm(wq h)), rope(knorm(wk h)), wv h)), causal, (B,N,D) -> same.
struct TokenAttention : torch::nn::Module {
  explicit TokenAttention(const TransformerOptions& options);
  at::Tensor forward(const at::Tensor& h, const Rotation& rotation) const;
  /// Keys after norm and rotation, and values, (B,kv,N,hd).
  std::pair<at::Tensor, at::Tensor> keys_values(const at::Tensor& h, const Rotation& rotation) const;
  /// wo of the causal attention of h's queries over them.
  at::Tensor attend(const at::Tensor& h, const at::Tensor& k, const at::Tensor& v,
                    const Rotation& rotation) const;
  std::shared_ptr<Weight> wq, wk, wv, wo, q_norm, k_norm;  ///< norms are null without use_qk_normalization
  TransformerOptions options;

 private:
  /// (B,N,count*hd) -> (B,count,N,hd), normalised (if `norm`) and rotated.
  at::Tensor heads(const at::Tensor& x, const std::shared_ptr<Weight>& norm, int64_t count,
                   const Rotation& rotation) const;
};

/// h -> w2(silu(w1 h) * (w3 h)).
struct TokenMlp : torch::nn::Module {
  TokenMlp(int64_t dim, int64_t hidden, bool reference, double out_deviation);
  at::Tensor forward(const at::Tensor& h) const;
  std::shared_ptr<Weight> w1, w2, w3;
  bool reference;
};

/// x + attention(norm x), then + mlp(norm x). `path` names it in traces ("layers.0").
struct TransformerBlock : torch::nn::Module {
  TransformerBlock(const TransformerOptions& options, const std::string& path);
  at::Tensor forward(const at::Tensor& x, const Rotation& rotation) const;
  std::shared_ptr<Weight> attention_norm, ffn_norm;
  std::shared_ptr<TokenAttention> attention;
  std::shared_ptr<TokenMlp> feed_forward;
  TransformerOptions options;
  std::string path;
};

/// Decoder-only transformer over the codes of the discrete tokenizer (PhysiX, arXiv 2506.17774; Cosmos
/// autoregressive models). Tokens (B,N) int64 are the raster order of a LatentGrid; the prediction at
/// position i is of token i+1. Parameter names are the published ones: tok_embeddings, layers.<i>.*, norm,
/// output.
class TokenTransformer : public torch::nn::Module {
 public:
  explicit TokenTransformer(const TransformerOptions& options);

  /// Output of the last norm, (B,N,D). N may be a prefix of the grid.
  at::Tensor hidden(const at::Tensor& tokens, const LatentGrid& grid) const;
  at::Tensor logits(const at::Tensor& tokens, const LatentGrid& grid) const;  ///< (B,N,V)
  /// Mean cross-entropy of the N-1 predictions of each sequence, a scalar.
  at::Tensor loss(const at::Tensor& tokens, const LatentGrid& grid) const;

  /// Strict copy of a state in published names.
  void load_state(const StateDict& state, const std::string& origin);
  /// The same without a copy: the model takes the tensors over, float32 or bfloat16, for inference.
  void adopt_state(const StateDict& state, const std::string& origin);

  const TransformerOptions& options() const { return options_; }
  const Rotation& rotation(const LatentGrid& grid) const;  ///< kept per grid; not thread safe
  /// Data error unless tokens are (B, 1..N) within the vocabulary.
  void check_tokens(const at::Tensor& tokens, const LatentGrid& grid) const;

  std::shared_ptr<Weight> tok_embeddings, norm, output;
  std::vector<std::shared_ptr<TransformerBlock>> layers;

 private:
  TransformerOptions options_;
  mutable std::map<LatentGrid, Rotation> rotations_;
};

/// The Weight modules by their path ("layers.0.attention.wq").
std::vector<std::pair<std::string, std::shared_ptr<Weight>>> weights_of(const TokenTransformer& model);

/// y = x W^T over the last axis; weights of another type are widened for the occasion.
at::Tensor times(const Weight& weight, const at::Tensor& x);

/// x r w, r = 1/sqrt(mean x^2 + eps), over the last axis.
at::Tensor rms_norm(const at::Tensor& x, const Weight& weight, double eps, bool reference);

}  // namespace windtunnel::tokenizers
