#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace windtunnel::datasets::lab::piv {

/// Grey values, row-major.
struct GreyImage {
  int height = 0, width = 0;
  std::vector<float> value;

  float at(int row, int column) const { return value[static_cast<size_t>(row) * width + column]; }
};

/// Where one correlation takes its windows: top left pixel in each image.
struct WindowPair {
  int row_a = 0, column_a = 0, row_b = 0, column_b = 0;
};

/// Displacement from a to b in px, rows counted downwards. NaN if the correlation peak lies on the map's
/// border.
struct Displacement {
  double u = std::numeric_limits<double>::quiet_NaN(), v = u;
  double peak_ratio = 0;  ///< highest peak / highest value outside the 5 x 5 points around it
};

struct CorrelationOptions {
  int search = 32;      ///< edge of both windows
  int window = 32;      ///< edge of the part of window a that is used, centred; the rest counts as zero
  bool linear = false;  ///< windows continued by zeros instead of periodically
};

/// Cross-correlation of two windows, each minus its mean and divided by its standard deviation:
///   C(r) = 1/N^2 sum_x a(x) b(x + r),  r from -N/2 to N/2 - 1;
/// the displacement is the first maximum in row-major order, refined per axis by a Gaussian through three
/// points:
///   d = (ln C- - ln C+) / (2 ln C- - 4 ln C0 + 2 ln C+)
/// (a parabola, without the logarithms, where one of the five values is not positive). The reference sums
/// directly, in double precision.
void correlate_reference(const GreyImage& a, const GreyImage& b, const CorrelationOptions& options,
                         const std::vector<WindowPair>& windows, std::vector<Displacement>& result);

struct CorrelationBatch;

/// The same by fast Fourier transforms of many windows at once in single precision. Periodic windows of 8,
/// 16, 32 or 64 pixels; all variants give the same bits.
class Correlator {
 public:
  /// `kernels`: "fast" or a name of correlator_kernels().
  explicit Correlator(int size, const std::string& kernels = "fast");
  void run(const GreyImage& a, const GreyImage& b, const std::vector<WindowPair>& windows,
           std::vector<Displacement>& result);

  static constexpr int kLanes = 16;

 private:
  int size_;
  void (*correlate_)(CorrelationBatch&) = nullptr;
  std::vector<int> reversed_;
  std::vector<float> cosine_, sine_, real_, imaginary_, real2_, imaginary2_;
};
std::vector<std::string> correlator_kernels();

/// Peak, sub-pixel position and peak ratio of a correlation map (size,size), zero displacement at (size/2,
/// size/2).
Displacement find_displacement(const double* map, int size);

/// The same from the place of the peak and the highest value away from it; `stride` between neighbours.
template <class T>
Displacement refine_peak(const T* map, int size, int64_t stride, int row, int column, double second);

}  // namespace windtunnel::datasets::lab::piv
