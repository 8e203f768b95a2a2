#include "baselines/gk_transformer/regressor.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/outer.h>

#include "baselines/precision.h"
#include "baselines/recompute.h"
#include "baselines/trace.h"

namespace windtunnel::baselines {
namespace {

constexpr int64_t kHidden = 128;

using Modes = CornerSpectralConv::Modes;

Modes sizes_of(const at::Tensor& x) { return {x.size(1), x.size(2), x.size(3)}; }

at::Tensor cut(at::Tensor x, const Modes& size) {
  for (int axis = 0; axis < 3; ++axis) x = x.narrow(axis + 1, 0, size[axis]);
  return x;
}

void report(const std::string& name, const at::Tensor& x) {
  if (Trace* trace = Trace::active()) trace->value(name, x.permute({0, 4, 1, 2, 3}));
}

}  // namespace

SpectralRegressor::SpectralRegressor(const GkTransformerOptions& o, int64_t outputs)
    : modes_{o.fourier_modes_t, o.fourier_modes_x, o.fourier_modes_y}, activation_(o.regressor_activation) {
  const int64_t d = o.freq_dim;
  fc_ = register_module("fc", std::make_shared<Linear>(o.n_hidden + 3, d));
  const auto spectral = register_module("spectral_conv", std::make_shared<Children>());
  const auto convs = register_module("convs", std::make_shared<Children>());
  const auto norms = register_module("bns", std::make_shared<Children>());
  for (int64_t l = 0; l < o.num_regressor_layers; ++l) {
    const std::string index = std::to_string(l);
    spectral_.push_back(
        spectral->add(index, std::make_shared<CornerSpectralConv>(d, d, modes_, o.kernels == "reference")));
    convs_.push_back(convs->add(index, std::make_shared<Convolution>(d, d, at::IntArrayRef{1, 1, 1})));
    norms_.push_back(norms->add(index, std::make_shared<BatchStatistics>(d)));
    if (!ShapeOnly::active())
      for (auto& w : spectral_.back()->weights) w.data().uniform_(0, 1.0 / static_cast<double>(d * d));
  }
  first_ = register_module("regressor1", std::make_shared<Linear>(d, kHidden));
  last_ = register_module("regressor2", std::make_shared<Linear>(kHidden, outputs));
}

at::Tensor SpectralRegressor::lift(const at::Tensor& features) const {
  const int64_t width = features.size(4), d = fc_->weight.size(0);
  // The three grid channels and the bias are the same for all samples.
  at::Tensor y = affine(features, fc_->weight.narrow(1, 0, width), fc_->bias);
  for (int64_t axis = 0; axis < 3; ++axis) {
    const int64_t n = features.size(axis + 1);
    const at::Tensor grid = at::linspace(0, 1, n, at::kDouble).to(features.options());
    std::vector<int64_t> shape{1, 1, 1, d};
    shape[axis] = n;
    y = y + at::outer(grid, fc_->weight.select(1, width + axis)).view(shape);
  }
  return y;
}

at::Tensor SpectralRegressor::layer(size_t index, const at::Tensor& x,
                                    const CornerSpectralConv::Grid& grid) const {
  const std::string number = std::to_string(index);
  const int64_t d = x.size(4);
  at::Tensor y = spectral_[index]->convolve(x, modes_, grid);
  report("regressor.spectral_conv." + number, y);
  const at::Tensor local =
      affine(cut(x, grid.wanted), convs_[index]->weight.view({d, d}), convs_[index]->bias);
  y = norms_[index]->normalise(local.requires_grad() ? y + local : y.add_(local));
  report("regressor.bns." + number, y);
  return y;
}

at::Tensor SpectralRegressor::forward(const at::Tensor& features) const {
  at::Tensor x = lift(features);
  if (Trace* trace = Trace::active()) trace->value("regressor.fc", x);
  const Modes inside = sizes_of(x);
  Modes period = inside;
  for (auto& n : period) n += kRegressorPadding;
  for (size_t l = 0; l < spectral_.size(); ++l) {
    const bool last = l + 1 == spectral_.size();
    const bool inside_only = last && !is_training() && !Trace::active();
    if (l == 0 && !inside_only) {
      constexpr int64_t p = kRegressorPadding;
      x = at::constant_pad_nd(x, {0, 0, 0, p, 0, p, 0, p});
    }
    const CornerSpectralConv::Grid grid{period, inside_only ? inside : period};
    x = recompute([this, l, grid](const auto& in) { return layer(l, in[0], grid); }, {x});
    if (!last) x = gelu_.consume(x);
  }
  return last_->forward(activation_.consume(first_->forward(cut(x, inside))));
}

}  // namespace windtunnel::baselines
