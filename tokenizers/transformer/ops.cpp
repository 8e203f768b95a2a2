#include "tokenizers/transformer/ops.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "baselines/lanes.h"
#include "tokenizers/transformer/kernels.h"

namespace windtunnel::tokenizers::ops {
namespace {

using baselines::lane_count;
using baselines::run_lanes;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

const float* values(const at::Tensor& tensor) { return tensor.const_data_ptr<float>(); }
float* writable(const at::Tensor& tensor) { return tensor.data_ptr<float>(); }

/// Sums a per-lane gradient (lanes, width) in lane order.
at::Tensor lane_sum(const at::Tensor& parts) { return parts.sum(0); }

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& weight,
                            double eps) {
    const at::Tensor x = input.contiguous();
    const int64_t width = x.size(-1), rows = x.numel() / width;
    at::Tensor y = at::empty_like(x), inverse = at::empty({rows}, x.options());
    run_lanes(rows, [&](int64_t, int64_t a, int64_t b) {
      kernels::rms_norm(values(x) + a * width, values(weight), writable(y) + a * width, writable(inverse) + a,
                        b - a, width, static_cast<float>(eps));
    });
    context->save_for_backward({x, weight, inverse});
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &inverse = saved[2];
    const at::Tensor g = gradients[0].contiguous();
    const int64_t width = x.size(-1), rows = x.numel() / width;
    at::Tensor dx = at::empty_like(x), parts = at::zeros({lane_count(rows), width}, x.options());
    run_lanes(rows, [&](int64_t lane, int64_t a, int64_t b) {
      kernels::rms_norm_backward(values(g) + a * width, values(x) + a * width, values(weight),
                                 values(inverse) + a, writable(dx) + a * width,
                                 writable(parts) + lane * width, b - a, width);
    });
    return {dx, lane_sum(parts), at::Tensor()};
  }
};

/// Sizes of (B,N,heads*hd) against (B,heads,N,hd).
struct HeadLayout {
  HeadLayout(const at::Tensor& flat, int64_t heads_)
      : batch(flat.size(0)), positions(flat.size(1)), heads(heads_), width(flat.size(2) / heads_) {}
  int64_t batch, positions, heads, width;
  /// Runs body(flat offset, head-major offset, position, row) over the rows [a, b) of (B,N,heads).
  template <class Body>
  void each(int64_t a, int64_t b, const Body& body) const {
    for (int64_t row = a; row < b; ++row) {
      const int64_t head = row % heads, position = row / heads % positions, sample = row / heads / positions;
      body(row * width, ((sample * heads + head) * positions + position) * width, position, row);
    }
  }
  int64_t rows() const { return batch * positions * heads; }
};

class NormRotate : public torch::autograd::Function<NormRotate> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const std::optional<at::Tensor>& weight, const at::Tensor& cos,
                            const at::Tensor& sin, int64_t heads, double eps) {
    const at::Tensor x = input.contiguous();
    const HeadLayout layout(x, heads);
    at::Tensor y = at::empty({layout.batch, heads, layout.positions, layout.width}, x.options());
    at::Tensor inverse = at::empty({layout.rows()}, x.options());
    const float* w = weight ? values(*weight) : nullptr;
    const int64_t half = layout.width / 2;
    run_lanes(layout.rows(), [&](int64_t, int64_t a, int64_t b) {
      layout.each(a, b, [&](int64_t flat, int64_t major, int64_t position, int64_t row) {
        kernels::norm_rotate(values(x) + flat, w, values(cos) + position * half,
                             values(sin) + position * half, writable(y) + major, writable(inverse) + row,
                             layout.width, static_cast<float>(eps));
      });
    });
    context->save_for_backward({x, weight.value_or(at::Tensor()), cos, sin, inverse});
    context->saved_data["heads"] = heads;
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &cos = saved[2], &sin = saved[3], &inverse = saved[4];
    const HeadLayout layout(x, context->saved_data["heads"].toInt());
    const int64_t width = layout.width, half = width / 2;
    const at::Tensor g = gradients[0].contiguous();
    at::Tensor dx = at::empty_like(x);
    at::Tensor parts = at::zeros({lane_count(layout.rows()), width}, x.options());
    const float* w = weight.defined() ? values(weight) : nullptr;
    run_lanes(layout.rows(), [&](int64_t lane, int64_t a, int64_t b) {
      std::vector<float> turned(static_cast<size_t>(width));
      layout.each(a, b, [&](int64_t flat, int64_t major, int64_t position, int64_t row) {
        std::copy_n(values(g) + major, width, turned.data());
        kernels::norm_rotate_backward(turned.data(), values(x) + flat, w, values(cos) + position * half,
                                      values(sin) + position * half, values(inverse)[row],
                                      writable(dx) + flat, writable(parts) + lane * width, width);
      });
    });
    return {dx, w ? lane_sum(parts) : at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

class SwiGlu : public torch::autograd::Function<SwiGlu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& first, const at::Tensor& second) {
    const at::Tensor a = first.contiguous(), b = second.contiguous();
    at::Tensor y = at::empty_like(a);
    run_lanes(a.numel() / kPiece + 1, [&](int64_t, int64_t from, int64_t to) {
      const auto [at, n] = piece(from, to, a.numel());
      kernels::swiglu(values(a) + at, values(b) + at, writable(y) + at, n);
    });
    context->save_for_backward({a, b});
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &a = saved[0], &b = saved[1];
    const at::Tensor g = gradients[0].contiguous();
    at::Tensor da = at::empty_like(a), db = at::empty_like(b);
    run_lanes(a.numel() / kPiece + 1, [&](int64_t, int64_t from, int64_t to) {
      const auto [at, n] = piece(from, to, a.numel());
      kernels::swiglu_backward(values(g) + at, values(a) + at, values(b) + at, writable(da) + at,
                               writable(db) + at, n);
    });
    return {da, db};
  }

 private:
  static constexpr int64_t kPiece = 4096;
  static std::pair<int64_t, int64_t> piece(int64_t from, int64_t to, int64_t total) {
    const int64_t first = std::min(from * kPiece, total);
    return {first, std::min(to * kPiece, total) - first};
  }
};

