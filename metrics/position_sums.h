#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace windtunnel::metrics {

/// Sums over samples of a target at every position (T,H,W,c), for R2. Deviations are taken from the first
/// sample, so that equal samples give exactly zero.
class PositionSums {
 public:
  /// `target` (points, stride) with the first `channels` of `stride` channels.
  void add(const float* target, int64_t points, int64_t stride, int64_t channels);
  void clear() { samples_ = 0; }
  int64_t samples() const { return samples_; }

  /// sum (Y - mean over samples at that position)^2 over everything.
  double squares_about_positions() const;
  /// sum (Y - mean of the channel over everything)^2.
  double squares_about_channels() const;

 private:
  int64_t samples_ = 0, channels_ = 1;
  double squares_ = 0;
  std::vector<float> first_;
  std::vector<double> sums_;
};

}  // namespace windtunnel::metrics
