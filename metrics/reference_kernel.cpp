#include <cmath>
#include <complex>
#include <numbers>

#include "metrics/sample_kernel.h"

// The formulas as written down, one after the other, with plain discrete Fourier sums.

namespace windtunnel::metrics {
namespace {

using Field = std::vector<std::complex<double>>;

/// X[f] = sum_n x[n] exp(-2 pi i f n / N) along one axis of a row-major (before, N, after) field.
Field dft(const Field& x, int64_t before, int64_t n, int64_t after) {
  Field factors;  // exp(-2 pi i m / N)
  for (int64_t m = 0; m < n; ++m)
    factors.push_back(
        std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(m) / static_cast<double>(n)));
  Field result(x.size());
  for (int64_t b = 0; b < before; ++b)
    for (int64_t f = 0; f < n; ++f)
      for (int64_t m = 0; m < n; ++m)
        for (int64_t a = 0; a < after; ++a)
          result[static_cast<size_t>((b * n + f) * after + a)] +=
              factors[static_cast<size_t>(f * m % n)] * x[static_cast<size_t>((b * n + m) * after + a)];
  return result;
}

class ReferenceKernel : public SampleKernel {
 public:
  explicit ReferenceKernel(const SampleShape& shape)
      : s_(shape), bins_(mode_bins(shape.frames, shape.height, shape.width)) {}

  void run(const float* prediction, const float* target, SampleSums& sums) override {
    const int64_t n = s_.points(), space = s_.height * s_.width;
    const auto p = [&](int64_t i, int64_t c) { return double{prediction[i * s_.prediction_channels + c]}; };
    const auto y = [&](int64_t i, int64_t c) { return double{target[i * s_.target_channels + c]}; };

    sums = {};
    for (int64_t i = 0; i < n; ++i)
      for (int64_t c = 0; c < s_.channels; ++c) {
        const double error = p(i, c) - y(i, c);
        sums.squared_error += error * error;
        sums.absolute_error += std::abs(error);
        sums.target_squares += y(i, c) * y(i, c);
      }

    if (s_.channels >= 2) {
      const auto variance = [&](auto field, int64_t position, int64_t c) {
        double mean = 0, sum = 0;
        for (int64_t t = 0; t < s_.frames; ++t) mean += field(t * space + position, c);
        mean /= static_cast<double>(s_.frames);
        for (int64_t t = 0; t < s_.frames; ++t) {
          const double deviation = field(t * space + position, c) - mean;
          sum += deviation * deviation;
        }
        return sum / static_cast<double>(s_.frames);
      };
      for (int64_t i = 0; i < space; ++i)
        sums.ke += std::abs(0.5 * (variance(p, i, 0) + variance(p, i, 1)) -
                            0.5 * (variance(y, i, 0) + variance(y, i, 1)));
      sums.ke /= static_cast<double>(space);
    }

    Field all(static_cast<size_t>(s_.frames));
    for (int64_t c = 0; c < s_.channels; ++c) {
      Field signal(static_cast<size_t>(s_.frames));
      for (int64_t i = 0; i < n; ++i) signal[static_cast<size_t>(i / space)] += p(i, c) - y(i, c);
      for (size_t t = 0; t < all.size(); ++t) all[t] += signal[t];
      sums.fe_separate += mean_modulus(signal) / static_cast<double>(s_.channels);
    }
    sums.fe_summed = mean_modulus(all);

    sums.error_energy.assign(static_cast<size_t>(bins_->bins * s_.channels), 0.0);
    sums.target_energy = sums.error_energy;
    for (int64_t c = 0; c < s_.channels; ++c) {
      Field error(static_cast<size_t>(n)), truth(static_cast<size_t>(n));
      for (int64_t i = 0; i < n; ++i) {
        error[static_cast<size_t>(i)] = p(i, c) - y(i, c);
        truth[static_cast<size_t>(i)] = y(i, c);
      }
      add_energy(error, c, sums.error_energy);
      add_energy(truth, c, sums.target_energy);
    }
  }

 private:
  double mean_modulus(const Field& signal) const {
    double sum = 0;
    for (const auto& value : dft(signal, 1, s_.frames, 1)) sum += std::abs(value);
    return sum / static_cast<double>(s_.frames);
  }

  void add_energy(const Field& field, int64_t c, std::vector<double>& energy) const {
    const Field over_width = dft(field, s_.frames * s_.height, s_.width, 1);
    const Field over_height = dft(over_width, s_.frames, s_.height, s_.width);
    const Field spectrum = dft(over_height, 1, s_.frames, s_.height * s_.width);
    for (const auto& mode : bins_->modes)
      energy[static_cast<size_t>(mode.bin * s_.channels + c)] +=
          std::norm(spectrum[static_cast<size_t>((mode.i * s_.height + mode.j) * s_.width + mode.k)]);
  }

  SampleShape s_;
  std::shared_ptr<const ModeBins> bins_;
};

}  // namespace

std::unique_ptr<SampleKernel> make_reference_kernel(const SampleShape& shape) {
  return std::make_unique<ReferenceKernel>(shape);
}

std::unique_ptr<SampleKernel> make_kernel(Kernels kernels, const SampleShape& shape) {
  return kernels == Kernels::reference ? make_reference_kernel(shape) : make_fast_kernel(shape);
}

}  // namespace windtunnel::metrics
