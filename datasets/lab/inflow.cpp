#include "datasets/lab/inflow.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::datasets::lab {

Inflow::Inflow(int rows, int cells_per_diameter, int edge, double step, const InflowOptions& options,
               uint64_t profile_seed, uint64_t seed)
    : rows_(rows), options_(options), random_(seed), profile_(rows, 1.0), u_(rows, 1.0f), v_(rows, 0.0f) {
  NormalStream profile(profile_seed);
  double amplitude[4], phase[4];
  for (int m = 0; m < 4; ++m) {
    amplitude[m] =
        options.nonuniformity * profile.normal() / std::sqrt(2.0);  // four cosines: sum of squares / 2
    phase[m] = profile.uniform();
  }
  for (int y = 0; y < rows; ++y)
    for (int m = 0; m < 4; ++m)
      profile_[y] += amplitude[m] * cos_turns((m + 1) * 0.5 * (y + 0.5) / rows + phase[m]);

  keep_ = exp_of(-step / options.correlation_time);
  kick_ = std::sqrt(1 - keep_ * keep_);
  const double sigma = std::max(1e-3, options.correlation_length * cells_per_diameter / 2);
  const int reach = static_cast<int>(std::ceil(2.5 * sigma));
  double squares = 0;
  for (int k = -reach; k <= reach; ++k) {
    smoothing_.push_back(exp_of(-0.5 * k * k / (sigma * sigma)));
    squares += smoothing_.back() * smoothing_.back();
  }
  for (auto& w : smoothing_) w *= options.intensity / std::sqrt(squares);
  for (int y = 0; y < rows; ++y) {
    const double z = std::min({1.0, (y + 0.5) / edge - 1, (rows - y - 0.5) / edge - 1});
    fade_.push_back(std::max(0.0, z));
  }
  for (auto* noise : {&noise_u_, &noise_v_}) {
    noise->resize(rows + smoothing_.size() - 1, 0.0);
    if (options.intensity > 0)
      for (auto& n : *noise) n = random_.normal();
  }
  compose();
}

void Inflow::advance() {
  if (options_.intensity <= 0) return;
  for (auto* noise : {&noise_u_, &noise_v_})
    for (auto& n : *noise) n = keep_ * n + kick_ * random_.normal();
  compose();
}

void Inflow::compose() {
  for (int y = 0; y < rows_; ++y) {
    double u = 0, v = 0;
    for (size_t k = 0; k < smoothing_.size() && fade_[y] > 0; ++k) {
      u += smoothing_[k] * noise_u_[y + k];
      v += smoothing_[k] * noise_v_[y + k];
    }
    u_[y] = static_cast<float>(profile_[y] + fade_[y] * u);
    v_[y] = static_cast<float>(fade_[y] * v);
  }
}

}  // namespace windtunnel::datasets::lab
