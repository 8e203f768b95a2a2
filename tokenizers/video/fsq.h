#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "baselines/layers.h"

namespace windtunnel::tokenizers {

/// Finite scalar quantisation (Mentzer et al. 2024), channels last. Per dimension with L levels:
///   half = (L-1) 1.001/2, off = 0.5 for even L else 0, shift = atanh(off/half), h = floor(L/2)
///   bound(z) = tanh(z + shift) half - off;  q = round(bound), half to even;  code = q/h in [-1,1]
///   index = sum_d (q_d + h_d) basis_d, basis = exclusive product of the levels (first dimension fastest)
/// The gradient passes the rounding unchanged.
class Fsq : public torch::nn::Module {
 public:
  /// With `dim` > 0 and unlike the number of levels, linear maps project_in and project_out stand around it.
  explicit Fsq(std::vector<int64_t> levels, int64_t dim = 0);

  struct Result {
    at::Tensor codes;    ///< (...,D) float32, in the space of the levels
    at::Tensor indices;  ///< (...) int64
  };
  Result quantise(const at::Tensor& z) const;        ///< z (...,dim)
  at::Tensor bound(const at::Tensor& z) const;       ///< z (...,D)
  at::Tensor output(const at::Tensor& codes) const;  ///< project_out, or the codes themselves
  /// Codes (...,D) of indices; one outside the codebook is a data error.
  at::Tensor codes_of(const at::Tensor& indices) const;

  int64_t codebook_size() const { return codebook_size_; }
  const std::vector<int64_t>& levels() const { return levels_; }

 private:
  std::vector<int64_t> levels_;
  int64_t codebook_size_ = 1;
  at::Tensor half_, offset_, shift_, half_width_, level_counts_, basis_;
  std::shared_ptr<baselines::Linear> project_in_, project_out_;
};

/// How well a codebook is used: share of its entries that occur and exp of the entropy of their frequencies.
struct CodebookUsage {
  int64_t used = 0, size = 0, tokens = 0;
  double perplexity = 0;
  double share() const { return size == 0 ? 0 : static_cast<double>(used) / static_cast<double>(size); }
};
CodebookUsage codebook_usage(const std::vector<int64_t>& counts);

}  // namespace windtunnel::tokenizers
