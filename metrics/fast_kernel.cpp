#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>
#include <optional>

#include "metrics/fft.h"
#include "metrics/sample_kernel.h"

// One pass over the frames. The transform is linear, so that P - Y and Y are transformed, not P and Y; each
// axis keeps only the modes that some bin takes: rows of W values -> n modes, n columns of H -> n rows, n*n
// series of T.

namespace windtunnel::metrics {
namespace {

// Same source for each instruction set; no number depends on which one runs.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define WINDTUNNEL_CLONES __attribute__((target_clones("default", "arch=x86-64-v3")))
#else
#define WINDTUNNEL_CLONES
#endif

constexpr int kLanes = 4;  // independent partial sums, added in a fixed order at the end
using Lanes = std::array<double, kLanes>;

/// Four doubles that the compiler maps to whatever registers there are.
using Vector = double __attribute__((vector_size(kLanes * sizeof(double))));
[[gnu::always_inline]] inline void load(Vector& v, const double* values) {
  std::memcpy(&v, values, sizeof v);
}
[[gnu::always_inline]] inline void store(const Vector& v, Lanes& lanes) {
  std::memcpy(lanes.data(), &v, sizeof v);
}

double total(const Lanes& lanes) { return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]); }

struct ErrorSums {
  Lanes squared{}, absolute{}, target{}, signal{};
};

/// Running sums over time at each position of P - P0, Y - Y0 and their squares' difference, P0 and Y0 the
/// first frame. The variances of both velocity channels enter KE through var(P) - var(Y) only, so that one
/// array of squares is enough.
struct TimeSums {
  std::vector<double> prediction[2], target[2], squares;
  explicit TimeSums(size_t n) : prediction{std::vector<double>(n), std::vector<double>(n)}, squares(n) {
    target[0] = target[1] = prediction[0];
  }
  void clear() {
    for (auto* list : {&prediction[0], &prediction[1], &target[0], &target[1], &squares})
      std::fill(list->begin(), list->end(), 0.0);
  }
};

/// Calls body(prediction stride, target stride) with the usual strides as constants, so that the loop inside
/// is compiled for each.
template <class Body>
[[gnu::always_inline]] inline void with_strides(int64_t prediction, int64_t target, const Body& body) {
  if (prediction == 2 && target == 2)
    body(int64_t{2}, int64_t{2});
  else if (prediction == 3 && target == 3)
    body(int64_t{3}, int64_t{3});
  else if (prediction == 1 && target == 1)
    body(int64_t{1}, int64_t{1});
  else
    body(prediction, target);
}

/// Takes one channel of one frame apart: error[i] = P - Y and truth[i] = Y, with their sums.
WINDTUNNEL_CLONES
void split_channel(const float* prediction, int64_t prediction_stride, const float* target,
                   int64_t target_stride, int64_t n, double* __restrict error, double* __restrict truth,
                   ErrorSums& sums) {
  constexpr int64_t kBlock = 1024;  // both blocks stay in the first-level cache between the two loops
  Vector squared, absolute, squares, signal{}, e, y;
  load(squared, sums.squared.data());
  load(absolute, sums.absolute.data());
  load(squares, sums.target.data());
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = std::min(n, begin + kBlock);
    with_strides(
        prediction_stride, target_stride, [&](int64_t ps, int64_t ts) __attribute__((always_inline)) {
          for (int64_t i = begin; i < end; ++i) {
            const double value = target[i * ts];
            error[i] = double{prediction[i * ps]} - value;
            truth[i] = value;
          }
        });
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      load(e, error + i);
      load(y, truth + i);
      squared += e * e;
      absolute += e < 0 ? -e : e;
      squares += y * y;
      signal += e;
    }
    for (int lane = 0; i < end; ++i, ++lane) {
      squared[lane] += error[i] * error[i];
      absolute[lane] += std::abs(error[i]);
      squares[lane] += truth[i] * truth[i];
      signal[lane] += error[i];
    }
  }
  store(squared, sums.squared);
  store(absolute, sums.absolute);
  store(squares, sums.target);
  store(signal, sums.signal);
}

