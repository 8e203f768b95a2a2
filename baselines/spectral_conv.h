#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <array>
#include <string>
#include <vector>

namespace windtunnel::baselines {

/// Frequencies kept along one full axis of length n: 0..front-1 and n-back..n-1, none twice.
struct KeptModes {
  int64_t n, front, back;
  int64_t count() const { return front + back; }
};

/// Both corners of `limit` frequencies. Where they would overlap, the upper one (written later by the
/// published program) wins.
KeptModes corner_modes(int64_t n, int64_t limit);

/// Real matrices of the discrete Fourier transform, float32 values computed in double. A complex axis of
/// length k is stored as 2k reals: real and imaginary parts are blocks (2,k) on the kept side, adjacent (n,2)
/// on the grid side.
at::Tensor half_dft(int64_t n, int64_t kept);          ///< real n -> bins 0..kept-1: (2*kept, n)
at::Tensor half_dft_inverse(int64_t n, int64_t kept);  ///< (n, 2*kept), 1/n included, as a half spectrum
at::Tensor full_dft(const KeptModes& modes);           ///< (n,2) -> (2,count): (2*count, 2*n)
at::Tensor full_dft_inverse(const KeptModes& modes);   ///< (2,count) -> (n,2): (2*n, 2*count), 1/n included

/// Matrix product over the second axis, x (B, columns, rest) -> (B, rows, rest).
at::Tensor transform(const at::Tensor& matrix, const at::Tensor& x);

/// Fourier convolution over three axes with four corner blocks of complex weights:
///   Y[o,k] = sum_i X[i,k] w[i,o,k] on the kept frequencies k, 0 elsewhere; y = inverse transform of Y,
/// where X is the unnormalised real transform of x and the third axis holds the half spectrum. weights1..4
/// belong to the corners (low,low), (high,low), (low,high), (high,high) of the first two axes. Published
/// shape (in,out,m1,m2,m3) complex64; held as (m1,m2,m3,in,2,out) real, one contiguous matrix per frequency.
class CornerSpectralConv : public torch::nn::Module {
 public:
  using Modes = std::array<int64_t, 3>;
  /// `reference` computes with FFTs of the whole field instead of the kept frequencies only.
  CornerSpectralConv(int64_t in, int64_t out, const Modes& modes, bool reference);

  /// x (B,X1,X2,X3,in) in memory order -> (B,Y1,Y2,Y3,out). The first `limits` modes of each block are used;
  /// the field has period `grid.period`, x is zero beyond its size and the result is cut to `grid.wanted`.
  struct Grid {
    Modes period, wanted;
  };
  at::Tensor convolve(const at::Tensor& x, const Modes& limits, const Grid& grid) const;
  at::Tensor convolve(const at::Tensor& x,
                      const Modes& limits) const;  ///< period and result of the size of x

  static at::Tensor to_published(const at::Tensor& internal);
  static at::Tensor from_published(const at::Tensor& published);

  std::array<at::Tensor, 4> weights;

 private:
  struct Matrices {
    Modes size, limits, period, wanted;
    std::array<at::Tensor, 3> forward, inverse;
  };
  const Matrices& matrices(const at::Tensor& x, const Modes& limits, const Grid& grid) const;
  at::Tensor mix(const at::Tensor& spectrum, const KeptModes& first, const KeptModes& second,
                 int64_t third) const;
  at::Tensor convolve_truncated(const at::Tensor& x, const Modes& limits, const Grid& grid) const;
  at::Tensor convolve_reference(const at::Tensor& x, const Modes& limits, const Grid& grid) const;

  int64_t in_, out_;
  bool reference_;
  mutable std::vector<Matrices> cache_;  ///< one entry per field size seen
};

}  // namespace windtunnel::baselines