/// Rows per block so that a block of logits stays near 16 MB.
int64_t block_rows(int64_t vocabulary) {
  return std::clamp<int64_t>((int64_t{1} << 22) / vocabulary, 64, 1024);
}

class CrossEntropy : public torch::autograd::Function<CrossEntropy> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden_, const at::Tensor& weight,
                            const at::Tensor& labels_, bool gradients) {
    const at::Tensor hidden = hidden_.contiguous(), labels = labels_.contiguous();
    const int64_t rows = hidden.size(0), vocabulary = weight.size(0);
    const float scale = gradients ? 1.0f / static_cast<float>(rows) : 0.0f;
    at::Tensor dhidden, dweight;
    if (gradients) {
      dhidden = at::empty_like(hidden);
      dweight = at::zeros(weight.sizes(), weight.options().requires_grad(false));
    }
    double loss = 0;
    for (int64_t first = 0, n = block_rows(vocabulary); first < rows; first += n) {
      n = std::min(n, rows - first);
      const at::Tensor h = hidden.narrow(0, first, n);
      at::Tensor logits = at::mm(h, weight.t());
      const int64_t lanes = lane_count(n);
      std::vector<double> parts(static_cast<size_t>(lanes), 0.0);
      run_lanes(n, [&](int64_t lane, int64_t a, int64_t b) {
        parts[static_cast<size_t>(lane)] = kernels::cross_entropy_rows(
            writable(logits) + a * vocabulary, labels.const_data_ptr<int64_t>() + first + a, b - a,
            vocabulary, scale);
      });
      for (const double part : parts) loss += part;
      if (!gradients) continue;
      at::Tensor block = dhidden.narrow(0, first, n);
      at::mm_out(block, logits, weight);
      dweight.addmm_(logits.t(), h);
    }
    if (gradients) context->save_for_backward({dhidden, dweight});
    return at::scalar_tensor(loss / static_cast<double>(rows), hidden.options().requires_grad(false));
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const double factor = gradients[0].item<double>();
    if (factor == 1) return {saved[0], saved[1], at::Tensor(), at::Tensor()};
    return {saved[0] * factor, saved[1] * factor, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return RmsNorm::apply(x, weight, eps);
}

at::Tensor norm_rotate(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& cos,
                       const at::Tensor& sin, int64_t heads, double eps) {
  return NormRotate::apply(x, weight.defined() ? std::optional(weight) : std::nullopt, cos, sin, heads, eps);
}

at::Tensor swiglu(const at::Tensor& a, const at::Tensor& b) { return SwiGlu::apply(a, b); }

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const int64_t batch = q.size(0), heads = q.size(1), positions = q.size(2), width = q.size(3);
  const int64_t kv = k.size(1), group = heads / kv;
  // A group of query heads becomes the heads of one sample that has a single key/value head, seen `group`
  // times.
  const auto shared = [&](const at::Tensor& x) {
    return x.contiguous()
        .view({batch * kv, 1, positions, width})
        .expand({batch * kv, group, positions, width});
  };
  const at::Tensor y = std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(
      q.contiguous().view({batch * kv, group, positions, width}), shared(k), shared(v), 0.0,
      /*is_causal=*/true));
  return y.view({batch, kv, group, positions, width})
      .permute({0, 3, 1, 2, 4})
      .reshape({batch, positions, heads * width});
}

at::Tensor cross_entropy(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& labels) {
  const bool gradients = at::GradMode::is_enabled() && (hidden.requires_grad() || weight.requires_grad());
  return CrossEntropy::apply(hidden, weight, labels, gradients);
}

}  // namespace windtunnel::tokenizers::ops
