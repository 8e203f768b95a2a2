#include "datasets/lab/light.h"

#include <algorithm>
#include <cmath>

#include "datasets/lab/smoothing.h"

namespace windtunnel::datasets::lab {
namespace {

constexpr int kDepthSamples = 128;
constexpr double kDark = 0.2;  // photons without light

/// Knuth's product of uniforms: exact, and quick for few photons.
int poisson(double mean, NormalStream& random) {
  const double limit = exp_of(-mean);
  int count = 0;
  for (double product = random.uniform(); product > limit; product *= random.uniform()) ++count;
  return count;
}

}  // namespace

void line_of_sight(const std::vector<float>& emission, int height, int width, std::vector<float>& image) {
  image.assign(emission.size(), 0.0f);
  const double axis = 0.5 * height - 0.5, reach = 0.5 * height, step = 2 * reach / kDepthSamples;
  const auto row = [&](int r) { return emission.data() + static_cast<size_t>(r) * width; };
  for (int r = 0; r < height; ++r) {
    const double y = r - axis;
    float* out = image.data() + static_cast<size_t>(r) * width;
    // Both halves of the depth look alike.
    for (int s = 0; s < kDepthSamples / 2; ++s) {
      const double z = (s + 0.5) * step, radius = std::sqrt(y * y + z * z), cosine = y / radius;
      const double upper = axis + radius, lower = axis - radius;
      if (lower < 0 || upper > height - 1) continue;
      const int i = static_cast<int>(upper), j = static_cast<int>(lower);
      const double a = upper - i, b = lower - j, plus = step * (1 + cosine), minus = step * (1 - cosine);
      const auto w0 = static_cast<float>(plus * (1 - a)), w1 = static_cast<float>(plus * a),
                 w2 = static_cast<float>(minus * (1 - b)), w3 = static_cast<float>(minus * b);
      const float *e0 = row(i), *e1 = row(std::min(i + 1, height - 1)), *e2 = row(j), *e3 = row(j + 1);
      for (int x = 0; x < width; ++x) out[x] += w0 * e0[x] + w1 * e1[x] + w2 * e2[x] + w3 * e3[x];
    }
  }
}

double quantile(std::vector<float> values, double share) {
  if (values.empty()) return 0;
  const auto at =
      values.begin() + std::min<int64_t>(static_cast<int64_t>(values.size()) - 1,
                                         static_cast<int64_t>(share * static_cast<double>(values.size())));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

void IntensifiedCamera::expose(std::vector<float>& image, int height, int width, double bright,
                               NormalStream& random) {
  smooth(image, scratch_, height, width, 1);
  for (int r = 0; r < height; ++r)
    for (int c = 0; c < width; ++c) {
      float& value = image[static_cast<size_t>(r) * width + c];
      const int photons = poisson(kPhotons * value / bright + kDark, random);
      const double signal = photons + std::sqrt(static_cast<double>(photons)) * random.normal();
      const bool seen = c >= 0.15 * width && std::abs(r + 0.5 - 0.5 * height) <= 0.45 * height;
      value = !seen || signal < 2 ? 0 : static_cast<float>(std::min(255.0, std::floor(signal + 0.5)) / 255);
    }
}

}  // namespace windtunnel::datasets::lab
