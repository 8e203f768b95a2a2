#include "baselines/transolver/physics_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "baselines/trace.h"

namespace windtunnel::baselines {
namespace {

constexpr double kTokenEpsilon = 1e-5;

at::Tensor channels_first(const at::Tensor& x) { return x.permute({0, 4, 1, 2, 3}); }
at::Tensor channels_last(const at::Tensor& x) { return x.permute({0, 2, 3, 4, 1}); }

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_gradients(const at::Tensor& grad,
                                                                     const at::Tensor& x,
                                                                     const at::Tensor& weight,
                                                                     std::array<bool, 3> wanted) {
  return at::convolution_backward(grad, x, weight, at::OptionalIntArrayRef(), {1, 1, 1}, {1, 1, 1}, {1, 1, 1},
                                  false, {0, 0, 0}, 1, wanted);
}

class WeightedNeighbourSums : public torch::autograd::Function<WeightedNeighbourSums> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& w,
                            const at::Tensor& x) {
    context->save_for_backward({w, x});
    const at::Tensor shape_only = x.new_empty({1}).expand({w.size(4), x.size(4), 3, 3, 3});
    std::vector<at::Tensor> sums;
    for (int64_t b = 0; b < w.size(0); ++b)  // each sample has its own weights
      sums.push_back(std::get<1>(convolution_gradients(channels_first(w.narrow(0, b, 1)),
                                                       channels_first(x.narrow(0, b, 1)), shape_only,
                                                       {false, true, false})));
    return at::stack(sums);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &w = saved[0], &x = saved[1];
    std::vector<at::Tensor> dw, dx;
    for (int64_t b = 0; b < w.size(0); ++b) {
      const at::Tensor kernel = gradients[0].select(0, b);
      const at::Tensor xb = channels_first(x.narrow(0, b, 1)), wb = channels_first(w.narrow(0, b, 1));
      dw.push_back(channels_last(at::conv3d(xb, kernel, {}, /*stride=*/1, /*padding=*/1)).squeeze(0));
      dx.push_back(
          channels_last(std::get<0>(convolution_gradients(wb, xb, kernel, {true, false, false}))).squeeze(0));
    }
    return {at::stack(dw), at::stack(dx)};
  }
};

}  // namespace

at::Tensor weighted_neighbour_sums(const at::Tensor& w, const at::Tensor& x) {
  return WeightedNeighbourSums::apply(w, x);
}

PhysicsAttention::PhysicsAttention(int64_t width, int64_t heads, int64_t slices, double dropout,
                                   const std::string& path, bool reference)
    : width_(width),
      heads_(heads),
      slices_(slices),
      head_width_(width / heads),
      dropout_(dropout),
      reference_(reference),
      path_(path) {
  temperature_ = register_parameter("temperature", constant_values({1, heads, 1, 1}, 0.5));
  in_project_x_ =
      register_module("in_project_x", std::make_shared<Convolution>(width, width, at::IntArrayRef{3, 3, 3}));
  in_project_fx_ =
      register_module("in_project_fx", std::make_shared<Convolution>(width, width, at::IntArrayRef{3, 3, 3}));
  in_project_slice_ = register_module("in_project_slice", std::make_shared<Linear>(head_width_, slices));
  to_q_ = register_module("to_q", std::make_shared<Linear>(head_width_, head_width_, false));
  to_k_ = register_module("to_k", std::make_shared<Linear>(head_width_, head_width_, false));
  to_v_ = register_module("to_v", std::make_shared<Linear>(head_width_, head_width_, false));
  const auto to_out = register_module("to_out", std::make_shared<Children>());
  to_out_ = to_out->add("0", std::make_shared<Linear>(width, width));
}

at::Tensor PhysicsAttention::temperature() const { return at::clamp(temperature_, 0.1, 5).view({heads_}); }

