#include "datasets/lab/turbulence.h"

#include <algorithm>
#include <cmath>

#include "datasets/lab/portable_math.h"
#include "datasets/lab/smoothing.h"

namespace windtunnel::datasets::lab {
namespace {

constexpr double kShortest = 0.12, kLongest = 0.8;  // D
constexpr double kDrift = 0.75;                     // U

}  // namespace

void strain_rate(const Picture& picture, std::vector<float>& strain) {
  const int height = picture.height, width = picture.width;
  const auto scale = static_cast<float>(0.5 / picture.spacing);
  strain.assign(picture.u.size(), 0);
  for (int r = 1; r < height - 1; ++r)
    for (int c = 1; c < width - 1; ++c) {
      const size_t k = static_cast<size_t>(r) * width + c;
      if (picture.distance[k] < picture.spacing) continue;
      const float sxx = scale * (picture.u[k + 1] - picture.u[k - 1]);
      const float syy = scale * (picture.v[k + width] - picture.v[k - width]);
      const float sxy =
          0.5f * scale * (picture.u[k + width] - picture.u[k - width] + picture.v[k + 1] - picture.v[k - 1]);
      strain[k] = std::sqrt(2 * (sxx * sxx + syy * syy + 2 * sxy * sxy));
    }
}

Turbulence::Turbulence(uint64_t seed, int modes) {
  NormalStream random(seed);
  for (int m = 0; m < modes; ++m) {
    Mode mode{};
    mode.amplitude = random.uniform();  // place on the logarithmic axis of wavelengths
    mode.kx = random.uniform();         // direction, turns
    mode.drift = random.normal();
    mode.phase = random.uniform();
    draw_.push_back(mode);
  }
}

void Turbulence::advance(const Picture& picture, double step) {
  const int height = picture.height, width = picture.width;
  const size_t n = picture.u.size();
  if (modes_.empty()) {
    const double shortest = std::max(kShortest, 4 * picture.spacing),
                 longest = std::max(kLongest, 2 * shortest);
    double energy = 0;
    for (const auto& draw : draw_) {
      const double k = 2 * kPi / (shortest * power(longest / shortest, draw.amplitude));
      Mode mode{k * cos_turns(draw.kx), k * sin_turns(draw.kx), power(k, -4.0 / 3), 0.05 * k * draw.drift,
                draw.phase};
      energy +=
          mode.amplitude * mode.amplitude * k * k / 4;  // per component, averaged over phase and direction
      modes_.push_back(mode);
    }
    for (auto& mode : modes_) {
      mode.amplitude /= std::sqrt(energy);
      for (int c = 0; c < width; ++c) {
        const double turns = mode.kx * c * picture.spacing / (2 * kPi);
        cosine_.push_back(static_cast<float>(cos_turns(turns)));
        sine_.push_back(static_cast<float>(sin_turns(turns)));
      }
    }
    q_.assign(n, 0);
    intensity_.assign(n, 0);
  }
  time_ += step;

  // q carried along by the drift (linear interpolation), decaying; nothing flows in from the left.
  const double shift = kDrift * step / picture.spacing;
  const int whole = static_cast<int>(shift);
  const auto part = static_cast<float>(shift - whole), decay = static_cast<float>(exp_of(-step / 4));
  for (int r = 0; r < height; ++r) {
    float* row = q_.data() + static_cast<size_t>(r) * width;
    for (int c = width - 1; c >= 0; --c) {
      const float near = c - whole >= 0 ? row[c - whole] : 0,
                  far = c - whole - 1 >= 0 ? row[c - whole - 1] : 0;
      row[c] = decay * ((1 - part) * near + part * far);
    }
  }
  strain_rate(picture, strain_);
  smooth(strain_, scratch_, height, width, 0.12 / picture.spacing);
  for (size_t k = 0; k < n; ++k) {
    q_[k] = std::max(q_[k], strain_[k]);
    const float z = std::clamp((picture.distance[k] - 0.1f) / 0.3f, 0.0f, 1.0f);
    intensity_[k] = 0.05f * std::min(q_[k], 4.0f) * z * z * (3 - 2 * z);
  }
}

void Turbulence::add_to(Picture& picture) {
  const int height = picture.height, width = picture.width;
  psi_.assign(picture.u.size(), 0);
  // cos(kx x + ky y + w) = cos(kx x) cos(ky y + w) - sin(kx x) sin(ky y + w): one product per mode and row.
  for (size_t m = 0; m < modes_.size(); ++m) {
    const Mode& mode = modes_[m];
    const float *cosine = cosine_.data() + m * static_cast<size_t>(width),
                *sine = sine_.data() + m * static_cast<size_t>(width);
    const double moved = mode.phase + (mode.drift - mode.kx * kDrift) * time_ / (2 * kPi);
    for (int r = 0; r < height; ++r) {
      const double turns = moved + mode.ky * r * picture.spacing / (2 * kPi);
      const auto a = static_cast<float>(mode.amplitude * cos_turns(turns));
      const auto b = static_cast<float>(mode.amplitude * sin_turns(turns));
      float* row = psi_.data() + static_cast<size_t>(r) * width;
      for (int c = 0; c < width; ++c) row[c] += a * cosine[c] - b * sine[c];
    }
  }
  for (size_t k = 0; k < psi_.size(); ++k) psi_[k] *= intensity_[k];
  const auto scale = static_cast<float>(0.5 / picture.spacing);
  for (int r = 1; r < height - 1; ++r)
    for (int c = 1; c < width - 1; ++c) {
      const size_t k = static_cast<size_t>(r) * width + c;
      picture.u[k] += scale * (psi_[k + width] - psi_[k - width]);
      picture.v[k] -= scale * (psi_[k + 1] - psi_[k - 1]);
    }
}

}  // namespace windtunnel::datasets::lab
