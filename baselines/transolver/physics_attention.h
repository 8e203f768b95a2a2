#pragma once

#include <array>

#include "baselines/layers.h"

namespace windtunnel::baselines {

/// Attention among G learned slices instead of N tokens, for every head h of width d = E/heads:
///   w[n,g] = softmax_g( S xm[n] / clamp(temperature_h, 0.1, 5) ),  xm = conv3d_x(x), fx = conv3d_fx(x)
///   token[g] = sum_n w[n,g] fx[n] / (sum_n w[n,g] + 1e-5)
///   o = softmax(q k^T / sqrt(d)) v over the tokens;  y[n] = sum_g w[n,g] o[g];  result = Wo y + b.
///
/// The fast form uses that S after conv3d_x and the slice sum after conv3d_fx are linear: one convolution E
/// -> heads*G yields the logits, and sum_n w[n,g] conv3d_fx(x)[n] = W_fx : (sum_n w[n,g] x[n+tap]), whose
/// bracket is the weight gradient of a convolution. Wo is applied to the G tokens instead of the N points.
/// With G < d this needs G/d of the multiplications and no array of N x E values.
class PhysicsAttention : public torch::nn::Module {
 public:
  PhysicsAttention(int64_t width, int64_t heads, int64_t slices, double dropout, const std::string& path,
                   bool reference);

  /// x (B, A1*A2*A3, E) -> same; `grid` = (A1,A2,A3).
  at::Tensor forward(const at::Tensor& x, const std::array<int64_t, 3>& grid) const;

 private:
  at::Tensor temperature() const;                    ///< (heads), clamped
  at::Tensor attend(const at::Tensor& token) const;  ///< (B,heads,G,d) -> same
  at::Tensor forward_reference(const at::Tensor& x, const std::array<int64_t, 3>& grid) const;
  at::Tensor forward_fast(const at::Tensor& x, const std::array<int64_t, 3>& grid) const;

  int64_t width_, heads_, slices_, head_width_;
  double dropout_;
  bool reference_;
  std::string path_;
  at::Tensor temperature_;
  std::shared_ptr<Convolution> in_project_x_, in_project_fx_;
  std::shared_ptr<Linear> in_project_slice_, to_q_, to_k_, to_v_, to_out_;
};

/// z (B,P,C,3,3,3): z[b,p,c,tap] = sum_n w[b,n,p] x[b,n+tap,c] with zeros outside; w (B,X,Y,Z,P), x
/// (B,X,Y,Z,C).
at::Tensor weighted_neighbour_sums(const at::Tensor& w, const at::Tensor& x);

}  // namespace windtunnel::baselines