at::Tensor PhysicsAttention::attend(const at::Tensor& token) const {
  const at::Tensor q = to_q_->forward(token), k = to_k_->forward(token), v = to_v_->forward(token);
  at::Tensor a =
      at::softmax(at::matmul(q, k.transpose(-1, -2)) / std::sqrt(static_cast<double>(head_width_)), -1);
  if (is_training()) a = dropout(a, dropout_);
  return at::matmul(a, v);
}

at::Tensor PhysicsAttention::forward(const at::Tensor& x, const std::array<int64_t, 3>& grid) const {
  at::Tensor y = reference_ ? forward_reference(x, grid) : forward_fast(x, grid);
  if (is_training()) y = dropout(y, dropout_);
  if (Trace* trace = Trace::active()) trace->value(path_, y);
  return y;
}

at::Tensor PhysicsAttention::forward_reference(const at::Tensor& x,
                                               const std::array<int64_t, 3>& grid) const {
  const int64_t batch = x.size(0), n = x.size(1);
  const at::Tensor field = x.view({batch, grid[0], grid[1], grid[2], width_});
  const auto heads = [&](const Convolution& c) {
    return convolve_same(field, c.weight, c.bias).reshape({batch, n, heads_, head_width_}).transpose(1, 2);
  };
  const at::Tensor fx = heads(*in_project_fx_);
  const at::Tensor logits =
      in_project_slice_->forward(heads(*in_project_x_)) / temperature().view({1, -1, 1, 1});
  const at::Tensor w = at::softmax(logits, -1);  // (B,heads,N,G)
  const at::Tensor token = at::matmul(w.transpose(2, 3), fx) / (w.sum(2).unsqueeze(-1) + kTokenEpsilon);
  const at::Tensor y = at::matmul(w, attend(token));
  return to_out_->forward(y.transpose(1, 2).reshape({batch, n, width_}));
}

at::Tensor PhysicsAttention::forward_fast(const at::Tensor& x, const std::array<int64_t, 3>& grid) const {
  const int64_t batch = x.size(0), n = x.size(1), pairs = heads_ * slices_;
  const at::Tensor field = x.view({batch, grid[0], grid[1], grid[2], width_});

  // Slice logits: S, 1/temperature and conv3d_x as one convolution.
  const at::Tensor s =
      in_project_slice_->weight.unsqueeze(0) / temperature().view({heads_, 1, 1});  // (heads,G,d)
  const at::Tensor kernel = at::bmm(s, in_project_x_->weight.view({heads_, head_width_, width_ * 27}));
  const at::Tensor shift =
      at::bmm(s, in_project_x_->bias.view({heads_, head_width_, 1})).view({heads_, slices_}) +
      in_project_slice_->bias.unsqueeze(0) / temperature().view({heads_, 1});
  const at::Tensor logits =
      convolve_same(field, kernel.view({pairs, width_, 3, 3, 3}), shift.reshape({pairs}));
  const at::Tensor w = at::softmax(logits.reshape({batch, n, heads_, slices_}), -1);  // (B,N,heads,G)

  const at::Tensor count = w.sum(1).unsqueeze(-1);  // (B,heads,G,1)
  const at::Tensor sums = weighted_neighbour_sums(w.view({batch, grid[0], grid[1], grid[2], pairs}), field)
                              .reshape({batch, heads_, slices_, width_ * 27});
  const at::Tensor fx =
      at::matmul(sums, in_project_fx_->weight.view({heads_, head_width_, width_ * 27}).transpose(1, 2));
  const at::Tensor token =
      (fx + count * in_project_fx_->bias.view({heads_, 1, head_width_})) / (count + kTokenEpsilon);

  const at::Tensor out =
      to_out_->weight.view({width_, heads_, head_width_}).permute({1, 2, 0});  // (heads,d,E)
  const at::Tensor projected = at::matmul(attend(token), out).view({batch, pairs, width_});
  return at::baddbmm(to_out_->bias.expand({batch, n, width_}), w.view({batch, n, pairs}), projected);
}

}  // namespace windtunnel::baselines
