#include "baselines/unet/blocks.h"

#include <ATen/ops/group_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/silu.h>

#include "baselines/unet/fast.h"

namespace windtunnel::baselines::unet {

at::Tensor group_norm_silu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor channels_first = x.permute({0, 4, 1, 2, 3});
  at::Tensor y;
  if (weight.size(0) == 1) {
    y = at::group_norm(channels_first, kGroups, weight[0], bias[0], 1e-5);
  } else {
    const std::vector<int64_t> per_sample = {-1, x.size(-1), 1, 1, 1};
    y = at::group_norm(channels_first, kGroups, {}, {}, 1e-5) * weight.view(per_sample) +
        bias.view(per_sample);
  }
  return at::silu(y).permute({0, 2, 3, 4, 1}).contiguous();
}

Block::Block(int64_t in, int64_t out, bool fast) : fast_(fast) {
  proj_ = register_module("proj", std::make_shared<Weights>(at::IntArrayRef{out, in, 3, 3, 3}, out));
  norm_ = register_module("norm", std::make_shared<Affine>(out));
}

// Norm, scale and shift are one affine map: n*w+b -> n*(w*(scale+1)) + (b*(scale+1)+shift).
at::Tensor Block::forward(const at::Tensor& x, const at::Tensor& modulation,
                          const at::Tensor& residual) const {
  at::Tensor weight = norm_->weight.unsqueeze(0), bias = norm_->bias.unsqueeze(0);
  if (modulation.defined()) {
    const auto parts = modulation.chunk(2, 1);
    const at::Tensor gain = parts[0] + 1;
    weight = weight * gain;
    bias = bias * gain + parts[1];
  }
  const at::Tensor h = convolve(x, *proj_, {1, 1, 1}, {1, 1, 1});
  if (fast_ && fast::serves(h)) return fast::group_norm_silu(h, weight, bias, residual);
  const at::Tensor y = group_norm_silu(h, weight, bias);
  return residual.defined() ? y + residual : y;
}

ResBlock::ResBlock(int64_t in, int64_t out, int64_t time_size, bool fast) {
  if (time_size > 0) {
    auto mlp = register_module("mlp", std::make_shared<Children>());
    mlp_ = mlp->add("1", std::make_shared<Weights>(at::IntArrayRef{2 * out, time_size}, 2 * out));
  }
  block1_ = register_module("block1", std::make_shared<Block>(in, out, fast));
  block2_ = register_module("block2", std::make_shared<Block>(out, out, fast));
  if (in != out)
    res_conv_ =
        register_module("res_conv", std::make_shared<Weights>(at::IntArrayRef{out, in, 1, 1, 1}, out));
}

at::Tensor ResBlock::forward(const at::Tensor& x, const at::Tensor& time) const {
  const at::Tensor modulation = mlp_ ? linear(time, *mlp_) : at::Tensor();
  const at::Tensor shortcut = res_conv_ ? linear(x, *res_conv_) : x;
  return block2_->forward(block1_->forward(x, modulation, {}), {}, shortcut);
}

}  // namespace windtunnel::baselines::unet
