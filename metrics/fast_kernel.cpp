#include <array>
#include <cmath>
#include <numbers>

#include "metrics/fft.h"
#include "metrics/sample_kernel.h"

// One pass over the frames. The transform is linear, so that P - Y and Y are transformed, not P and Y; each axis keeps
// only the modes that some bin takes: rows of W real values -> n modes, n columns of H -> n rows, n*n series of T.

namespace windtunnel::metrics {
namespace {

constexpr int kLanes = 4;  // independent partial sums, added in a fixed order at the end
using Lanes = std::array<double, kLanes>;

double total(const Lanes& lanes) { return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]); }

struct ErrorSums {
  Lanes squared{}, absolute{}, target{}, signal{};
};

/// Takes one channel of one frame apart: error[i] = P - Y and truth[i] = Y, with their sums.
void split_channel(const float* prediction, int64_t prediction_stride, const float* target, int64_t target_stride,
                   int64_t n, double* error, double* truth, ErrorSums& sums) {
  const auto step = [&](int64_t i, int lane) {
    const double y = target[i * target_stride];
    const double e = double{prediction[i * prediction_stride]} - y;
    error[i] = e;
    truth[i] = y;
    sums.squared[lane] += e * e;
    sums.absolute[lane] += std::abs(e);
    sums.target[lane] += y * y;
    sums.signal[lane] += e;
  };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) step(i + lane, lane);
  for (int lane = 0; i < n; ++i, ++lane) step(i, lane);
}

/// Sums over time at each position of the deviations from the first frame, for the variance over time.
struct TimeMoments {
  std::vector<double> first, sum, squares;
  explicit TimeMoments(int64_t n) : first(static_cast<size_t>(n)), sum(first.size()), squares(first.size()) {}

  void add(const float* field, int64_t stride, bool start) {
    const auto n = static_cast<int64_t>(first.size());
    double* f = first.data();
    double* s = sum.data();
    double* q = squares.data();
    if (start) {
      for (int64_t i = 0; i < n; ++i) f[i] = field[i * stride];
      std::fill_n(s, n, 0.0);
      std::fill_n(q, n, 0.0);
      return;
    }
    for (int64_t i = 0; i < n; ++i) {
      const double v = field[i * stride] - f[i];
      s[i] += v;
      q[i] += v * v;
    }
  }
  double variance(size_t i, double frames) const {
    const double mean = sum[i] / frames;
    return squares[i] / frames - mean * mean;
  }
};

