#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/array.h"
#include "tasks/rollout.h"

namespace windtunnel::runners {

/// Floating-point operations of the products, convolutions, attention and Fourier transforms that `work` has
/// computed, as executed (a model with a faster algorithm has fewer): calls of LibTorch by their shapes, on
/// all threads, plus core::operations().
///   product (m,k) x (k,n)     2 m k n                        complex: four times that
///   convolution               2 * values out * C_in/groups * points of the kernel (transposed: values in,
///                             C_out/groups)
///   attention                 4 * B * heads * L * S * width
///   Fourier transform of n    5 n log2 n, complex to complex; half of it with a real side
/// Element-wise work and decompositions are not counted. One call at a time.
int64_t count_operations(const std::function<void()>& work);

/// Elapsed time of forecasts of one sample alone.
struct Latency {
  int64_t samples = 0;            ///< timed; 0: nothing could be timed
  double p50_ms = 0, p95_ms = 0;  ///< of one forecast (one round), linear between order statistics
};

inline constexpr int64_t kLatencyWarmUp = 1;

/// Forecasts inputs (T,H,W,C), each alone, after one pass to warm up: all of them, or as many as `budget`
/// seconds allow, at least three.
Latency measure_latency(const tasks::Predictor& predict, const std::vector<core::Array>& inputs,
                        double budget = 5);

/// Quantile q (0 to 1) of the values, linear between order statistics; 0 without values.
double quantile(std::vector<double> values, double q);

}  // namespace windtunnel::runners
