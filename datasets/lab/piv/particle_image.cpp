#include "datasets/lab/piv/particle_image.h"

#include <algorithm>
#include <cmath>

#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab::piv {
namespace {

constexpr int kProfileSteps = 64;  ///< table entries per px
constexpr float kShadow = 0.25f;

/// Quantiles of the standard normal at (i + 1/2) / 4096 by bisection of the error function's table.
const std::vector<float>& normal_quantiles() {
  static const std::vector<float> table = [] {
    constexpr int n = 4096;
    std::vector<float> t(n);
    for (int i = n / 2; i < n; ++i) {
      const double target = 2 * (i + 0.5) / n - 1;
      double low = 0, high = 5;
      for (int k = 0; k < 40; ++k) {
        const double middle = (low + high) / 2;
        (error_function(middle / std::sqrt(2.0)) < target ? low : high) = middle;
      }
      t[i] = static_cast<float>(low);
      t[n - 1 - i] = -t[i];
    }
    return t;
  }();
  return table;
}

}  // namespace

uint64_t BenchRandom::bits() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

float BenchRandom::normal() {
  static const float* table = normal_quantiles().data();
  if (left_ == 0) {
    pool_ = bits();
    left_ = 5;
  }
  const float value = table[pool_ & 4095];
  pool_ >>= 12;
  --left_;
  return value;
}

ParticleImages::ParticleImages(const BenchOptions& options, int height, int width)
    : options_(options),
      image_height_(height * options.vector_spacing + 2 * options.margin),
      image_width_(width * options.vector_spacing + 2 * options.margin) {
  const double reach = 4 * options.particle_sigma;
  const int n = static_cast<int>(std::ceil(2 * (reach + 1) * kProfileSteps)) + 2;
  for (int i = 0; i < n; ++i) {
    const double x = std::clamp(static_cast<double>(i) / kProfileSteps - (reach + 1), -reach, reach);
    profile_.push_back(
        static_cast<float>(0.5 * error_function(x / (options.particle_sigma * std::sqrt(2.0)))));
  }
}

void ParticleImages::find_shadow(const Picture& picture) {
  light_.resize(picture.u.size());
  for (int c = 0; c < picture.width; ++c) {
    float light = 1;
    for (int r = 0; r < picture.height; ++r) {
      const size_t k = static_cast<size_t>(r) * picture.width + c;
      if (picture.distance[k] <= 0) light = kShadow;
      light_[k] = light;
    }
  }
}

ParticleImages::Local ParticleImages::at(const Picture& picture, const std::vector<float>& across, double x,
                                         double y) const {
  // Vector k stands in the middle of its eight pixels.
  const auto to_point = [&](double pixel) {
    const double vector =
        (pixel - options_.margin - 0.5 * (options_.vector_spacing - 1)) / options_.vector_spacing;
    return (vector + 0.5 + picture.margin) * picture.refine - 0.5;
  };
  const double px = std::clamp(to_point(x), 0.0, picture.width - 1.001);
  const double py = std::clamp(to_point(y), 0.0, picture.height - 1.001);
  const int i = static_cast<int>(px), j = static_cast<int>(py);
  const auto a = static_cast<float>(px - i), b = static_cast<float>(py - j);
  const size_t k = static_cast<size_t>(j) * picture.width + i;
  const auto value = [&](const std::vector<float>& f) {
    return (1 - b) * ((1 - a) * f[k] + a * f[k + 1]) +
           b * ((1 - a) * f[k + picture.width] + a * f[k + picture.width + 1]);
  };
  return {value(picture.u), value(picture.v), value(picture.distance), value(light_),
          across.empty() ? 0.0f : value(across)};
}

void ParticleImages::draw(GreyImage& image, double x, double y, double energy) const {
  const double reach = 4 * options_.particle_sigma;
  const int x0 = static_cast<int>(std::ceil(x - reach - 0.5)),
            x1 = static_cast<int>(std::floor(x + reach + 0.5));
  const int y0 = static_cast<int>(std::ceil(y - reach - 0.5)),
            y1 = static_cast<int>(std::floor(y + reach + 0.5));
  const auto integral = [&](double distance) {  // of the profile up to `distance` from the centre
    const double at = (std::clamp(distance, -reach - 1, reach + 1) + reach + 1) * kProfileSteps;
    const int i = static_cast<int>(at);
    const auto part = static_cast<float>(at - i);
    return profile_[i] + part * (profile_[i + 1] - profile_[i]);
  };
  float across[16];
  const int count = std::min(16, x1 - x0 + 1);
  for (int i = 0; i < count; ++i)
    across[i] = static_cast<float>(energy) * (integral(x0 + i + 0.5 - x) - integral(x0 + i - 0.5 - x));
  for (int r = std::max(0, y0); r <= std::min(image.height - 1, y1); ++r) {
    const float along = integral(r + 0.5 - y) - integral(r - 0.5 - y);
    float* row = image.value.data() + static_cast<size_t>(r) * image.width;
    for (int i = std::max(0, -x0); i < std::min(count, image.width - x0); ++i)
      row[x0 + i] += along * across[i];
  }
}

void ParticleImages::expose(GreyImage& image, BenchRandom& random) const {
  const auto background = static_cast<float>(options_.background);
  const auto noise = static_cast<float>(options_.read_noise * options_.read_noise);
  for (auto& e : image.value)
    e = std::clamp(std::floor(background + e + std::sqrt(0.5f * e + noise) * random.normal() + 0.5f), 0.0f,
                   255.0f);
}

void ParticleImages::record(const Picture& picture, const std::vector<float>& across, BenchRandom& random,
                            GreyImage& a, GreyImage& b) {
  find_shadow(picture);
  for (auto* image : {&a, &b}) {
    image->height = image_height_;
    image->width = image_width_;
    image->value.assign(static_cast<size_t>(image_height_) * image_width_, 0.0f);
  }
  const double s = options_.particle_sigma, full = options_.peak * 2 * kPi * s * s,
               move = options_.displacement;
  const auto count = static_cast<int64_t>(options_.density * image_height_ * image_width_);
  for (int64_t n = 0; n < count; ++n) {
    const double x = random.uniform() * image_width_ - 0.5, y = random.uniform() * image_height_ - 0.5;
    const double z = 2 * random.uniform() - 1;
    const float jitter = random.normal();
    const Local here = at(picture, across, x, y);
    const double depth_step = jitter * (options_.depth_jitter + move * here.across / options_.half_thickness);
    for (const int sign : {-1, 1}) {
      // Midpoint rule over half the time between the images.
      const Local middle = at(picture, across, x + sign * move * here.u / 4, y + sign * move * here.v / 4);
      const double px = x + sign * move * middle.u / 2, py = y + sign * move * middle.v / 2;
      const Local there = at(picture, across, px, py);
      if (there.distance <= 0) continue;
      const double depth = z + sign * depth_step / 2, across_sheet = (px + 0.5) / image_width_ - 0.5;
      const double light = there.light * exp_of(-2 * depth * depth - 1.2 * across_sheet * across_sheet);
      draw(sign < 0 ? a : b, px, py, full * light);
    }
  }
  expose(a, random);
  expose(b, random);
}

}  // namespace windtunnel::datasets::lab::piv
