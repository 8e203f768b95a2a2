#pragma once

#include <map>
#include <vector>

#include "tokenizers/transformer/kernels.h"
#include "tokenizers/transformer/sampling.h"
#include "tokenizers/transformer/token_transformer.h"

namespace windtunnel::tokenizers {

/// Evaluates a token transformer token by token. Keys and values of past positions are kept; a step reads the
/// filled part of them only, key/value heads are shared by their query heads in place, and logits exist for
/// the last position alone. Not for training. The model must outlive it; weights changed later are seen,
/// except the int8 ones.
class Decoder {
 public:
  /// `int8` rounds the matrices to 8 bits per row for the steps after the first call (logits change
  /// slightly).
  Decoder(const TokenTransformer& model, const LatentGrid& grid, int64_t batch, bool int8 = false);

  /// Takes the tokens (B,n) of the next n positions; returns the logits (B,V) of the last of them.
  at::Tensor append(const at::Tensor& tokens);
  int64_t length() const { return length_; }
  /// Forgets all but the first `length` positions.
  void rewind(int64_t length);

 private:
  struct Int8Matrix {
    at::Tensor values, scales;
  };
  kernels::MatrixView view(const Weight& weight) const;
  at::Tensor first_tokens(const at::Tensor& tokens);
  at::Tensor one_token(const at::Tensor& tokens);
  void store(size_t layer, const at::Tensor& k, const at::Tensor& v);
  void layer_step(size_t layer, int64_t position);
  void attend_step(size_t layer, int64_t position);
  at::Tensor last_logits();

  const TokenTransformer& model_;
  LatentGrid grid_;
  int64_t batch_, capacity_, length_ = 0;
  const Rotation& rotation_;
  std::vector<at::Tensor> keys_, values_;  ///< per layer, (B,kv,key_floats) and (B,kv,S,hd)
  std::map<const Weight*, Int8Matrix> int8_;
  std::vector<float> x_, h_, q_, k_, v_, attended_, gate_, up_, scores_;  ///< one position of every sample
};

/// `count` further tokens (B,count) after the prompt (B,n). Sample b draws from stream first_stream + b. With
/// the reference kernels every token is predicted from scratch.
at::Tensor generate(const TokenTransformer& model, const at::Tensor& prompt, int64_t count,
                    const LatentGrid& grid, const SamplingOptions& sampling, uint64_t first_stream = 0);

}  // namespace windtunnel::tokenizers
