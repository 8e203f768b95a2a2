#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <array>

namespace windtunnel::baselines::fno {

/// Sizes of the padded grid (n), of its data part (crop), and of the kept frequencies (m).
struct GridSizes {
  std::array<int64_t, 3> n, crop, m;

  int64_t modes() const { return m[0] * m[1] * m[2]; }  ///< per corner block
  int64_t points() const { return n[0] * n[1] * n[2]; }
  /// Floating-point operations of the truncated transform and its inverse, per grid point and channel.
  double operations_per_point() const;
};

/// Discrete Fourier transform of which only the kept modes are computed, as real matrix products; exact.
/// Lines along W go first (they shrink most), then H, then T; the inverse mirrors that. Real and imaginary
/// parts are separate rows, so every step is one real batched product and its adjoint the product with the
/// transposed matrix. The matrices are computed in double with the index product reduced modulo n.
///
/// A "plane" is one (b,t) slice, (N2,N3,C). Layouts (c: re, im; k: kept frequency):
///   lines (n2, c, k3, C)   planes (c, k2, k3, C)   volume (b, c, k1, k2, k3, C)   modes (block, k1, k2, k3,
///   c, b, C)
/// Block 0..3 holds the low/high halves along T and H in the published order lo-lo, hi-lo, lo-hi, hi-hi.
class TruncatedDft : public torch::CustomClassHolder {
 public:
  /// `out` is the part of the grid that the inverse produces: the whole grid or the crop.
  TruncatedDft(const GridSizes& sizes, const std::array<int64_t, 3>& out, const at::TensorOptions& options);

  const GridSizes& sizes() const { return sizes_; }

  /// (g,N2,N3,C) -> rows of the planes buffer (g, 2*2*m2, m3*C).
  void analyse(const at::Tensor& planes, at::Tensor spectrum) const;
  void analyse_adjoint_add(const at::Tensor& spectrum, at::Tensor planes) const;  ///< planes += adjoint
  /// Planes buffer (B, N1, 2*2*m2, m3*C) -> modes (4, m1*m2*m3, 2*B, C).
  at::Tensor to_modes(const at::Tensor& spectrum) const;
  at::Tensor to_modes_adjoint(const at::Tensor& modes) const;

  /// Modes -> planes buffer (B, out1, 2*2*m2, m3*C).
  at::Tensor from_modes(const at::Tensor& modes) const;
  at::Tensor from_modes_adjoint(const at::Tensor& spectrum) const;
  /// planes (g,out2,out3,C) += inverse of rows of the planes buffer, plus `bias` (C) at every point.
  void synthesise_add(const at::Tensor& spectrum, const at::Tensor& bias, at::Tensor planes) const;
  void synthesise_adjoint(const at::Tensor& planes, at::Tensor spectrum) const;

  /// Buffer of planes for `batch` samples of `channels`.
  at::Tensor planes_buffer(int64_t batch, int64_t frames, int64_t channels) const;

  /// Where corner blocks overlap the later one counts: zeroes the modes of the others. Usually does nothing.
  void drop_overwritten(at::Tensor modes) const;

 private:
  at::Tensor volume_to_modes(const at::Tensor& volume, int64_t batch, int64_t channels) const;
  at::Tensor modes_to_volume(const at::Tensor& modes) const;

  GridSizes sizes_;
  std::array<int64_t, 3> out_;
  at::TensorOptions options_;
  at::Tensor forward_w_, forward_h_, forward_t_, inverse_w_, inverse_h_, inverse_t_;
  at::Tensor winners_;  ///< (4, m1*m2*m3, 1, 1) of 0 and 1; undefined if no blocks overlap
};

/// Y = X R per mode: X (4, M, 2*B, C_in), weights 4 x (m1,m2,m3,C_in,C_out,2) -> (4, M, 2*B, C_out).
at::Tensor mix_modes(const at::Tensor& x, const std::array<at::Tensor, 4>& weights);

/// Gradients of mix_modes: of X (same layout) and of the weights.
struct MixGradients {
  at::Tensor x;
  std::array<at::Tensor, 4> weights;
};
MixGradients mix_modes_backward(const at::Tensor& dy, const at::Tensor& x,
                                const std::array<at::Tensor, 4>& weights);

}  // namespace windtunnel::baselines::fno