/// out[i] = real[i] + 1i * imaginary[i]; the imaginary part ends after `imaginary_count` values.
WINDTUNNEL_CLONES
void pack(const double* real, const double* imaginary, int64_t count, int64_t imaginary_count, Complex* out) {
  auto* values = reinterpret_cast<double*>(out);
  for (int64_t i = 0; i < imaginary_count; ++i) {
    values[2 * i] = real[i];
    values[2 * i + 1] = imaginary[i];
  }
  for (int64_t i = imaginary_count; i < count; ++i) out[i] = real[i];
}

/// Adds one frame of one channel; `prediction0`, `target0` are the same channel of the first frame.
WINDTUNNEL_CLONES
void add_time(const float* prediction, const float* prediction0, int64_t prediction_stride,
              const float* target, const float* target0, int64_t target_stride, int64_t n,
              double* __restrict prediction_sum, double* __restrict target_sum, double* __restrict squares) {
  with_strides(
      prediction_stride, target_stride, [&](int64_t ps, int64_t ts) __attribute__((always_inline)) {
        for (int64_t i = 0; i < n; ++i) {
          const double p = double{prediction[i * ps]} - prediction0[i * ps];
          const double y = double{target[i * ts]} - target0[i * ts];
          prediction_sum[i] += p;
          target_sum[i] += y;
          squares[i] += p * p - y * y;
        }
      });
}

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
        pairs_((s_.height + 1) / 2),
        packed_(static_cast<size_t>(n_ ? pairs_ * s_.width : 0)),
        rows_(packed_.size()),
        columns_(static_cast<size_t>(n_ * s_.height)),
        over_columns_(columns_.size()),
        result_(static_cast<size_t>(s_.frames * kept_)),
        signals_(static_cast<size_t>(s_.channels * s_.frames)) {
    for (int64_t c = 0; c < s_.channels; ++c)
      for (int field = 0; field < 2; ++field) series_.emplace_back(result_.size());
    if (s_.channels >= 2) times_.emplace(static_cast<size_t>(space_));
    if (n_ > 0) {
      const int h = static_cast<int>(s_.height), w = static_cast<int>(s_.width);
      const int n = static_cast<int>(n_), kept = static_cast<int>(kept_);
      over_width_ = &Fft::complex_many({w, static_cast<int>(pairs_), 1, w, 1, w});
      over_height_ = &Fft::complex_many({h, n, 1, h, 1, h});
      over_time_ = &Fft::complex_many({static_cast<int>(s_.frames), kept, kept, 1, kept, 1});
    }
    for (int64_t t = 0; t < s_.frames; ++t)
      twiddles_.push_back(
          std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(t) / static_cast<double>(s_.frames)));
  }

  void run(const float* prediction, const float* target, SampleSums& sums) override {
    ErrorSums errors;
    if (times_) times_->clear();
    for (int64_t t = 0; t < s_.frames; ++t) {
      const float* p = prediction + t * space_ * s_.prediction_channels;
      const float* y = target + t * space_ * s_.target_channels;
      for (int64_t c = 0; c < s_.channels; ++c) {
        split_channel(p + c, s_.prediction_channels, y + c, s_.target_channels, space_, error_.data(),
                      truth_.data(), errors);
        signals_[static_cast<size_t>(c * s_.frames + t)] = total(errors.signal);
        if (times_ && c < 2 && t > 0)
          add_time(p + c, prediction + c, s_.prediction_channels, y + c, target + c, s_.target_channels,
                   space_, times_->prediction[c].data(), times_->target[c].data(), times_->squares.data());
        if (n_ > 0) {
          transform_frame(error_, t, series_[static_cast<size_t>(2 * c)]);
          transform_frame(truth_, t, series_[static_cast<size_t>(2 * c + 1)]);
        }
      }
    }
    sums.squared_error = total(errors.squared);
    sums.absolute_error = total(errors.absolute);
    sums.target_squares = total(errors.target);
    sums.ke = times_ ? energy_error() : 0;
    add_signals(sums);
    sums.error_energy.assign(static_cast<size_t>(n_ * s_.channels), 0.0);
    sums.target_energy.assign(static_cast<size_t>(n_ * s_.channels), 0.0);
    for (int64_t c = 0; n_ > 0 && c < s_.channels; ++c) {
      add_energy(series_[static_cast<size_t>(2 * c)], c, sums.error_energy);
      add_energy(series_[static_cast<size_t>(2 * c + 1)], c, sums.target_energy);
    }
  }

 private:
  /// Rows r and r + pairs travel as real and imaginary part of one complex row; X = (Z[k] + conj Z[W-k]) / 2
  /// and (Z[k] - conj Z[W-k]) / 2i take them apart again.
  void transform_frame(const std::vector<double>& frame, int64_t t, FftBuffer<Complex>& series) {
    const int64_t h = s_.height, w = s_.width;
    pack(frame.data(), frame.data() + pairs_ * w, pairs_ * w, (h - pairs_) * w, packed_.data());
    over_width_->run(packed_.data(), rows_.data());
    for (int64_t r = 0; r < pairs_; ++r) {
      const Complex* z = rows_.data() + r * w;
      const bool second = r + pairs_ < h;
      for (int64_t k = 0; k < n_; ++k) {
        const Complex a = z[k], b = std::conj(z[k == 0 ? 0 : w - k]);
        columns_[static_cast<size_t>(k * h + r)] = 0.5 * (a + b);
        if (second)
          columns_[static_cast<size_t>(k * h + r + pairs_)] =
              Complex(0.5 * (a.imag() - b.imag()), -0.5 * (a.real() - b.real()));
      }
    }
    over_height_->run(columns_.data(), over_columns_.data());
    Complex* out = series.data() + t * kept_;
    for (int64_t k = 0; k < n_; ++k)
      for (int64_t j = 0; j < n_; ++j) out[k * n_ + j] = over_columns_[static_cast<size_t>(k * h + j)];
  }

  void add_energy(const FftBuffer<Complex>& series, int64_t c, std::vector<double>& energy) {
    over_time_->run(series.data(), result_.data());
    for (const auto& mode : bins_->modes)
      energy[static_cast<size_t>(mode.bin * s_.channels + c)] +=
          std::norm(result_[static_cast<size_t>(mode.i * kept_ + mode.k * n_ + mode.j)]);
  }

  double energy_error() const {
    const double frames = static_cast<double>(s_.frames);
    const auto& p = times_->prediction;
    const auto& y = times_->target;
    double sum = 0;
    for (size_t i = 0; i < static_cast<size_t>(space_); ++i) {
      const double means = (p[0][i] * p[0][i] - y[0][i] * y[0][i]) + (p[1][i] * p[1][i] - y[1][i] * y[1][i]);
      sum += std::abs(0.5 * (times_->squares[i] - means / frames) / frames);
    }
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
  std::vector<double> error_, truth_;
  int64_t pairs_;
  FftBuffer<Complex> packed_, rows_, columns_, over_columns_, result_;
  std::vector<double> signals_;             // (c,T): sum over space of P - Y
  std::vector<FftBuffer<Complex>> series_;  // per channel: error, truth; (T, k, j)
  std::optional<TimeSums> times_;           // with two velocity channels
  std::vector<Complex> twiddles_;
  const Fft *over_width_ = nullptr, *over_height_ = nullptr, *over_time_ = nullptr;
};

}  // namespace

std::unique_ptr<SampleKernel> make_fast_kernel(const SampleShape& shape) {
  return std::make_unique<FastKernel>(shape);
}

}  // namespace windtunnel::metrics
