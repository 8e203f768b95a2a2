#pragma once

#include <complex>
#include <cstdint>
#include <vector>

namespace windtunnel::datasets::lab {

using Complex = std::complex<double>;

/// Real fields (H,W) on a periodic rectangle and their Fourier coefficients (H, W/2 + 1), row-major:
///   f(x,y) = sum c_mn exp(i (kx_m x + ky_n y)), kx = 2 pi m / length_x along rows, ky = 2 pi n / length_y
/// along columns. Coefficients are normalised: entry (0,0) is the mean. Each object belongs to one thread;
/// equal input gives equal bits in every object.
class Fourier {
 public:
  /// `height`, `width`: even numbers of points (usage error otherwise).
  Fourier(int64_t height, int64_t width, double length_x, double length_y);
  ~Fourier();
  Fourier(const Fourier&) = delete;
  Fourier& operator=(const Fourier&) = delete;

  int64_t height() const { return height_; }
  int64_t width() const { return width_; }
  size_t points() const { return static_cast<size_t>(height_ * width_); }
  size_t modes() const { return static_cast<size_t>(height_ * (width_ / 2 + 1)); }

  /// `field` (H,W) -> `coefficients` (H, W/2+1).
  void forward(const double* field, Complex* coefficients);
  void inverse(const Complex* coefficients, double* field);

  /// Wavenumbers of coefficient i; `derivative` ones are 0 at the highest frequency, whose sign is undefined.
  double kx(size_t i) const { return kx_[i / columns()]; }
  double ky(size_t i) const { return ky_[i % columns()]; }
  double derivative_x(size_t i) const {
    return 2 * (i / columns()) == static_cast<size_t>(height_) ? 0 : kx(i);
  }
  double derivative_y(size_t i) const {
    return 2 * (i % columns()) == static_cast<size_t>(width_) ? 0 : ky(i);
  }
  double square(size_t i) const { return kx(i) * kx(i) + ky(i) * ky(i); }
  /// Below two thirds of the highest frequency in both directions: products of two such fields are exact
  /// there.
  bool kept(size_t i) const;

 private:
  size_t columns() const { return static_cast<size_t>(width_ / 2 + 1); }
  int64_t height_, width_;
  std::vector<double> kx_, ky_;
  double* real_ = nullptr;
  Complex* spectrum_ = nullptr;
  void *forward_ = nullptr, *inverse_ = nullptr;
};

}  // namespace windtunnel::datasets::lab
