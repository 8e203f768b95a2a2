#include "tokenizers/transformer/sampling.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace windtunnel::tokenizers {
namespace {

constexpr size_t kClasses = 512;
constexpr double kClassesPerUnit = 16;  // the last class also takes everything below exp(-32) of the largest

/// exp((x - max)/T), not normalised.
std::vector<float> exponentials(std::span<const float> logits, double temperature) {
  const float top = *std::max_element(logits.begin(), logits.end());
  const auto scale = static_cast<float>(1 / temperature);
  std::vector<float> e(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) e[i] = std::exp((logits[i] - top) * scale);
  return e;
}

double total(std::span<const float> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// Falling order of values; equal ones stay in vocabulary order.
void sort_falling(std::vector<size_t>& order, std::span<const float> values) {
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] > values[b]; });
}

std::vector<size_t> all_indices(size_t n) {
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

/// Clears the entries of `order` (falling) whose preceding sum, starting with `before`, exceeds `limit`.
void clear_after(std::vector<float>& e, const std::vector<size_t>& order, double before, double limit) {
  for (const size_t i : order) {
    const double value = e[i];
    if (before > limit) e[i] = 0;
    before += value;
  }
}

void cut_by_sorting(std::vector<float>& e, double top_p) {
  std::vector<size_t> order = all_indices(e.size());
  sort_falling(order, e);
  clear_after(e, order, 0, top_p * total(e));
}

void cut_by_classes(std::vector<float>& e, std::span<const float> logits, double temperature, double top_p) {
  const float top = *std::max_element(logits.begin(), logits.end());
  const auto scale = static_cast<float>(kClassesPerUnit / temperature);
  const auto class_of = [&](size_t i) {  // falls with the logit, so classes are in falling order
    return std::min(kClasses - 1, static_cast<size_t>(std::min((top - logits[i]) * scale, 1e6f)));
  };
  std::array<double, kClasses> mass{};
  for (size_t i = 0; i < e.size(); ++i) mass[class_of(i)] += e[i];
  const double limit = top_p * std::accumulate(mass.begin(), mass.end(), 0.0);
  double before = 0;
  size_t cut = 0;
  while (cut + 1 < kClasses && before + mass[cut] <= limit) before += mass[cut++];
  std::vector<size_t> order;
  for (size_t i = 0; i < e.size(); ++i) {
    const size_t c = class_of(i);
    if (c > cut) e[i] = 0;
    if (c == cut) order.push_back(i);
  }
  sort_falling(order, e);
  clear_after(e, order, before, limit);
}

void cut_below_kth(std::vector<float>& e, std::span<const float> logits, int64_t k) {
  std::vector<float> sorted(logits.begin(), logits.end());
  const auto kth = sorted.begin() + std::min<int64_t>(k, static_cast<int64_t>(sorted.size())) - 1;
  std::nth_element(sorted.begin(), kth, sorted.end(), std::greater<>());
  for (size_t i = 0; i < e.size(); ++i)
    if (logits[i] < *kth) e[i] = 0;
}

void cut_below_kth_by_sorting(std::vector<float>& e, std::span<const float> logits, int64_t k) {
  std::vector<float> sorted(logits.begin(), logits.end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const float kth = sorted[std::min(static_cast<size_t>(k), sorted.size()) - 1];
  for (size_t i = 0; i < e.size(); ++i)
    if (logits[i] < kth) e[i] = 0;
}

void check_logits(std::span<const float> logits) {
  for (const float x : logits)
    if (!std::isfinite(x))
      throw model_error("the token transformer produced a logit that is not finite", "finite logits",
                        "the weights may come from a run that diverged");
}

}  // namespace

void SamplingOptions::describe(core::OptionVisitor& v) {
  v("temperature", temperature, "divides the logits; 0 = always the most probable token", {0, 1000});
  v("top_p", top_p, "keep the most probable tokens up to this sum; 0 = off", {0, 1});
  v("top_k", top_k, "keep the k most probable tokens; 0 = off", core::kNotNegative);
  v("seed", seed, "of the drawn tokens", core::kNotNegative);
}

void SamplingOptions::check() const {
  if (top_p > 0 && top_k > 0)
    throw usage_error("sampling with top_p and top_k at once", "at most one of them", "set one to 0");
}

int64_t largest(std::span<const float> logits) {
  check_logits(logits);
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

std::vector<float> kept_probabilities(std::span<const float> logits, const SamplingOptions& o,
                                      bool reference) {
  o.check();
  check_logits(logits);
  if (o.temperature == 0) {
    std::vector<float> only(logits.size(), 0.0f);
    only[static_cast<size_t>(largest(logits))] = 1;
    return only;
  }
  std::vector<float> e = exponentials(logits, o.temperature);
  if (o.top_p > 0 && o.top_p < 1)
    reference ? cut_by_sorting(e, o.top_p) : cut_by_classes(e, logits, o.temperature, o.top_p);
  if (o.top_k > 0)
    reference ? cut_below_kth_by_sorting(e, logits, o.top_k) : cut_below_kth(e, logits, o.top_k);
  const double sum = total(e);
  for (float& value : e) value = static_cast<float>(value / sum);
  return e;
}

int64_t draw_with_noise(std::span<const float> p, std::span<const float> noise, bool falling_order) {
  if (p.size() != noise.size())
    throw data_error(
        std::to_string(noise.size()) + " noise values for " + std::to_string(p.size()) + " tokens",
        "one per token");
  std::vector<size_t> order = all_indices(p.size());
  if (falling_order) sort_falling(order, p);
  size_t best = order[0];
  float highest = -1;
  for (size_t i = 0; i < order.size(); ++i)
    if (const float value = p[order[i]] / noise[i]; value > highest) {
      highest = value;
      best = order[i];
    }
  return static_cast<int64_t>(best);
}

Sampler::Sampler(const SamplingOptions& options, uint64_t stream)
    : options_(options), random_(static_cast<uint64_t>(options.seed) * 0x9E3779B97F4A7C15ULL + stream) {
  options.check();
}

int64_t Sampler::operator()(std::span<const float> logits) {
  if (options_.temperature == 0) return largest(logits);
  const std::vector<float> p = kept_probabilities(logits, options_);
  double rest = random_.random() * total(p);
  size_t last = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] == 0) continue;
    last = i;
    rest -= p[i];
    if (rest < 0) break;
  }
  return static_cast<int64_t>(last);
}

}  // namespace windtunnel::tokenizers