class FastKernel : public SampleKernel {
 public:
  explicit FastKernel(const SampleShape& shape)
      : s_(shape),
        bins_(mode_bins(shape.frames, shape.height, shape.width)),
        space_(shape.height * shape.width),
        n_(bins_->bins),
        kept_(n_ * n_),
        error_(static_cast<size_t>(space_)),
        truth_(static_cast<size_t>(space_)),
        rows_(static_cast<size_t>(n_ ? s_.height * (s_.width / 2 + 1) : 0)),
        columns_(static_cast<size_t>(n_ * s_.height)),
        result_(static_cast<size_t>(s_.frames * kept_)),
        signals_(static_cast<size_t>(s_.channels * s_.frames)) {
    for (int64_t c = 0; c < s_.channels; ++c)
      for (int field = 0; field < 2; ++field) series_.emplace_back(result_.size());
    if (s_.channels >= 2) moments_.assign(4, TimeMoments(space_));
    if (n_ > 0) {
      const int h = static_cast<int>(s_.height), w = static_cast<int>(s_.width), half = w / 2 + 1;
      const int n = static_cast<int>(n_), kept = static_cast<int>(kept_);
      over_width_ = &Fft::real_many({w, h, 1, w, 1, half});
      over_height_ = &Fft::complex_many({h, n, half, 1, 1, h});
      over_time_ = &Fft::complex_many({static_cast<int>(s_.frames), kept, kept, 1, kept, 1});
    }
    for (int64_t t = 0; t < s_.frames; ++t)
      twiddles_.push_back(std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(t) / static_cast<double>(s_.frames)));
  }

  void run(const float* prediction, const float* target, SampleSums& sums) override {
    ErrorSums errors;
    for (int64_t t = 0; t < s_.frames; ++t) {
      const float* p = prediction + t * space_ * s_.prediction_channels;
      const float* y = target + t * space_ * s_.target_channels;
      for (int64_t c = 0; c < s_.channels; ++c) {
        errors.signal = {};
        split_channel(p + c, s_.prediction_channels, y + c, s_.target_channels, space_, error_.data(), truth_.data(),
                      errors);
        signals_[static_cast<size_t>(c * s_.frames + t)] = total(errors.signal);
        if (s_.channels >= 2 && c < 2) {
          moments_[static_cast<size_t>(2 * c)].add(p + c, s_.prediction_channels, t == 0);
          moments_[static_cast<size_t>(2 * c + 1)].add(y + c, s_.target_channels, t == 0);
        }
        if (n_ > 0) {
          transform_frame(error_, t, series_[static_cast<size_t>(2 * c)]);
          transform_frame(truth_, t, series_[static_cast<size_t>(2 * c + 1)]);
        }
      }
    }
    sums.squared_error = total(errors.squared);
    sums.absolute_error = total(errors.absolute);
    sums.target_squares = total(errors.target);
    sums.ke = s_.channels >= 2 ? energy_error() : 0;
    add_signals(sums);
    sums.error_energy.assign(static_cast<size_t>(n_ * s_.channels), 0.0);
    sums.target_energy.assign(static_cast<size_t>(n_ * s_.channels), 0.0);
    for (int64_t c = 0; n_ > 0 && c < s_.channels; ++c) {
      add_energy(series_[static_cast<size_t>(2 * c)], c, sums.error_energy);
      add_energy(series_[static_cast<size_t>(2 * c + 1)], c, sums.target_energy);
    }
  }

 private:
  void transform_frame(const FftBuffer<double>& frame, int64_t t, FftBuffer<Complex>& series) {
    over_width_->run(frame.data(), rows_.data());
    over_height_->run(rows_.data(), columns_.data());
    Complex* out = series.data() + t * kept_;
    for (int64_t k = 0; k < n_; ++k)
      for (int64_t j = 0; j < n_; ++j) out[k * n_ + j] = columns_[static_cast<size_t>(k * s_.height + j)];
  }

  void add_energy(const FftBuffer<Complex>& series, int64_t c, std::vector<double>& energy) {
    over_time_->run(series.data(), result_.data());
    for (const auto& mode : bins_->modes)
      energy[static_cast<size_t>(mode.bin * s_.channels + c)] +=
          std::norm(result_[static_cast<size_t>(mode.i * kept_ + mode.k * n_ + mode.j)]);
  }

  double energy_error() const {
    const auto frames = static_cast<double>(s_.frames);
    double sum = 0;
    for (size_t i = 0; i < static_cast<size_t>(space_); ++i)
      sum += std::abs(0.5 * (moments_[0].variance(i, frames) + moments_[2].variance(i, frames)) -
                      0.5 * (moments_[1].variance(i, frames) + moments_[3].variance(i, frames)));
    return sum / static_cast<double>(space_);
  }

  void add_signals(SampleSums& sums) const {
    const int64_t n = s_.frames;
    std::vector<double> all(static_cast<size_t>(n));
    sums.fe_separate = 0;
    for (int64_t c = 0; c < s_.channels; ++c) {
      const double* signal = signals_.data() + c * n;
      for (int64_t t = 0; t < n; ++t) all[static_cast<size_t>(t)] += signal[t];
      sums.fe_separate += mean_modulus(signal) / static_cast<double>(s_.channels);
    }
    sums.fe_summed = mean_modulus(all.data());
  }

  /// Mean over all frequencies of |DFT| of a real signal: the negative half mirrors the positive one.
  double mean_modulus(const double* signal) const {
    const int64_t n = s_.frames;
    double sum = 0;
    for (int64_t f = 0; 2 * f <= n; ++f) {
      Complex value = 0;
      for (int64_t t = 0; t < n; ++t) value += signal[t] * twiddles_[static_cast<size_t>(f * t % n)];
      sum += half_weight(f, n) * std::abs(value);
    }
    return sum / static_cast<double>(n);
  }

  SampleShape s_;
  std::shared_ptr<const ModeBins> bins_;
  int64_t space_, n_, kept_;
  FftBuffer<double> error_, truth_;
  FftBuffer<Complex> rows_, columns_, result_;
  std::vector<double> signals_;               // (c,T): sum over space of P - Y
  std::vector<FftBuffer<Complex>> series_;    // per channel: error, truth; (T, k, j)
  std::vector<TimeMoments> moments_;          // P0, Y0, P1, Y1
  std::vector<Complex> twiddles_;
  const Fft *over_width_ = nullptr, *over_height_ = nullptr, *over_time_ = nullptr;
};

}  // namespace

std::unique_ptr<SampleKernel> make_fast_kernel(const SampleShape& shape) { return std::make_unique<FastKernel>(shape); }

}  // namespace windtunnel::metrics
