#include "baselines/relu_dropout.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/relu.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "baselines/clones.h"
#include "baselines/trace.h"

namespace windtunnel::baselines {
namespace {

constexpr int64_t kBlock = 4096;  // entries with one seed

uint64_t splitmix(uint64_t z) {
  z += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

/// Entries i = 0..n-1 of a block; kept if a 32-bit hash of i and `seed` reaches `threshold`. The hash is
/// "lowbias32" of C. Wellons, Prospecting for Hash Functions, 2018.
WINDTUNNEL_CLONES void forward_block(float* x, int64_t n, uint32_t seed, uint32_t threshold, float scale) {
  for (int64_t i = 0; i < n; ++i) {
    uint32_t h = static_cast<uint32_t>(i) * 0x9E3779B9u + seed;
    h = (h ^ h >> 16) * 0x7FEB352Du;
    h = (h ^ h >> 15) * 0x846CA68Bu;
    h ^= h >> 16;
    const float value = x[i] * scale;
    x[i] = h < threshold || value <= 0 ? 0.0f : value;  // not a number stays
  }
}

WINDTUNNEL_CLONES void backward_block(const float* y, const float* gradient, float* result, int64_t n,
                                      float scale) {
  for (int64_t i = 0; i < n; ++i) result[i] = y[i] <= 0 ? 0.0f : gradient[i] * scale;
}

template <class Body>
void for_blocks(int64_t count, const Body& body) {
  at::parallel_for(0, (count + kBlock - 1) / kBlock, 16, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block)
      body(block, block * kBlock, std::min(kBlock, count - block * kBlock));
  });
}

class ReluDropout : public torch::autograd::Function<ReluDropout> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, double p) {
    uint64_t seed;
    {
      auto generator = at::detail::getDefaultCPUGenerator();
      const std::lock_guard<std::mutex> lock(generator.mutex());
      seed = at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
    }
    const at::Tensor y = x.detach();
    float* values = y.mutable_data_ptr<float>();
    const auto threshold = static_cast<uint32_t>(std::llround(p * 0x1p32));
    const auto scale = static_cast<float>(1 / (1 - p));
    for_blocks(y.numel(), [&](int64_t block, int64_t at, int64_t n) {
      forward_block(values + at, n, static_cast<uint32_t>(splitmix(seed + static_cast<uint64_t>(block))),
                    threshold, scale);
    });
    context->save_for_backward({y});
    context->saved_data["p"] = p;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const at::Tensor y = context->get_saved_variables()[0], gradient = gradients[0].contiguous();
    const auto scale = static_cast<float>(1 / (1 - context->saved_data["p"].toDouble()));
    at::Tensor result = at::empty_like(y);
    const float *from = y.const_data_ptr<float>(), *g = gradient.const_data_ptr<float>();
    float* to = result.mutable_data_ptr<float>();
    for_blocks(y.numel(),
               [&](int64_t, int64_t at, int64_t n) { backward_block(from + at, g + at, to + at, n, scale); });
    return {result, at::Tensor()};
  }
};

}  // namespace

at::Tensor relu_dropout(at::Tensor x, double p) {
  const bool serves = x.is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous() && !Trace::active();
  if (p > 0 && serves) return ReluDropout::apply(x, p);
  if (Trace::active()) return dropout(at::relu(x), p);
  return dropout(at::relu_(x), p);
}

}  // namespace windtunnel::baselines
