#include "runners/flops.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_irfft.h>
#include <ATen/ops/fft_rfft.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/sin.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "core/json.h"
#include "core/operations.h"
#include "results/record.h"
#include "tests/runners/program.h"

namespace windtunnel::runners {
namespace {

at::Tensor random(at::IntArrayRef shape, at::ScalarType type = at::kFloat) { return at::randn(shape, type); }

TEST(Operations, ProductsByHand) {
  const auto a = random({3, 4}), b = random({4, 5});
  EXPECT_EQ(count_operations([&] { at::matmul(a, b); }), 2 * 3 * 4 * 5);
  EXPECT_EQ(count_operations([&] { at::matmul(a, random({4})); }), 2 * 3 * 4);
  EXPECT_EQ(count_operations([&] { at::bmm(random({7, 3, 4}), random({7, 4, 5})); }), 7 * 2 * 3 * 4 * 5);
  EXPECT_EQ(count_operations([&] {
              at::linear(random({2, 6, 4}), random({5, 4}), random({5}));
            }),
            2 * 12 * 4 * 5);
  const auto c = random({3, 4}, at::kComplexFloat), d = random({4, 5}, at::kComplexFloat);
  EXPECT_EQ(count_operations([&] { at::matmul(c, d); }), 4 * 2 * 3 * 4 * 5);
  EXPECT_EQ(count_operations([&] { at::sin(a); }), 0);
}

TEST(Operations, ConvolutionsByHand) {
  // Output 5 x 6 with padding 1; stride 2 gives 3 x 3.
  const auto x = random({2, 4, 5, 6}), w = random({8, 4, 3, 3});
  EXPECT_EQ(count_operations([&] { at::conv2d(x, w, {}, 1, 1); }), 2 * (2 * 8 * 30) * (4 * 9));
  EXPECT_EQ(count_operations([&] { at::conv2d(x, w, {}, 2, 1); }), 2 * (2 * 8 * 9) * (4 * 9));
  EXPECT_EQ(count_operations([&] {
              at::conv2d(x, random({8, 2, 3, 3}), {}, 1, 1, 1, /*groups=*/2);
            }),
            2 * (2 * 8 * 30) * (2 * 9));
  EXPECT_EQ(count_operations([&] {
              at::conv_transpose2d(x, random({4, 8, 2, 2}), {}, 2);
            }),
            2 * (2 * 4 * 30) * (8 * 4));
  EXPECT_EQ(count_operations([&] {
              at::conv3d(random({1, 2, 3, 4, 5}), random({6, 2, 3, 3, 3}), {}, 1, 1);
            }),
            2 * (6 * 60) * (2 * 27));
}

TEST(Operations, TransformsAttentionAndOwnKernels) {
  // 3 transforms of 16 points: 5 n log2 n = 320 each; half with a real side.
  EXPECT_EQ(count_operations([] { at::fft_rfft(random({3, 16})); }), 3 * 160);
  const auto spectrum = at::fft_rfft(random({3, 16}));
  EXPECT_EQ(count_operations([&] { at::fft_irfft(spectrum); }), 3 * 160);
  EXPECT_EQ(count_operations([] { at::fft_fft2(random({3, 4, 8}, at::kComplexFloat)); }), 3 * 5 * 32 * 5);
  const auto q = random({2, 4, 6, 8}), k = random({2, 4, 10, 8});
  EXPECT_EQ(count_operations([&] { at::scaled_dot_product_attention(q, k, k); }), 4 * (2 * 4 * 6 * 8) * 10);
  EXPECT_EQ(count_operations([] { core::add_operations(7); }), 7);
}

TEST(Latency, PercentilesOfSingleSamples) {
  EXPECT_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_EQ(quantile({1, 2, 3, 4, 5}, 0.95), 4.8);
  EXPECT_EQ(quantile({}, 0.5), 0);
  int64_t calls = 0;
  const tasks::Predictor slow = [&](const core::Array& x) {
    EXPECT_EQ(x.shape, (core::Shape{1, 2, 1, 1, 1}));
    ++calls;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return x;
  };
  const std::vector<core::Array> inputs(12, core::Array({2, 1, 1, 1}));
  const Latency all = measure_latency(slow, inputs);
  EXPECT_EQ(all.samples, 12);
  EXPECT_EQ(calls, 12 + kLatencyWarmUp);
  EXPECT_GE(all.p50_ms, 5);
  EXPECT_GE(all.p95_ms, all.p50_ms);
  EXPECT_EQ(measure_latency(slow, inputs, /*budget=*/0).samples, 3);
}

TEST(Cost, OfARunIsInItsRecord) {
  const auto out = testing::scratch() / "cost";
  const auto run = testing::windtunnel(
      "run --quiet --scenario cylinder --baseline fno --preset tiny --setting real --updates 2 --data " +
      testing::tiny_data().string() + " --out " + out.string());
  ASSERT_EQ(run.exit_code, 0) << run.output;
  const core::Json inference = results::read_record(out / "record.json")["inference"];
  EXPECT_GT(inference["flops_per_sample"].get<double>(), 1e5);
  EXPECT_GT(inference["measured"]["ms_per_sample_p50"].get<double>(), 0);
  EXPECT_GE(inference["measured"]["ms_per_sample_p95"].get<double>(),
            inference["measured"]["ms_per_sample_p50"].get<double>());
  EXPECT_GE(inference["measured"]["latency_samples"].get<int64_t>(), 3);
}

}  // namespace
}  // namespace windtunnel::runners
