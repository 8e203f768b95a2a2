#pragma once

#include <string>

#include "baselines/layers.h"

namespace windtunnel::baselines {

/// Adaptive Fourier mixing of (B,G,G,E), E = blocks * width: F = orthonormal 2-D real transform; on its
/// leading [modes, modes] frequencies, block by block with complex weights w1, w2,
///   h = act(F w1 + b1) (real and imaginary part separately),  Z = h w2 + b2;  0 elsewhere;
/// result = inverse transform of Z + input. Only non-negative frequencies of the first axis are kept if modes
/// < G.
class Afno : public torch::nn::Module {
 public:
  Afno(int64_t width, int64_t blocks, int64_t modes, const std::string& act, bool reference);
  at::Tensor forward(const at::Tensor& u) const;

 private:
  struct Matrices {
    at::Tensor forward1, forward2, inverse1, inverse2;
  };
  const Matrices& matrices(const at::Tensor& u) const;
  at::Tensor mix(const at::Tensor& rows) const;
  at::Tensor forward_reference(const at::Tensor& u) const;

  int64_t width_, blocks_, modes_;
  bool reference_;
  Activation act_;
  at::Tensor w1_, b1_, w2_, b2_;
  mutable int64_t cached_grid_ = 0;
  mutable Matrices cache_;
};

}  // namespace windtunnel::baselines
