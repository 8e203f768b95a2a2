#pragma once

#include <string>
#include <vector>

#include "baselines/baseline.h"
#include "baselines/unet/network.h"

namespace windtunnel::baselines {

struct UnetOptions : core::Options {
  int64_t dim = 0;
  std::vector<int64_t> dim_mults = {1, 2, 4};
  std::string kernels = "auto";
  void describe(core::OptionVisitor& v) override;
};

/// 3-D space-time U-Net, one-shot: "U-Net" (Ronneberger et al., 2015) in the form of "Video Diffusion Models"
/// (Ho et al., 2022) with the diffusion time fixed to 0. T' is T or a multiple of it (the input is then tiled
/// along time); H and W must be multiples of 2^(levels-1).
class Unet : public Baseline {
 public:
  using Options = UnetOptions;
  Unet(const ModelContext& context, const Options& options);

  at::Tensor forward(const at::Tensor& x) override;
  std::vector<std::string> zero_gradient_parameters() const override {
    return network_.zero_gradient_parameters();
  }

 private:
  SampleShape input_;
  int64_t repeats_, out_frames_;
  unet::Network network_;
};

}  // namespace windtunnel::baselines
