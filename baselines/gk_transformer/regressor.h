#pragma once

#include <memory>
#include <vector>

#include "baselines/gk_transformer/gk_transformer.h"
#include "baselines/spectral_conv.h"

namespace windtunnel::baselines {

/// Fourier regressor on (B,T,H,W,N): linear of [features, t, h, w] (grid 0..1 per axis) to D channels; zero
/// padding by 6 at the end of each axis; layers x <- BN(K(x) + W x + b) with gelu between them, K a
/// CornerSpectralConv with (modes_t, modes_x, modes_y) on (T,H,W); padding cut; linear D -> 128, activation,
/// linear -> outputs. Batch statistics include the padding. In evaluation, what lies in the padding of the
/// last layer is not computed.
class SpectralRegressor : public torch::nn::Module {
 public:
  SpectralRegressor(const GkTransformerOptions& options, int64_t outputs);
  at::Tensor forward(const at::Tensor& features) const;  ///< (B,T,H,W,N) -> (B,T,H,W,outputs)

 private:
  at::Tensor lift(const at::Tensor& features) const;
  at::Tensor layer(size_t index, const at::Tensor& x, const CornerSpectralConv::Grid& grid) const;

  CornerSpectralConv::Modes modes_;
  Activation activation_, gelu_{"gelu"};
  std::shared_ptr<Linear> fc_, first_, last_;
  std::vector<std::shared_ptr<CornerSpectralConv>> spectral_;
  std::vector<std::shared_ptr<Convolution>> convs_;
  std::vector<std::shared_ptr<BatchStatistics>> norms_;
};

inline constexpr int64_t kRegressorPadding = 6;

}  // namespace windtunnel::baselines
