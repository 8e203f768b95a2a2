#pragma once

#include <ATen/core/Tensor.h>

namespace windtunnel::baselines {

/// Resamples fields (N,X,Y,C) to (N,A,B,C) by cutting or padding their Fourier series; constants stay
/// constant.
///
/// published: with f the transform (full axis X, half axis Y) and z = 0,
///   z[:top,:cols] = f[:top,:cols],  z[A-bot:,:cols] = f[X-bot:,:cols],
///   top = min((X+1)/2,(A+1)/2), bot = min(X/2,A/2), cols = min(Y/2+1,B/2+1),
/// and the inverse transform of z times A/X * B/Y. Nyquist components are copied as they are, so that
/// enlarging an even axis counts them twice (Y) or at the negative frequency only (X). corrected:
/// trigonometric interpolation per axis: a Nyquist component is shared by both signs when enlarging and
/// collects both when reducing, so that enlarging and reducing again gives the field back.
///
/// Both are linear: out = R_x f R_y^T (- S_x f S_y^T where published keeps an unpaired frequency).
class FourierResize {
 public:
  FourierResize(int64_t x, int64_t y, int64_t a, int64_t b, bool published, bool reference);
  bool identity() const { return x_ == a_ && y_ == b_; }
  at::Tensor operator()(const at::Tensor& field) const;  ///< result may be a strided view

 private:
  at::Tensor by_fft(const at::Tensor& field) const;
  at::Tensor by_matrices(const at::Tensor& field) const;

  int64_t x_, y_, a_, b_;
  bool reference_;
  at::Tensor rx_, ry_, sx_, sy_;  ///< sx_ undefined if there is no unpaired frequency
};

}  // namespace windtunnel::baselines
