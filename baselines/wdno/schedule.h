#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace windtunnel::baselines::wdno {

/// sigmoid, cosine, linear.
const std::vector<std::string>& beta_schedules();

/// Noise variances beta_0..beta_{T-1}, in double precision.
///   sigmoid  abar_i = (s(3) - s(6 i/T - 3)) / (s(3) - s(-3)), s the logistic function, its end values in
///   float32 cosine   abar_i = cos^2(pi/2 (i/T + 0.008) / 1.008); both: beta_t = clip(1 - abar_{t+1}/abar_t,
///   0, 0.999) linear   from 0.1/T to 20/T
std::vector<double> betas(const std::string& schedule, int64_t steps);

/// The twelve vectors of length T that the model stores, in file order, rounded to float32 after double
/// arithmetic.
std::vector<std::pair<std::string, std::vector<float>>> schedule_buffers(const std::vector<double>& betas);

/// The K+1 times of the deterministic-schedule sampler, falling from T-1 to -1: linearly spaced in float32,
/// truncated towards zero.
std::vector<int64_t> ddim_times(int64_t steps, int64_t samples);

}  // namespace windtunnel::baselines::wdno
