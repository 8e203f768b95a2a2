#pragma once

#include <memory>

#include "baselines/layers.h"

namespace windtunnel::baselines::cno {

/// Blocks of the CNO on (B,C,T,H,W), kept with channels last in memory. leaky = leaky ReLU of slope 0.2.

/// leaky(batch norm(convolution(x))), in -> out channels.
class ConvolutionBlock : public torch::nn::Module {
 public:
  ConvolutionBlock(int64_t in, int64_t out);
  at::Tensor forward(const at::Tensor& x);

 private:
  std::shared_ptr<Convolution> convolution_;
  std::shared_ptr<BatchStatistics> norm_;
};

/// convolution(leaky(convolution(x))), in -> latent -> out channels, without normalisation.
class Projection : public torch::nn::Module {
 public:
  Projection(int64_t in, int64_t latent, int64_t out);
  at::Tensor forward(const at::Tensor& x);

 private:
  std::shared_ptr<Convolution> first_, second_;
};

/// x + norm2(convolution2(leaky(norm1(convolution1(x))))).
class ResidualBlock : public torch::nn::Module {
 public:
  explicit ResidualBlock(int64_t channels);
  at::Tensor forward(const at::Tensor& x);

 private:
  std::shared_ptr<Convolution> convolution1_, convolution2_;
  std::shared_ptr<BatchStatistics> norm1_, norm2_;
};

}  // namespace windtunnel::baselines::cno
