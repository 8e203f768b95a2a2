#include "datasets/lab/body.h"

#include <algorithm>
#include <cmath>

#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {

double Circle::distance(Vec2 p) const { return std::sqrt(p.x * p.x + p.y * p.y) - radius_; }

NacaFoil::NacaFoil(double thickness, double angle_degrees) : thickness_(thickness) {
  cos_ = cos_turns(angle_degrees / 360);
  sin_ = sin_turns(angle_degrees / 360);
  const double reach = thickness / 2;
  low_ = {std::min(0.0, cos_) - reach, std::min(0.0, -sin_) - reach};
  high_ = {std::max(0.0, cos_) + reach, std::max(0.0, -sin_) + reach};
}

double NacaFoil::distance(Vec2 p) const {
  const double s = cos_ * p.x - sin_ * p.y, n = std::abs(sin_ * p.x + cos_ * p.y);
  if (s <= 0) return std::sqrt(s * s + n * n);
  if (s >= 1) return std::sqrt((s - 1) * (s - 1) + n * n);
  const double root = std::sqrt(s), scale = 5 * thickness_;
  const double half = scale * (0.2969 * root + s * (-0.1260 + s * (-0.3516 + s * (0.2843 + s * -0.1036))));
  const double slope = scale * (0.14845 / root + (-0.1260 + s * (-0.7032 + s * (0.8529 + s * -0.4144))));
  return (n - half) / std::sqrt(1 + slope * slope);
}

void Heave::advance(double time, double, Vec2) {
  const double fade = std::min(1.0, time * frequency_ / 2);
  offset.y = fade * amplitude_ * sin_turns(frequency_ * time);
  velocity.y = fade * amplitude_ * 2 * kPi * frequency_ * cos_turns(frequency_ * time);
  if (fade < 1) velocity.y += frequency_ / 2 * amplitude_ * sin_turns(frequency_ * time);
}

void Oscillation::advance(double time, double, Vec2) { spin = amplitude_ * sin_turns(frequency_ * time); }

ElasticMount::ElasticMount(double mass_ratio, double reduced_velocity, double damping, double release)
    : release_(release) {
  const double omega = 2 * kPi / reduced_velocity;
  mass_ = mass_ratio * kPi / 4;
  stiffness_ = mass_ * omega * omega;
  damper_ = 2 * damping * mass_ * omega;
}

void ElasticMount::advance(double time, double step, Vec2 force) {
  if (time < release_) return;
  acceleration_ = (force.y + kPi / 4 * acceleration_ - damper_ * velocity.y - stiffness_ * offset.y) / mass_;
  velocity.y += step * acceleration_;
  offset.y += step * velocity.y;
}

}  // namespace windtunnel::datasets::lab
