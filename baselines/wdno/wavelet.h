#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <string>
#include <vector>

// One-level separable wavelet transform over (T,H,W).
//   analysis   c[m] = sum_i f[l-1-i] x_pad[2m+i], f the low- or high-pass decomposition filter of length l; x
//   is padded
//              by p = (2l-3)/2 in front and p + (n mod 2) behind; m = 0..(n+l-1)/2 - 1
//   synthesis  transposed convolution of stride 2 with the reconstruction filters, p entries removed at both
//   ends,
//              cut to the first n
// Analysis is one convolution with the float32 products of the three filters, as the published program has
// it: bands that vanish in exact arithmetic (details of constant channels) are then the same rounding noise,
// and the published rescaler divides by its size. Synthesis is one small matrix per axis.
namespace windtunnel::baselines::wdno {

struct FilterBank {
  std::vector<double> dec_lo, dec_hi, rec_lo, rec_hi;
};

/// By the usual name (bior1.1, bior1.3, bior2.2, haar, db1, db2, db3); otherwise a usage error with the known
/// ones.
FilterBank filter_bank(const std::string& name);

/// How a signal goes on beyond its ends: zero, constant (edge value), reflect, symmetric, periodic.
const std::vector<std::string>& pad_modes();

/// Coefficients of an axis of length n: floor((n + filter length - 1) / 2).
int64_t coefficient_count(int64_t n, const FilterBank& bank);

/// Transform of fields of a fixed (T,H,W). The eight bands are numbered 4 bT + 2 bH + bW, b = 0 low-pass, 1
/// high-pass.
class Transform {
 public:
  Transform(const FilterBank& bank, const std::string& pad_mode, std::array<int64_t, 3> sizes);

  /// (tT,tH,tW).
  const std::array<int64_t, 3>& coefficients() const { return coefficients_; }

  /// x (B,T,H,W,C) -> (B,tT,tH,tW,8C), channel 8 c + band.
  at::Tensor analyse(const at::Tensor& x) const;
  /// (B,tT,tH,tW,8C) -> (B,T,H,W,C).
  at::Tensor synthesise(const at::Tensor& coefficients) const;

 private:
  std::array<int64_t, 3> sizes_, coefficients_;
  int64_t padding_;
  at::Tensor filters_;  ///< (8,1,l,l,l), flipped products, float32
  std::array<at::Tensor, 3>
      positions_;  ///< per axis: source of each padded entry; undefined for zero padding
  std::array<at::Tensor, 3> synthesis_;  ///< per axis (n,2t), column 2m + b
};

/// y (B,R*T,H,W,C) -> (B,T,H,W,C*R), channel c*R + r, and back.
at::Tensor fold_time(const at::Tensor& y, int64_t ratio);
at::Tensor unfold_time(const at::Tensor& y, int64_t ratio);

}  // namespace windtunnel::baselines::wdno
