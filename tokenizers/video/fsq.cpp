#include "tokenizers/video/fsq.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/div.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/round.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>

#include <cmath>

#include "core/error.h"

namespace windtunnel::tokenizers {

Fsq::Fsq(std::vector<int64_t> levels, int64_t dim) : levels_(std::move(levels)) {
  if (levels_.empty()) throw model_error("a quantiser without levels", "levels such as [8, 5, 5, 5]");
  std::vector<float> half, offset, shift, half_width;
  std::vector<int64_t> basis;
  for (const int64_t level : levels_) {
    if (level < 2) throw model_error("a quantiser level of " + std::to_string(level), "levels of 2 or more");
    basis.push_back(codebook_size_);
    codebook_size_ *= level;
    if (codebook_size_ > (int64_t{1} << 31) - 1)
      throw model_error("a codebook of more than 2^31 - 1 entries", "fewer or smaller levels");
    // float32 throughout: for two levels atanh is near 1 and double values would differ visibly.
    half.push_back(static_cast<float>(level - 1) * 1.001f / 2.0f);
    offset.push_back(level % 2 == 0 ? 0.5f : 0.0f);
    shift.push_back(std::atanh(offset.back() / half.back()));
    half_width.push_back(static_cast<float>(level / 2));
  }
  half_ = at::tensor(half);
  offset_ = at::tensor(offset);
  shift_ = at::tensor(shift);
  half_width_ = at::tensor(half_width);
  level_counts_ = at::tensor(levels_);
  basis_ = at::tensor(basis);
  const auto dims = static_cast<int64_t>(levels_.size());
  if (dim > 0 && dim != dims) {
    project_in_ = register_module("project_in", std::make_shared<baselines::Linear>(dim, dims));
    project_out_ = register_module("project_out", std::make_shared<baselines::Linear>(dims, dim));
  }
}

at::Tensor Fsq::bound(const at::Tensor& z) const { return at::tanh(z + shift_) * half_ - offset_; }

Fsq::Result Fsq::quantise(const at::Tensor& z) const {
  const at::Tensor bounded = bound(project_in_ ? project_in_->forward(z) : z);
  const at::Tensor q = at::round(bounded.detach());
  Result result;
  result.indices = ((q + half_width_).to(at::kLong) * basis_).sum(-1);
  // The value is exactly q, the gradient that of the bound.
  result.codes = (bounded.requires_grad() ? bounded - bounded.detach() + q : q) / half_width_;
  return result;
}

at::Tensor Fsq::output(const at::Tensor& codes) const {
  return project_out_ ? project_out_->forward(codes) : codes;
}

at::Tensor Fsq::codes_of(const at::Tensor& indices) const {
  const at::Tensor wide = indices.to(at::kLong);
  if (wide.numel() > 0) {
    const auto low = wide.min().item<int64_t>(), high = wide.max().item<int64_t>();
    if (low < 0 || high >= codebook_size_)
      throw data_error("token " + std::to_string(low < 0 ? low : high),
                       "tokens from 0 to " + std::to_string(codebook_size_ - 1),
                       "the tokens belong to a tokenizer with other levels");
  }
  const at::Tensor digits =
      at::remainder(at::div(wide.unsqueeze(-1), basis_, "floor"), level_counts_).to(at::kFloat);
  return (digits - half_width_) / half_width_;
}

CodebookUsage codebook_usage(const std::vector<int64_t>& counts) {
  CodebookUsage usage;
  usage.size = static_cast<int64_t>(counts.size());
  for (const int64_t n : counts) {
    usage.tokens += n;
    usage.used += n > 0;
  }
  double entropy = 0;
  for (const int64_t n : counts) {
    if (n == 0) continue;
    const double p = static_cast<double>(n) / static_cast<double>(usage.tokens);
    entropy -= p * std::log(p);
  }
  usage.perplexity = usage.tokens > 0 ? std::exp(entropy) : 0;
  return usage;
}

}  // namespace windtunnel::tokenizers
