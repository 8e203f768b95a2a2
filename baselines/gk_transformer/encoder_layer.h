#pragma once

#include <memory>
#include <string>
#include <vector>

#include "baselines/gk_transformer/gk_transformer.h"
#include "baselines/layers.h"

namespace windtunnel::baselines {

/// Galerkin attention over n tokens, per head of width d: S = LN(K)^T LN(V) / n, y = Q dropout(S), heads side
/// by side. Q, K, V are linear in x; each head has its own scale and shift of K and V. The fast form applies
/// the norms' scales and shifts to S and multiplies S into the weights of Q, so that neither Q nor scaled K
/// and V exist as arrays of n rows.
class GalerkinAttention : public torch::nn::Module {
 public:
  GalerkinAttention(const GkTransformerOptions& options, const std::string& path);
  at::Tensor forward(const at::Tensor& x, const AttentionDropout& drop) const;  ///< (B,n,N) -> same
  /// (B,heads,d,d), before dropout.
  at::Tensor scores(const at::Tensor& x) const;

 private:
  at::Tensor forward_reference(const at::Tensor& x, const AttentionDropout& drop) const;

  int64_t width_, heads_, head_width_;
  double eps_;
  bool reference_;
  std::string path_;
  std::vector<std::shared_ptr<Linear>> linears_;
  std::vector<std::shared_ptr<Affine>> norm_k_, norm_v_;
};

/// x + attention(x), then + linear(relu(linear x)), with dropout on attention, hidden layer and result in
/// training.
class GalerkinEncoderLayer : public torch::nn::Module {
 public:
  GalerkinEncoderLayer(const GkTransformerOptions& options, const std::string& path);
  at::Tensor forward(const at::Tensor& x, const AttentionDropout& drop) const;

 private:
  double encoder_dropout_, ffn_dropout_;
  std::string path_;
  std::shared_ptr<GalerkinAttention> attention_;
  std::shared_ptr<Linear> first_, second_;
};

}  // namespace windtunnel::baselines
