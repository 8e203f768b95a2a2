#include "baselines/dpot/patch_embedding.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>

#include "baselines/precision.h"
#include "baselines/trace.h"

namespace windtunnel::baselines {

PatchEmbedding::PatchEmbedding(const DpotSizes& sizes, const DpotOptions& o,
                               std::shared_ptr<Convolution> patch, std::shared_ptr<Convolution> widen,
                               at::Tensor position, at::Tensor weights, at::Tensor gamma)
    : sizes_(sizes),
      act_(o.act),
      reference_(o.kernels == "reference"),
      patch_(std::move(patch)),
      widen_(std::move(widen)),
      position_(std::move(position)),
      weights_(std::move(weights)),
      gamma_(std::move(gamma)) {}

at::Tensor PatchEmbedding::constant_channels(const at::Tensor& x) const {
  const int64_t frames = x.size(1), side = sizes_.side;
  std::vector<at::Tensor> channels;
  for (int64_t c = sizes_.fields; c < sizes_.in_channels; ++c)
    channels.push_back(at::ones({frames, side, side}, x.options()));
  const auto coordinate = [&](int64_t n, at::IntArrayRef shape) {
    return at::linspace(0, 1, n, at::kDouble).to(x.options()).view(shape).expand({frames, side, side});
  };
  channels.push_back(coordinate(side, {1, side, 1}));
  channels.push_back(coordinate(side, {1, 1, side}));
  channels.push_back(coordinate(frames, {frames, 1, 1}));
  return at::stack(channels, 3);
}

at::Tensor PatchEmbedding::patches(const at::Tensor& x) const {
  const int64_t g = sizes_.grid, p = sizes_.patch, n = x.size(0), c = x.size(3);
  return x.reshape({n, g, p, g, p, c}).permute({0, 1, 3, 2, 4, 5}).reshape({n, g, g, p * p * c});
}

at::Tensor PatchEmbedding::phases(const at::Tensor& x) const {
  if (!gamma_.defined()) return {};
  const at::Tensor u = at::linspace(0, 1, sizes_.in_frames, at::kFloat).to(x.options());
  return (u.unsqueeze(1) * gamma_).cos().unsqueeze(1);
}

void PatchEmbedding::trace_patches(const at::Tensor& activated) const {
  Trace* trace = Trace::active();
  if (!trace) return;
  const at::Tensor w = widen_->weight.view({widen_->weight.size(0), sizes_.hidden});
  const at::Tensor features = affine(activated, w, widen_->bias);
  trace->value("dpot_model.patch_embed",
               features.reshape({-1, sizes_.grid, sizes_.grid, w.size(0)}).permute({0, 3, 1, 2}));
}

at::Tensor PatchEmbedding::forward(const at::Tensor& x) const {
  if (reference_) return forward_reference(x);
  const int64_t batch = x.size(0), frames = x.size(1), g = sizes_.grid, p = sizes_.patch,
                hidden = sizes_.hidden;
  const int64_t width = widen_->weight.size(0), fields = sizes_.fields;
  if (!constant_patches_.defined() || constant_patches_.device() != x.device())
    constant_patches_ = patches(constant_channels(x));

  const auto matrix = [&](int64_t from, int64_t count) {  // (hidden, P*P*count), the order of patches()
    return patch_->weight.narrow(1, from, count).permute({0, 2, 3, 1}).reshape({hidden, p * p * count});
  };
  const at::Tensor constants =
      affine(constant_patches_, matrix(fields, sizes_.in_channels + 3 - fields), patch_->bias);
  at::Tensor a =
      affine(patches(x.reshape({batch * frames, sizes_.side, sizes_.side, fields})), matrix(0, fields))
          .view({batch, frames, g, g, hidden});
  a = act_.consume(a + constants);
  trace_patches(a);

  const at::Tensor widen = widen_->weight.view({width, hidden});
  const at::Tensor wave = phases(x);
  const at::Tensor scaled = wave.defined() ? widen.t() * wave : widen.t().expand({frames, hidden, width});
  const at::Tensor merged = at::bmm(scaled, weights_);  // (T,hidden,E)
  const at::Tensor total =
      wave.defined() ? at::einsum("te,tej->ej", {wave.squeeze(1), weights_}) : weights_.sum(0);
  const at::Tensor shift = position_.view({width, g * g}).t() + widen_->bias;  // (G*G,E)
  const at::Tensor rows = a.permute({0, 2, 3, 1, 4}).reshape({batch, g * g, frames * hidden});
  const at::Tensor y = at::matmul(rows, merged.view({frames * hidden, width})) + at::mm(shift, total);
  return y.view({batch, g, g, width});
}

at::Tensor PatchEmbedding::forward_reference(const at::Tensor& x) const {
  const int64_t batch = x.size(0), frames = x.size(1), side = sizes_.side, g = sizes_.grid;
  const at::Tensor constants = constant_channels(x).expand({batch, -1, -1, -1, -1});
  const at::Tensor images =
      at::cat({x, constants}, 4).reshape({batch * frames, side, side, -1}).permute({0, 3, 1, 2});
  const at::Tensor a = act_(at::conv2d(images, patch_->weight, patch_->bias, {sizes_.patch, sizes_.patch}));
  trace_patches(a.permute({0, 2, 3, 1}));
  const at::Tensor v = at::conv2d(a, widen_->weight, widen_->bias) + position_;
  at::Tensor features = v.view({batch, frames, -1, g, g}).permute({0, 3, 4, 1, 2});  // (B,G,G,T,E)
  if (const at::Tensor wave = phases(x); wave.defined()) features = features * wave.squeeze(1);
  return at::einsum("bxyti,tij->bxyj", {features, weights_});
}

}  // namespace windtunnel::baselines
