#include "baselines/dpot/network.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/group_norm.h>

#include <cmath>

#include "baselines/precision.h"
#include "baselines/recompute.h"
#include "baselines/trace.h"

namespace windtunnel::baselines {
namespace {

constexpr int64_t kGroups = 8;

at::Tensor group_norm(const at::Tensor& v, const Affine& affine) {
  return at::group_norm(v.permute({0, 3, 1, 2}), kGroups, affine.weight, affine.bias, 1e-5)
      .permute({0, 2, 3, 1})
      .contiguous();
}

at::Tensor pointwise(const at::Tensor& v, const Convolution& c) {
  return affine(v, c.weight.view({c.weight.size(0), c.weight.size(1)}), c.bias);
}

void report(const std::string& name, const at::Tensor& v) {
  if (Trace* trace = Trace::active()) trace->value(name, v.permute({0, 3, 1, 2}));
}

// Weights of the transposed convolution, held as (E,P,P,O).
struct Unpatch : torch::nn::Module {
  Unpatch(int64_t in, int64_t out, int64_t patch) {
    const double bound = 1 / std::sqrt(static_cast<double>(out * patch * patch));
    weight = register_parameter("weight", uniform_values({in, patch, patch, out}, -bound, bound));
    bias = register_parameter("bias", uniform_values({out}, -bound, bound));
  }
  at::Tensor weight, bias;
};

struct TimeAggregation : torch::nn::Module {
  TimeAggregation(int64_t frames, int64_t width, bool exponential) {
    weights = register_parameter(
        "w", normal_values({frames, width, width},
                           1 / (static_cast<double>(frames) * std::sqrt(static_cast<double>(width)))));
    if (!exponential) return;
    gamma = register_parameter("gamma", constant_values({1, width}, 0));
    if (ShapeOnly::active()) return;
    const at::Tensor data = gamma.data();
    auto values = data.accessor<float, 2>();
    for (int64_t j = 0; j < width; ++j)
      values[0][j] = static_cast<float>(
          std::exp2(-10.0 + 20.0 * static_cast<double>(j) / static_cast<double>(width - 1)));
  }
  at::Tensor weights, gamma;
};

}  // namespace

DpotBlock::DpotBlock(const DpotOptions& o, const std::string& path) : path_(path), act_(o.act) {
  norm1_ = register_module("norm1", std::make_shared<Affine>(o.embed_dim));
  filter_ = register_module(
      "filter", std::make_shared<Afno>(o.embed_dim, o.n_blocks, o.modes, o.act, o.kernels == "reference"));
  norm2_ = register_module("norm2", std::make_shared<Affine>(o.embed_dim));
  const auto mlp = register_module("mlp", std::make_shared<Children>());
  const int64_t hidden = o.embed_dim * o.mlp_ratio;
  first_ = mlp->add("0", std::make_shared<Convolution>(o.embed_dim, hidden, at::IntArrayRef{1, 1}));
  second_ = mlp->add("2", std::make_shared<Convolution>(hidden, o.embed_dim, at::IntArrayRef{1, 1}));
}

at::Tensor DpotBlock::forward(const at::Tensor& v) const {
  at::Tensor u = group_norm(v, *norm1_);
  report(path_ + ".norm1", u);
  u = filter_->forward(u);
  report(path_ + ".filter", u);
  u = pointwise(act_.consume(pointwise(group_norm(u, *norm2_), *first_)), *second_);
  u = u.requires_grad() && at::GradMode::is_enabled() ? v + u : u.add_(v);
  report(path_, u);
  return u;
}

DpotNetwork::DpotNetwork(const DpotSizes& sizes, const DpotOptions& o, int64_t out_channels,
                         int64_t out_frames, int64_t wanted_channels)
    : sizes_(sizes),
      out_channels_(out_channels),
      out_frames_(out_frames),
      wanted_(wanted_channels),
      act_(o.act) {
  const int64_t e = o.embed_dim;
  const at::Tensor position =
      register_parameter("pos_embed", normal_values({1, e, sizes.grid, sizes.grid}, 0.02));
  const auto proj =
      register_module("patch_embed", std::make_shared<Children>())->add("proj", std::make_shared<Children>());
  const auto patch = proj->add("0", std::make_shared<Convolution>(sizes.in_channels + 3, sizes.hidden,
                                                                  at::IntArrayRef{sizes.patch, sizes.patch}));
  const auto widen = proj->add("2", std::make_shared<Convolution>(sizes.hidden, e, at::IntArrayRef{1, 1}));
  const auto blocks = register_module("blocks", std::make_shared<Children>());
  for (int64_t l = 0; l < o.depth; ++l) {
    const std::string index = std::to_string(l);
    blocks_.push_back(blocks->add(index, std::make_shared<DpotBlock>(o, "dpot_model.blocks." + index)));
  }
  const auto head = register_module("cls_head", std::make_shared<Children>());
  head->add("0", std::make_shared<Linear>(e, e));
  head->add("2", std::make_shared<Linear>(e, e));
  head->add("4", std::make_shared<Linear>(e, o.n_cls));
  const auto time = register_module(
      "time_agg_layer", std::make_shared<TimeAggregation>(sizes.in_frames, e, o.time_agg == "exp_mlp"));
  const auto out = register_module("out_layer", std::make_shared<Children>());
  const auto unpatch = out->add("0", std::make_shared<Unpatch>(e, o.out_layer_dim, sizes.patch));
  unpatch_ = unpatch->weight;
  unpatch_bias_ = unpatch->bias;
  mix_ =
      out->add("2", std::make_shared<Convolution>(o.out_layer_dim, o.out_layer_dim, at::IntArrayRef{1, 1}));
  project_ = out->add(
      "4", std::make_shared<Convolution>(o.out_layer_dim, out_channels * out_frames, at::IntArrayRef{1, 1}));
  embedding_ = std::make_unique<PatchEmbedding>(sizes, o, patch, widen, position, time->weights, time->gamma);
}

at::Tensor DpotNetwork::output(const at::Tensor& v) const {
  const int64_t batch = v.size(0), g = sizes_.grid, p = sizes_.patch, width = v.size(3),
                o = unpatch_bias_.size(0);
  at::Tensor y = at::mm(v.view({-1, width}), unpatch_.view({width, p * p * o})).view({-1, o});
  y = act_.consume(y.requires_grad() && at::GradMode::is_enabled() ? y + unpatch_bias_
                                                                   : y.add_(unpatch_bias_));
  y = act_.consume(pointwise(y, *mix_));
  const bool all = Trace::active() || wanted_ == out_channels_;
  const int64_t channels = all ? out_channels_ : wanted_;
  const at::Tensor weight =
      project_->weight.view({out_frames_, out_channels_, o}).narrow(1, 0, channels).reshape({-1, o});
  const at::Tensor bias =
      project_->bias.view({out_frames_, out_channels_}).narrow(1, 0, channels).reshape({-1});
  y = affine(y, weight, bias).view({batch, g, g, p, p, out_frames_, channels});
  y = y.permute({0, 5, 1, 3, 2, 4, 6}).reshape({batch, out_frames_, g * p, g * p, channels});
  if (Trace* trace = Trace::active())
    trace->value("dpot_model.out_layer",
                 y.permute({0, 1, 4, 2, 3}).reshape({batch, out_frames_ * channels, g * p, g * p}));
  return y.narrow(4, 0, wanted_);
}

at::Tensor DpotNetwork::forward(const at::Tensor& x) const {
  at::Tensor v = embedding_->forward(x);
  if (Trace* trace = Trace::active()) trace->value("dpot_model.time_agg_layer", v);
  for (const auto& block : blocks_) v = recompute(block, v);
  return output(v);
}

}  // namespace windtunnel::baselines
