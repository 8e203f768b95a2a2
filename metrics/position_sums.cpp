#include "metrics/position_sums.h"

namespace windtunnel::metrics {

void PositionSums::add(const float* target, int64_t points, int64_t stride, int64_t channels) {
  const int64_t n = points * channels;
  if (samples_++ == 0) {
    channels_ = channels;
    squares_ = 0;
    first_.resize(static_cast<size_t>(n));
    sums_.assign(static_cast<size_t>(n), 0.0);
    for (int64_t i = 0; i < points; ++i)
      for (int64_t c = 0; c < channels; ++c)
        first_[static_cast<size_t>(i * channels + c)] = target[i * stride + c];
    return;
  }
  const float* first = first_.data();
  double* sums = sums_.data();
  if (stride == channels) {
    double lanes[4] = {};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
      for (int lane = 0; lane < 4; ++lane) {
        const double v = double{target[i + lane]} - first[i + lane];
        sums[i + lane] += v;
        lanes[lane] += v * v;
      }
    for (int lane = 0; i < n; ++i, ++lane) {
      const double v = double{target[i]} - first[i];
      sums[i] += v;
      lanes[lane] += v * v;
    }
    squares_ += (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    return;
  }
  double squares = 0;
  for (int64_t i = 0; i < points; ++i)
    for (int64_t c = 0; c < channels; ++c) {
      const double v = double{target[i * stride + c]} - first[i * channels + c];
      sums[i * channels + c] += v;
      squares += v * v;
    }
  squares_ += squares;
}

double PositionSums::squares_about_positions() const {
  double correction = 0;
  for (const double sum : sums_) correction += sum * sum;
  return squares_ - correction / static_cast<double>(samples_);
}

double PositionSums::squares_about_channels() const {
  // Y - r = (Y - Y0) + (Y0 - r) with the channel's reference value r, expanded so that the stored sums
  // suffice.
  const auto n = static_cast<int64_t>(sums_.size());
  const auto samples = static_cast<double>(samples_);
  double total = squares_;
  for (int64_t c = 0; c < channels_; ++c) {
    const double reference = first_[static_cast<size_t>(c)];
    double sum = 0;
    for (int64_t i = c; i < n; i += channels_) {
      const double shift = first_[static_cast<size_t>(i)] - reference;
      sum += sums_[static_cast<size_t>(i)] + samples * shift;
      total += 2 * sums_[static_cast<size_t>(i)] * shift + samples * shift * shift;
    }
    total -= sum * sum / (samples * static_cast<double>(n / channels_));
  }
  return total;
}

}  // namespace windtunnel::metrics
