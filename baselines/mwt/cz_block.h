#pragma once

#include <memory>
#include <string>

#include "baselines/layers.h"
#include "baselines/mwt/filters.h"
#include "baselines/spectral_conv.h"

namespace windtunnel::baselines {

/// Sizes shared by the parts of an MWT block. Features q = c*k2 = c*k*k, index ci*k2 + kappa.
struct MwtSizes {
  int64_t k, c, alpha, coarsest, wide;  ///< `coarsest`: exponent L of the coarsest level; `wide`: W / H
  bool published, reference;
  int64_t k2() const { return k * k; }
  int64_t features() const { return c * k2(); }
};

/// Lo(relu(Fourier convolution with alpha modes per axis and corner)).
class MwtFourierKernel : public CornerSpectralConv {
 public:
  MwtFourierKernel(int64_t features, int64_t alpha, bool reference);
  at::Tensor forward(const at::Tensor& x) const;  ///< (B,X,Y,T,q) -> same

 private:
  int64_t alpha_;
  std::shared_ptr<Linear> lo_;
};

/// Lo(relu(3x3x3 convolution)), (B,X,Y,T,q) -> same.
class MwtLocalKernel : public torch::nn::Module {
 public:
  explicit MwtLocalKernel(int64_t features);
  at::Tensor forward(const at::Tensor& x) const;

 private:
  std::shared_ptr<Convolution> conv_;
  std::shared_ptr<Linear> lo_;
};

/// One multiwavelet operator, (B,X,Y,T,q) -> same, X = 2^n, Y = wide*X. Per level, fine to coarse, each 2x2
/// group of points gives detail d and average s by the filter matrices; Ud = A(d) + B(s), Us = C(d); the
/// coarsest average goes through T0; the way back adds Us and rebuilds the finer level from (x, Ud). A, B, C
/// are shared by the levels. T0 sees the `wide` columns of one row together. published: it reads them after a
/// reinterpretation of memory that mixes columns and time; corrected: the columns of the same time.
class MwtBlock : public torch::nn::Module {
 public:
  MwtBlock(const MwtSizes& sizes, const MultiwaveletMatrices& matrices, const std::string& path);
  at::Tensor forward(const at::Tensor& x) const;

 private:
  at::Tensor coarsest(const at::Tensor& x) const;
  void trace(const std::string& name, const at::Tensor& value) const;

  MwtSizes sizes_;
  std::string path_;
  at::Tensor ec_s_, ec_d_, rc_ee_, rc_eo_, rc_oe_, rc_oo_;
  std::shared_ptr<MwtFourierKernel> a_;
  std::shared_ptr<MwtLocalKernel> b_, c_;
  std::shared_ptr<Linear> t0_;
};

}  // namespace windtunnel::baselines
