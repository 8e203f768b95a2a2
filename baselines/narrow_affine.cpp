#include "baselines/narrow_affine.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <optional>

#include "baselines/clones.h"
#include "baselines/lanes.h"
#include "baselines/simd.h"

namespace windtunnel::baselines {
namespace {

using simd::Floats;
using simd::kLanes;

constexpr int64_t kNarrow = 8;
constexpr int64_t kFewRows = 2048;
constexpr int64_t kTileRows = 64;  // of the wide side, which then stay in a core's cache

/// sums (N,width) += narrow^T wide of rows narrow (rows,N), wide (rows,width).
template <int64_t N>
WINDTUNNEL_INLINE void add_outer(const float* narrow, const float* wide, int64_t rows, int64_t width,
                                 float* sums) {
  int64_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    Floats total[N] = {}, v;
    for (int64_t row = 0; row < rows; ++row) {
      simd::load(v, wide + row * width + c);
      for (int64_t i = 0; i < N; ++i) total[i] += v * narrow[row * N + i];
    }
    for (int64_t i = 0; i < N; ++i) {
      simd::load(v, sums + i * width + c);
      simd::store(v + total[i], sums + i * width + c);
    }
  }
  for (; c < width; ++c)
    for (int64_t i = 0; i < N; ++i) {
      float total = 0;
      for (int64_t row = 0; row < rows; ++row) total += wide[row * width + c] * narrow[row * N + i];
      sums[i * width + c] += total;
    }
}

/// wide (rows,width) = narrow (rows,N) weights (N,width).
template <int64_t N>
WINDTUNNEL_INLINE void spread(const float* narrow, const float* weights, int64_t rows, int64_t width,
                              float* wide) {
  for (int64_t row = 0; row < rows; ++row) {
    int64_t c = 0;
    for (; c + kLanes <= width; c += kLanes) {
      Floats total{}, v;
      for (int64_t i = 0; i < N; ++i) {
        simd::load(v, weights + i * width + c);
        total += v * narrow[row * N + i];
      }
      simd::store(total, wide + row * width + c);
    }
    for (; c < width; ++c) {
      float total = 0;
      for (int64_t i = 0; i < N; ++i) total += weights[i * width + c] * narrow[row * N + i];
      wide[row * width + c] = total;
    }
  }
}

// The width of the narrow side is a constant in each of these, which keeps its sums in registers.
#define WINDTUNNEL_NARROW(N)                                                                                \
  WINDTUNNEL_CLONES void add_outer_##N(const float* narrow, const float* wide, int64_t rows, int64_t width, \
                                       float* sums) {                                                       \
    add_outer<N>(narrow, wide, rows, width, sums);                                                          \
  }                                                                                                         \
  WINDTUNNEL_CLONES void spread_##N(const float* narrow, const float* weights, int64_t rows, int64_t width, \
                                    float* wide) {                                                          \
    spread<N>(narrow, weights, rows, width, wide);                                                          \
  }
WINDTUNNEL_NARROW(1)
WINDTUNNEL_NARROW(2)
WINDTUNNEL_NARROW(3)
WINDTUNNEL_NARROW(4)
WINDTUNNEL_NARROW(5)
WINDTUNNEL_NARROW(6)
WINDTUNNEL_NARROW(7)
WINDTUNNEL_NARROW(8)
#undef WINDTUNNEL_NARROW

using Kernel = void (*)(const float*, const float*, int64_t, int64_t, float*);
constexpr std::array<Kernel, kNarrow> kAddOuter = {add_outer_1, add_outer_2, add_outer_3, add_outer_4,
                                                   add_outer_5, add_outer_6, add_outer_7, add_outer_8};
constexpr std::array<Kernel, kNarrow> kSpread = {spread_1, spread_2, spread_3, spread_4,
                                                 spread_5, spread_6, spread_7, spread_8};

/// narrow^T wide, (n,width), of rows narrow (M,n) and wide (M,width), contiguous.
at::Tensor outer_sums(const at::Tensor& narrow, const at::Tensor& wide) {
  const int64_t rows = narrow.size(0), n = narrow.size(1), width = wide.size(1);
  const Kernel kernel = kAddOuter[static_cast<size_t>(n - 1)];
  const float *a = narrow.const_data_ptr<float>(), *b = wide.const_data_ptr<float>();
  at::Tensor partial = at::zeros({lane_count(rows), n, width}, wide.options());
  float* sums = partial.mutable_data_ptr<float>();
  run_lanes(rows, [&](int64_t lane, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row += kTileRows)
      kernel(a + row * n, b + row * width, std::min(kTileRows, end - row), width, sums + lane * n * width);
  });
  return partial.sum(0);
}

/// narrow weights, (M,width), of narrow (M,n) and weights (n,width), contiguous.
at::Tensor spread_rows(const at::Tensor& narrow, const at::Tensor& weights) {
  const int64_t rows = narrow.size(0), n = narrow.size(1), width = weights.size(1);
  const Kernel kernel = kSpread[static_cast<size_t>(n - 1)];
  at::Tensor wide = at::empty({rows, width}, narrow.options());
  const float *a = narrow.const_data_ptr<float>(), *w = weights.const_data_ptr<float>();
  float* to = wide.mutable_data_ptr<float>();
  run_lanes(rows, [&](int64_t, int64_t begin, int64_t end) {
    kernel(a + begin * n, w, end - begin, width, to + begin * width);
  });
  return wide;
}

class NarrowAffine : public torch::autograd::Function<NarrowAffine> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
    context->save_for_backward({x, weight});
    context->saved_data["bias"] = bias.has_value();
    return at::linear(x, weight, bias);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& weight = saved[1];
    const int64_t out = weight.size(0), in = weight.size(1);
    const at::Tensor x = saved[0].reshape({-1, in}).contiguous();
    const at::Tensor g = gradients[0].reshape({-1, out}).contiguous();
    at::Tensor dx, dw, db;
    if (context->needs_input_grad(0)) {
      const at::Tensor rows = out <= kNarrow ? spread_rows(g, weight.contiguous()) : at::mm(g, weight);
      dx = rows.view(saved[0].sizes());
    }
    if (context->needs_input_grad(1)) dw = out <= kNarrow ? outer_sums(g, x) : outer_sums(x, g).t();
    if (context->saved_data["bias"].toBool()) db = g.sum(0);
    return {dx, dw, db};
  }
};

}  // namespace

bool is_narrow_affine(const at::Tensor& x, const at::Tensor& weight) {
  const int64_t in = weight.size(1);
  return at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad()) && x.is_cpu() &&
         x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat &&
         std::min(in, weight.size(0)) <= kNarrow && x.numel() / in >= kFewRows;
}

at::Tensor narrow_affine(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return NarrowAffine::apply(x, weight, bias.defined() ? std::optional(bias) : std::nullopt);
}

}  // namespace windtunnel::baselines
