#include "baselines/gk_transformer/encoder_layer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>

#include <cmath>

#include "baselines/precision.h"
#include "baselines/relu_dropout.h"
#include "baselines/trace.h"

namespace windtunnel::baselines {
namespace {

at::Tensor add_to(at::Tensor dx, const at::Tensor& x) {
  return dx.requires_grad() && at::GradMode::is_enabled() ? dx + x : dx.add_(x);
}

at::Tensor gather(const std::vector<std::shared_ptr<Affine>>& heads, at::Tensor Affine::*member) {
  std::vector<at::Tensor> rows;
  for (const auto& head : heads) rows.push_back((*head).*member);
  return at::stack(rows);  // (heads, d)
}

}  // namespace

GalerkinAttention::GalerkinAttention(const GkTransformerOptions& o, const std::string& path)
    : width_(o.n_hidden),
      heads_(o.n_head),
      head_width_(o.n_hidden / o.n_head),
      eps_(o.norm_eps),
      reference_(o.kernels == "reference"),
      path_(path) {
  const auto linears = register_module("linears", std::make_shared<Children>());
  const double bound = o.xavier_init * std::sqrt(6.0 / static_cast<double>(2 * width_));
  for (int i = 0; i < 3; ++i) {
    auto linear = linears->add(std::to_string(i), std::make_shared<Linear>(width_, width_));
    linears_.push_back(linear);
    if (ShapeOnly::active()) continue;
    linear->weight.data().uniform_(-bound, bound);
    linear->weight.data().diagonal().add_(o.diagonal_weight);
    linear->bias.data().zero_();
  }
  const auto norms = [&](const char* name, std::vector<std::shared_ptr<Affine>>& list) {
    const auto children = register_module(name, std::make_shared<Children>());
    for (int64_t j = 0; j < heads_; ++j)
      list.push_back(children->add(std::to_string(j), std::make_shared<Affine>(head_width_)));
  };
  norms("norm_K", norm_k_);
  norms("norm_V", norm_v_);
  // Part of the published state only: nothing reads it.
  register_module("fc", std::make_shared<Linear>(width_ + heads_ * o.pos_dim, width_));
}

at::Tensor GalerkinAttention::scores(const at::Tensor& x) const {
  const int64_t batch = x.size(0), n = x.size(1), d = head_width_;
  const at::Tensor weight = at::cat({linears_[1]->weight, linears_[2]->weight});
  const at::Tensor bias = at::cat({linears_[1]->bias, linears_[2]->bias});
  const at::Tensor kv =
      at::layer_norm(affine(x, weight, bias).view({batch, n, 2, heads_, d}), {d}, {}, {}, eps_);
  const at::Tensor sums = kv.sum(1);  // (B,2,heads,d)
  std::vector<at::Tensor> products;
  for (const at::Tensor& sample : kv.unbind(0)) {
    const auto parts = sample.unbind(1);  // K and V, (n,heads,d) with strides kept
    products.push_back(at::bmm(parts[0].permute({1, 2, 0}), parts[1].permute({1, 0, 2})));
  }
  const at::Tensor gk = gather(norm_k_, &Affine::weight).unsqueeze(2),
                   bk = gather(norm_k_, &Affine::bias).unsqueeze(2);
  const at::Tensor gv = gather(norm_v_, &Affine::weight).unsqueeze(1),
                   bv = gather(norm_v_, &Affine::bias).unsqueeze(1);
  const at::Tensor sk = gk * sums.select(1, 0).unsqueeze(3), sv = gv * sums.select(1, 1).unsqueeze(2);
  const at::Tensor s = gk * at::stack(products) * gv + sk * bv + bk * sv + static_cast<double>(n) * bk * bv;
  return s / static_cast<double>(n);
}

at::Tensor GalerkinAttention::forward(const at::Tensor& x, const AttentionDropout& drop) const {
  if (reference_) return forward_reference(x, drop);
  const int64_t batch = x.size(0), d = head_width_;
  const at::Tensor s = dropout(scores(x), drop.p, drop.generator);
  const at::Tensor q = linears_[0]->weight.view({heads_, d, width_}).transpose(1, 2);
  const at::Tensor map = at::matmul(q, s).permute({0, 2, 1, 3}).reshape({batch, width_, width_});
  const at::Tensor shift = at::matmul(linears_[0]->bias.view({heads_, 1, d}), s).view({batch, 1, width_});
  const at::Tensor y = at::baddbmm(shift, x, map);
  if (Trace* trace = Trace::active()) trace->value(path_, y);
  return y;
}

at::Tensor GalerkinAttention::forward_reference(const at::Tensor& x, const AttentionDropout& drop) const {
  const int64_t batch = x.size(0), n = x.size(1), d = head_width_;
  const auto project = [&](int i) {
    return linears_[i]->forward(x).view({batch, n, heads_, d}).transpose(1, 2);
  };
  const auto normed = [&](const at::Tensor& t, const std::vector<std::shared_ptr<Affine>>& norms) {
    std::vector<at::Tensor> heads;
    for (int64_t j = 0; j < heads_; ++j)
      heads.push_back(at::layer_norm(t.select(1, j), {d}, norms[j]->weight, norms[j]->bias, eps_));
    return at::stack(heads, 1);
  };
  const at::Tensor k = normed(project(1), norm_k_), v = normed(project(2), norm_v_);
  const at::Tensor s =
      dropout(at::matmul(k.transpose(2, 3), v) / static_cast<double>(n), drop.p, drop.generator);
  const at::Tensor y = at::matmul(project(0), s).transpose(1, 2).reshape({batch, n, width_});
  if (Trace* trace = Trace::active()) trace->value(path_, y);
  return y;
}

GalerkinEncoderLayer::GalerkinEncoderLayer(const GkTransformerOptions& o, const std::string& path)
    : encoder_dropout_(o.encoder_dropout), ffn_dropout_(o.ffn_dropout), path_(path) {
  attention_ = register_module("attn", std::make_shared<GalerkinAttention>(o, path + ".attn"));
  const auto ff = register_module("ff", std::make_shared<Children>());
  first_ = ff->add("lr1", std::make_shared<Linear>(o.n_hidden, o.dim_feedforward));
  second_ = ff->add("lr2", std::make_shared<Linear>(o.dim_feedforward, o.n_hidden));
}

at::Tensor GalerkinEncoderLayer::forward(const at::Tensor& x, const AttentionDropout& drop) const {
  static const Activation relu("relu");
  const auto training_dropout = [&](at::Tensor t, double p) { return is_training() ? dropout(t, p) : t; };
  const at::Tensor y = add_to(training_dropout(attention_->forward(x, drop), encoder_dropout_), x);
  const at::Tensor hidden =
      is_training() ? relu_dropout(first_->forward(y), ffn_dropout_) : relu.consume(first_->forward(y));
  const at::Tensor z = add_to(training_dropout(second_->forward(hidden), encoder_dropout_), y);
  if (Trace* trace = Trace::active()) trace->value(path_, z);
  return z;
}

}  // namespace windtunnel::baselines
