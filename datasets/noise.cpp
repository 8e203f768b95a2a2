#include "datasets/noise.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::datasets {
namespace {

/// Normals by the ziggurat method with 128 layers (Marsaglia and Tsang 2000, in Doornik's form of 2005): one
/// 32-bit draw per number in 99 of 100 cases, 7 bits for the layer and 25 for the value.
class Ziggurat {
 public:
  Ziggurat() {
    double f = std::exp(-0.5 * kTail * kTail);
    edge_[0] = kArea / f;
    edge_[1] = kTail;
    for (int i = 2; i < kLayers; ++i) {
      edge_[i] = std::sqrt(-2 * std::log(kArea / edge_[i - 1] + f));
      f = std::exp(-0.5 * edge_[i] * edge_[i]);
    }
    edge_[kLayers] = 0;
    for (int i = 0; i < kLayers; ++i) ratio_[i] = edge_[i + 1] / edge_[i];
  }

  double operator()(core::PythonRandom& random) const {
    for (;;) {
      const uint32_t bits = random.next_u32();
      const int layer = static_cast<int>(bits & (kLayers - 1));
      const double u = (static_cast<double>(bits >> 7) + 0.5) * 0x1p-24 - 1;
      if (std::abs(u) < ratio_[layer]) return u * edge_[layer];
      if (layer == 0) return tail(random, u < 0);
      const double x = u * edge_[layer];
      const double high = std::exp(-0.5 * (edge_[layer] * edge_[layer] - x * x));
      const double low = std::exp(-0.5 * (edge_[layer + 1] * edge_[layer + 1] - x * x));
      if (low + random.random() * (high - low) < 1) return x;
    }
  }

 private:
  static constexpr int kLayers = 128;
  static constexpr double kTail = 3.442619855899, kArea = 9.91256303526217e-3;

  static double tail(core::PythonRandom& random, bool negative) {
    double x, y;
    do {
      x = std::log(1 - random.random()) / kTail;
      y = std::log(1 - random.random());
    } while (-2 * y < x * x);
    return negative ? x - kTail : kTail - x;
  }

  double edge_[kLayers + 1], ratio_[kLayers];
};

class StreamDraws : public Draws {
 public:
  explicit StreamDraws(uint64_t seed) : random_(seed) {}
  double uniform() override { return random_.random(); }
  void normal(float* out, int64_t count) override {
    static const Ziggurat ziggurat;
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(ziggurat(random_));
  }

 private:
  core::PythonRandom random_;
};

/// Poisson variate: multiplication of uniforms for small rates, transformed rejection (Hörmann 1993, PTRS)
/// otherwise.
double poisson(double rate, Draws& draws) {
  if (rate < 10) {
    const double limit = std::exp(-rate);
    double product = draws.uniform();
    int64_t count = 0;
    while (product > limit) {
      product *= draws.uniform();
      ++count;
    }
    return static_cast<double>(count);
  }
  const double b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = draws.uniform() - 0.5, v = draws.uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= k * std::log(rate) - rate - std::lgamma(k + 1))
      return k;
  }
}

void add_gaussian(float scale, Draws& draws, float* z, int64_t count) {
  thread_local std::vector<float> g;
  g.resize(static_cast<size_t>(count));
  draws.normal(g.data(), count);
  for (int64_t i = 0; i < count; ++i) z[i] = z[i] + (z[i] * g[static_cast<size_t>(i)]) * scale;
}

void add_poisson(float scale, Draws& draws, float* z, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (z[i] < 0)
      throw data_error("poisson noise on a value of " + core::number(z[i]), "values of at least 0",
                       "use gaussian noise for signed fields");
    z[i] = z[i] + static_cast<float>(poisson(z[i], draws)) * scale;
  }
}

/// Points of the blur kernel, normalised: exp(-l^2 / (2 sigma^2)) at k points equally spaced from -(k/2) to
/// k/2.
std::vector<double> kernel(int64_t k, double sigma) {
  std::vector<double> q(static_cast<size_t>(k), 1);
  const auto half = static_cast<double>(k / 2);
  double sum = 0;
  for (size_t i = 0; i < q.size(); ++i) {
    const double l = k == 1 ? 0 : -half + 2 * half * static_cast<double>(i) / static_cast<double>(k - 1);
    q[i] = std::exp(-0.5 * l * l / (sigma * sigma));
    sum += q[i];
  }
  for (auto& value : q) value /= sum;
  return q;
}

void blur(const NoiseOptions& options, float* z, int64_t frames, int64_t height, int64_t width,
          int64_t channels) {
  const std::vector<double> q = kernel(options.optical_kernel, options.optical_sigma);
  const auto k = static_cast<int64_t>(q.size());
  std::vector<double> rows(static_cast<size_t>(height * width));
  for (int64_t t = 0; t < frames; ++t)
    for (int64_t c = 0; c < channels; ++c) {
      float* plane = z + t * height * width * channels + c;
      for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x) {
          double sum = 0;
          for (int64_t j = 0; j < k; ++j)
            sum += q[static_cast<size_t>(j)] *
                   plane[(y * width + std::clamp<int64_t>(x + j - k / 2, 0, width - 1)) * channels];
          rows[static_cast<size_t>(y * width + x)] = sum;
        }
      for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x) {
          double sum = 0;
          for (int64_t j = 0; j < k; ++j)
            sum += q[static_cast<size_t>(j)] *
                   rows[static_cast<size_t>(std::clamp<int64_t>(y + j - k / 2, 0, height - 1) * width + x)];
          plane[(y * width + x) * channels] = static_cast<float>(sum);
        }
    }
}

}  // namespace

std::unique_ptr<Draws> stream_draws(uint64_t seed) { return std::make_unique<StreamDraws>(seed); }

void check_noise(const NoiseOptions& options) {
  const std::vector<std::string> types = {"gaussian", "poisson", "optical"};
  if (std::find(types.begin(), types.end(), options.type) == types.end())
    throw usage_error("unknown noise type '" + options.type + "'", core::join(types, ", "),
                      core::suggestion(options.type, types));
  if (!(options.scale >= 0) || !std::isfinite(options.scale))
    throw usage_error("noise scale is " + core::number(options.scale), "a number of at least 0");
  if (options.optical_kernel < 1 || !(options.optical_sigma > 0))
    throw usage_error("optical blur of " + std::to_string(options.optical_kernel) + " points, sigma " +
                          core::number(options.optical_sigma),
                      "at least one point and a positive sigma");
}

void add_noise(const NoiseOptions& options, Draws& draws, float* z, int64_t frames, int64_t height,
               int64_t width, int64_t channels) {
  if (!(options.scale > 0)) return;
  const int64_t count = frames * height * width * channels;
  if (options.type == "gaussian")
    add_gaussian(static_cast<float>(options.scale), draws, z, count);
  else if (options.type == "poisson")
    add_poisson(static_cast<float>(options.scale), draws, z, count);
  else
    blur(options, z, frames, height, width, channels);
}

}  // namespace windtunnel::datasets
