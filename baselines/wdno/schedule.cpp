#include "baselines/wdno/schedule.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

namespace windtunnel::baselines::wdno {

namespace {

std::vector<double> from_cumulative(int64_t steps, const std::function<double(double)>& alpha_bar) {
  std::vector<double> levels, result;
  for (int64_t i = 0; i <= steps; ++i)
    levels.push_back(alpha_bar(static_cast<double>(i) / static_cast<double>(steps)));
  const double first = levels[0];
  for (double& level : levels) level /= first;
  for (size_t t = 0; t + 1 < levels.size(); ++t)
    result.push_back(std::clamp(1 - levels[t + 1] / levels[t], 0.0, 0.999));
  return result;
}

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

const std::vector<std::string>& beta_schedules() {
  static const std::vector<std::string> names = {"sigmoid", "cosine", "linear"};
  return names;
}

std::vector<double> betas(const std::string& schedule, int64_t steps) {
  if (schedule == "sigmoid") {
    const auto low = static_cast<float>(logistic(-3)), high = static_cast<float>(logistic(3));
    return from_cumulative(steps, [=](double u) { return (-logistic(6 * u - 3) + high) / (high - low); });
  }
  if (schedule == "cosine")
    return from_cumulative(steps, [](double u) {
      const double c = std::cos((u + 0.008) / 1.008 * std::numbers::pi * 0.5);
      return c * c;
    });
  const double scale = 1000.0 / static_cast<double>(steps), first = scale * 1e-4, last = scale * 0.02;
  std::vector<double> result;
  for (int64_t t = 0; t < steps; ++t)
    result.push_back(steps == 1
                         ? first
                         : first + (last - first) * static_cast<double>(t) / static_cast<double>(steps - 1));
  return result;
}

std::vector<std::pair<std::string, std::vector<float>>> schedule_buffers(const std::vector<double>& betas) {
  std::vector<std::pair<std::string, std::vector<float>>> buffers;
  for (const char* name : {"betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod",
                           "sqrt_one_minus_alphas_cumprod", "log_one_minus_alphas_cumprod",
                           "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "posterior_variance",
                           "posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2"})
    buffers.emplace_back(name, std::vector<float>());
  double previous = 1;
  for (const double beta : betas) {
    const double alpha = 1 - beta, level = previous * alpha, variance = beta * (1 - previous) / (1 - level);
    const double values[] = {beta,
                             level,
                             previous,
                             std::sqrt(level),
                             std::sqrt(1 - level),
                             std::log(1 - level),
                             std::sqrt(1 / level),
                             std::sqrt(1 / level - 1),
                             variance,
                             std::log(std::max(variance, 1e-20)),
                             beta * std::sqrt(previous) / (1 - level),
                             (1 - previous) * std::sqrt(alpha) / (1 - level)};
    for (size_t i = 0; i < buffers.size(); ++i) buffers[i].second.push_back(static_cast<float>(values[i]));
    previous = level;
  }
  return buffers;
}

std::vector<int64_t> ddim_times(int64_t steps, int64_t samples) {
  const auto step = static_cast<float>(static_cast<double>(steps) / static_cast<double>(samples));
  const int64_t points = samples + 1;
  std::vector<int64_t> times;
  for (int64_t i = points - 1; i >= 0; --i) {
    const float value = i < points / 2
                            ? -1.0f + static_cast<float>(i) * step
                            : static_cast<float>(steps - 1) - static_cast<float>(points - 1 - i) * step;
    times.push_back(static_cast<int64_t>(value));
  }
  return times;
}

}  // namespace windtunnel::baselines::wdno
