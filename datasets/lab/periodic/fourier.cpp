#include "datasets/lab/periodic/fourier.h"

#include <fftw3.h>

#include <algorithm>
#include <mutex>

#include "core/error.h"
#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {
namespace {

/// FFTW plans one transform at a time.
std::mutex& planner() {
  static std::mutex mutex;
  return mutex;
}

fftw_complex* cast(Complex* values) { return reinterpret_cast<fftw_complex*>(values); }

int64_t frequency(int64_t index, int64_t size) { return 2 * index <= size ? index : index - size; }

}  // namespace

Fourier::Fourier(int64_t height, int64_t width, double length_x, double length_y)
    : height_(height), width_(width) {
  if (height < 4 || width < 4 || height % 2 != 0 || width % 2 != 0)
    throw core::usage_error(
        "a periodic grid of " + std::to_string(height) + " x " + std::to_string(width) + " points",
        "even numbers of points, at least 4");
  for (int64_t m = 0; m < height; ++m)
    kx_.push_back(2 * kPi * static_cast<double>(frequency(m, height)) / length_x);
  for (int64_t n = 0; n <= width / 2; ++n) ky_.push_back(2 * kPi * static_cast<double>(n) / length_y);
  real_ = fftw_alloc_real(points());
  spectrum_ = reinterpret_cast<Complex*>(fftw_alloc_complex(modes()));
  const std::lock_guard lock(planner());
  // Estimated plans depend on the size only: the same operations in the same order every time.
  forward_ = fftw_plan_dft_r2c_2d(static_cast<int>(height), static_cast<int>(width), real_, cast(spectrum_),
                                  FFTW_ESTIMATE);
  inverse_ = fftw_plan_dft_c2r_2d(static_cast<int>(height), static_cast<int>(width), cast(spectrum_), real_,
                                  FFTW_ESTIMATE);
}

Fourier::~Fourier() {
  const std::lock_guard lock(planner());
  fftw_destroy_plan(static_cast<fftw_plan>(forward_));
  fftw_destroy_plan(static_cast<fftw_plan>(inverse_));
  fftw_free(real_);
  fftw_free(spectrum_);
}

void Fourier::forward(const double* field, Complex* coefficients) {
  std::copy_n(field, points(), real_);
  fftw_execute(static_cast<fftw_plan>(forward_));
  const double scale = 1 / static_cast<double>(points());
  for (size_t i = 0; i < modes(); ++i) coefficients[i] = spectrum_[i] * scale;
}

void Fourier::inverse(const Complex* coefficients, double* field) {
  std::copy_n(coefficients, modes(), spectrum_);
  fftw_execute(static_cast<fftw_plan>(inverse_));
  std::copy_n(real_, points(), field);
}

bool Fourier::kept(size_t i) const {
  const auto m = static_cast<int64_t>(i / columns()), n = static_cast<int64_t>(i % columns());
  return 3 * std::abs(frequency(m, height_)) < height_ && 3 * n < width_;
}

}  // namespace windtunnel::datasets::lab
