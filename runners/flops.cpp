#include "runners/flops.h"

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <string>
#include <unordered_map>

#include "core/operations.h"

namespace windtunnel::runners {
namespace {

using Inputs = c10::ArrayRef<const c10::IValue>;

std::atomic<int64_t> counted{0};

/// Real multiplications and additions per multiplication and addition of this type.
int64_t weight(const at::Tensor& x) { return x.is_complex() ? 4 : 1; }

/// a (..,m,k) and b (..,k,n), or vectors.
int64_t product(const at::Tensor& a, const at::Tensor& b) {
  const int64_t columns = b.dim() >= 2 ? b.size(-1) : 1;
  return 2 * weight(a) * a.numel() * columns;
}

int64_t convolution(Inputs in) {
  const at::Tensor x = in[0].toTensor(), kernel = in[1].toTensor();
  const auto stride = in[3].toIntVector(), padding = in[4].toIntVector(), dilation = in[5].toIntVector();
  const bool transposed = in[6].toBool();
  const int64_t per_value = kernel.numel() / kernel.size(0);  // C/groups times points of the kernel
  if (transposed) return 2 * weight(x) * x.numel() * per_value;
  int64_t values = x.size(0) * kernel.size(0);
  for (int64_t a = 2; a < x.dim(); ++a) {
    const auto i = static_cast<size_t>(a - 2);
    const auto at = [i](const std::vector<int64_t>& list) { return list[std::min(i, list.size() - 1)]; };
    values *= (x.size(a) + 2 * at(padding) - at(dilation) * (kernel.size(a) - 1) - 1) / at(stride) + 1;
  }
  return 2 * weight(x) * values * per_value;
}

/// q (B,heads,L,width), k (B,heads,S,width).
int64_t attention(Inputs in) {
  const at::Tensor q = in[0].toTensor(), k = in[1].toTensor();
  return 4 * q.numel() * k.size(-2);
}

/// `values`: numbers on the longer side of all transforms together; `length`: points of one transform.
int64_t transform(int64_t values, int64_t length, bool real) {
  if (length < 2) return 0;
  return std::llround((real ? 2.5 : 5.0) * static_cast<double>(values) *
                      std::log2(static_cast<double>(length)));
}

int64_t points(const at::Tensor& x, const std::vector<int64_t>& axes) {
  int64_t n = 1;
  for (const int64_t axis : axes) n *= x.size(axis);
  return n;
}

int64_t to_real(Inputs in) {
  const at::Tensor x = in[0].toTensor();
  const auto axes = in[1].toIntVector();
  const int64_t last = in[3].toInt(), stored = x.size(axes.back());
  return transform(x.numel() / stored * last, points(x, axes) / stored * last, true);
}

using Counter = int64_t (*)(Inputs);

/// The calls in which work happens; what is made of them (matmul, linear, einsum, conv3d ...) is not listed.
const std::unordered_map<std::string, Counter>& counters() {
  static const Counter two = [](Inputs in) { return product(in[0].toTensor(), in[1].toTensor()); };
  static const Counter after_sum = [](Inputs in) { return product(in[1].toTensor(), in[2].toTensor()); };
  static const Counter whole = [](Inputs in) {
    const at::Tensor x = in[0].toTensor();
    return transform(x.numel(), points(x, in[1].toIntVector()), false);
  };
  static const Counter from_real = [](Inputs in) {
    const at::Tensor x = in[0].toTensor();
    return transform(x.numel(), points(x, in[1].toIntVector()), true);
  };
  static const std::unordered_map<std::string, Counter> map = {
      {"aten::mm", two},
      {"aten::bmm", two},
      {"aten::dot", two},
      {"aten::vdot", two},
      {"aten::addmm", after_sum},
      {"aten::addmm_", after_sum},
      {"aten::_addmm_activation", after_sum},
      {"aten::addbmm", after_sum},
      {"aten::baddbmm", after_sum},
      {"aten::baddbmm_", after_sum},
      {"aten::addmv", after_sum},
      {"aten::addmv_", after_sum},
      {"aten::convolution", convolution},
      {"aten::_scaled_dot_product_flash_attention_for_cpu", attention},
      {"aten::_fft_c2c", whole},
      {"aten::_fft_r2c", from_real},
      {"aten::_fft_c2r", to_real}};
  return map;
}

std::unique_ptr<at::ObserverContext> observe(const at::RecordFunction& call) {
  const auto it = counters().find(call.name());
  if (it != counters().end()) counted.fetch_add(it->second(call.inputs()), std::memory_order_relaxed);
  return nullptr;
}

}  // namespace

int64_t count_operations(const std::function<void()>& work) {
  counted = 0;
  const int64_t before = core::operations();
  struct Watch {
    at::CallbackHandle handle = at::addGlobalCallback(
        at::RecordFunctionCallback(observe).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
    ~Watch() { at::removeCallback(handle); }
  } const watch;
  work();
  return counted + core::operations() - before;
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

Latency measure_latency(const tasks::Predictor& predict, const std::vector<core::Array>& inputs,
                        double budget) {
  constexpr size_t kAtLeast = 3;
  using Clock = std::chrono::steady_clock;
  std::vector<double> milliseconds;
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const auto alone = [](core::Array sample) {
    sample.shape.insert(sample.shape.begin(), 1);
    return sample;
  };
  if (inputs.empty()) return {};
  for (int64_t i = 0; i < kLatencyWarmUp; ++i) predict(alone(inputs[0]));
  const auto begin = Clock::now();
  for (const auto& input : inputs) {
    if (milliseconds.size() >= kAtLeast && seconds_since(begin) > budget) break;
    const core::Array sample = alone(input);
    const auto start = Clock::now();
    predict(sample);
    milliseconds.push_back(seconds_since(start) * 1e3);
  }
  return {static_cast<int64_t>(milliseconds.size()), quantile(milliseconds, 0.5),
          quantile(milliseconds, 0.95)};
}

}  // namespace windtunnel::runners
