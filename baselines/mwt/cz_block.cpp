#include "baselines/mwt/cz_block.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "baselines/trace.h"

namespace windtunnel::baselines {
namespace {

at::Tensor matrix(const std::vector<double>& values, int64_t rows, int64_t columns) {
  if (ShapeOnly::active()) return constant_values({rows, columns}, 0);
  return at::tensor(values, at::kDouble).view({rows, columns}).to(at::kFloat);
}

const Activation& relu() {
  static const Activation instance("relu");
  return instance;
}

}  // namespace

MwtFourierKernel::MwtFourierKernel(int64_t features, int64_t alpha, bool reference)
    : CornerSpectralConv(features, features, {alpha, alpha, alpha}, reference), alpha_(alpha) {
  const double deviation = 1 / std::sqrt(2.0 * static_cast<double>(features * alpha * alpha * alpha));
  if (!ShapeOnly::active())
    for (auto& w : weights) w.data().normal_(0.0, deviation);
  lo_ = register_module("Lo", std::make_shared<Linear>(features, features));
}

at::Tensor MwtFourierKernel::forward(const at::Tensor& x) const {
  const Modes limits{std::min(alpha_, x.size(1) / 2 + 1), std::min(alpha_, x.size(2) / 2 + 1), alpha_};
  return lo_->forward(relu().consume(convolve(x, limits)));
}

MwtLocalKernel::MwtLocalKernel(int64_t features) {
  const auto conv = register_module("conv", std::make_shared<Children>());
  conv_ = conv->add("0", std::make_shared<Convolution>(features, features, at::IntArrayRef{3, 3, 3}));
  lo_ = register_module("Lo", std::make_shared<Linear>(features, features));
}

at::Tensor MwtLocalKernel::forward(const at::Tensor& x) const {
  return lo_->forward(relu().consume(convolve_same(x, conv_->weight, conv_->bias)));
}

MwtBlock::MwtBlock(const MwtSizes& sizes, const MultiwaveletMatrices& m, const std::string& path)
    : sizes_(sizes), path_(path) {
  const int64_t k2 = sizes.k2(), q = sizes.features();
  ec_s_ = register_buffer("ec_s", matrix(m.ec_s, 4 * k2, k2));
  ec_d_ = register_buffer("ec_d", matrix(m.ec_d, 4 * k2, k2));
  rc_ee_ = register_buffer("rc_ee", matrix(m.rc_ee, 2 * k2, k2));
  rc_eo_ = register_buffer("rc_eo", matrix(m.rc_eo, 2 * k2, k2));
  rc_oe_ = register_buffer("rc_oe", matrix(m.rc_oe, 2 * k2, k2));
  rc_oo_ = register_buffer("rc_oo", matrix(m.rc_oo, 2 * k2, k2));
  a_ = register_module("A", std::make_shared<MwtFourierKernel>(q, sizes.alpha, sizes.reference));
  b_ = register_module("B", std::make_shared<MwtLocalKernel>(q));
  c_ = register_module("C", std::make_shared<MwtLocalKernel>(q));
  t0_ = register_module("T0", std::make_shared<Linear>(q * sizes.wide, q));
}

void MwtBlock::trace(const std::string& name, const at::Tensor& value) const {
  Trace* active = Trace::active();
  if (!active) return;
  std::vector<int64_t> shape = value.sizes().vec();
  shape.back() = sizes_.c;
  shape.push_back(sizes_.k2());
  active->value(path_ + name, value.view(shape));
}

at::Tensor MwtBlock::coarsest(const at::Tensor& x) const {
  const int64_t batch = x.size(0), n = x.size(1), frames = x.size(3), q = sizes_.features();
  // Corrected: bring the columns of one time side by side; published: take memory as it lies.
  const at::Tensor rows = sizes_.published || sizes_.wide == 1 ? x : x.transpose(2, 3).contiguous();
  const at::Tensor y = t0_->forward(rows.view({batch, n, n, frames, sizes_.wide * q}));
  if (Trace* active = Trace::active()) active->value(path_ + ".T0", y);
  return y;
}

at::Tensor MwtBlock::forward(const at::Tensor& input) const {
  const int64_t batch = input.size(0), frames = input.size(3), c = sizes_.c, k2 = sizes_.k2(), q = c * k2;
  std::vector<at::Tensor> details, averages;
  at::Tensor x = input;
  while (x.size(1) > int64_t{1} << sizes_.coarsest) {
    const int64_t nx = x.size(1) / 2, ny = x.size(2) / 2;
    const at::Tensor groups = x.view({batch, nx, 2, ny, 2, frames, c, k2})
                                  .permute({0, 1, 3, 5, 6, 2, 4, 7})
                                  .reshape({batch * nx * ny * frames * c, 4 * k2});
    const at::Tensor d = at::mm(groups, ec_d_).view({batch, nx, ny, frames, q});
    x = at::mm(groups, ec_s_).view({batch, nx, ny, frames, q});
    const at::Tensor a = a_->forward(d), b = b_->forward(x), s = c_->forward(d);
    trace(".A", a);
    trace(".B", b);
    trace(".C", s);
    details.push_back(a + b);
    averages.push_back(s);
  }
  x = coarsest(x);
  const at::Tensor rebuild = at::cat({rc_ee_, rc_eo_, rc_oe_, rc_oo_}, 1);  // (2*k2, 4*k2)
  const at::Tensor from_average = rebuild.narrow(0, 0, k2), from_detail = rebuild.narrow(0, k2, k2);
  for (size_t level = averages.size(); level-- > 0;) {
    x = x + averages[level];  // the first sum spreads the single column of T0 over `wide` columns
    const int64_t nx = x.size(1), ny = x.size(2);
    at::Tensor groups = at::mm(x.view({-1, k2}), from_average);
    groups.addmm_(details[level].view({-1, k2}), from_detail);
    x = groups.view({batch, nx, ny, frames, c, 2, 2, k2})
            .permute({0, 1, 5, 2, 6, 3, 4, 7})
            .contiguous()
            .view({batch, 2 * nx, 2 * ny, frames, q});
  }
  trace("", x);
  return x;
}

}  // namespace windtunnel::baselines
