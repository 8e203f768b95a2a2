#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "baselines/baseline.h"
#include "baselines/fno/fast.h"

namespace windtunnel::baselines {

struct FnoOptions : core::Options {
  int64_t modes1 = 4, modes2 = 12, modes3 = 16, n_layers = 4, width = 64;
  std::string kernels = "auto";

  bool clip_modes = false;
  void describe(core::OptionVisitor& v) override {
    v("modes1", modes1, "kept frequencies along time", core::kPositive);
    v("modes2", modes2, "kept frequencies along height", core::kPositive);
    v("modes3", modes3, "kept frequencies along width (half axis)", core::kPositive);
    v("clip_modes", clip_modes, "keep fewer frequencies where the grid has no room for the given numbers");
    v("n_layers", n_layers, "Fourier layers", core::kPositive);
    v("width", width, "channels of the lifted field", core::kPositive);
    v.choice("kernels", kernels, {"auto", "fast", "reference"},
             "truncated transform by matrix products, FFT, or the faster of the two; no effect on results");
  }
};

/// Fourier neural operator over (time, height, width) (Li et al., ICLR 2021):
///   v = fc0([x, t, h, w]);  v <- gelu(BN(K(v) + W v + b)) per layer, no gelu after the last;  y =
///   fc2(gelu(fc1(v))).
/// Each axis is zero-padded by 6 at its end before the layers and cut after them. K keeps the modes1 lowest
/// frequencies of both signs along time, modes2 along height, modes3 along width, each with its own complex
/// width x width matrix. T_out must be a multiple r of T_in; channel c*r+j of the projection is channel c of
/// output frame t*r+j. The published architecture and the corrected one are the same.
class Fno : public Baseline {
 public:
  using Options = FnoOptions;
  Fno(const ModelContext& context, const FnoOptions& options);

  at::Tensor forward(const at::Tensor& x) override;  ///< (B,T,H,W,C_in) -> (B,T_out,H,W,C_out)
  at::Tensor to_published(const std::string& name, const at::Tensor& internal) const override;
  at::Tensor from_published(const std::string& name, const at::Tensor& published) const override;
  std::vector<std::string> zero_gradient_parameters() const override;

  /// Elements that a model of these sizes has (complex ones counted once), without building it.
  static int64_t count_parameters(const ModelContext& context, const FnoOptions& options);

  const FnoOptions& options() const { return options_; }

  torch::nn::Linear fc0{nullptr}, fc1{nullptr}, fc2{nullptr};
  std::vector<torch::nn::Conv3d> convs;
  std::vector<torch::nn::BatchNorm3d> bns;

 private:
  bool use_fast() const;
  at::Tensor forward_fast(const at::Tensor& x);       ///< (B,T,H,W,C_in) -> (B,T,H,W,D)
  at::Tensor forward_reference(const at::Tensor& x);  ///< the same by FFT and library layers
  fno::NetworkTensors tensors() const;

  FnoOptions options_;
  SampleShape input_, output_;
  fno::GridSizes sizes_;
  std::vector<at::Tensor> spectral_;  ///< 4 per layer, (m1,m2,m3,w,w,2): one contiguous matrix per kept mode
  c10::intrusive_ptr<fno::TruncatedDft> grid_, crop_;
  at::TensorOptions matrix_options_;
};

}  // namespace windtunnel::baselines
