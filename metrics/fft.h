#pragma once

#include <complex>
#include <cstddef>
#include <memory>
#include <vector>

namespace windtunnel::metrics {

using Complex = std::complex<double>;

/// Memory aligned as the transforms want it.
template <class T>
class FftBuffer {
 public:
  FftBuffer() = default;
  explicit FftBuffer(size_t count);
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(T* p) const;
  };
  std::unique_ptr<T, Free> data_;
  size_t size_ = 0;
};

/// `count` one-dimensional transforms of length `length`: element e of transform k stands at k*distance +
/// e*stride.
struct FftMany {
  int length = 1, count = 1;
  int in_stride = 1, in_distance = 1, out_stride = 1, out_distance = 1;
  auto operator<=>(const FftMany&) const = default;
};

/// Unnormalised forward transforms in double precision (FFTW, estimated plans: no planning cost, same plan
/// each run). A plan is made once per shape and kept; run() is thread safe and needs FftBuffer memory. Out of
/// place.
class Fft {
 public:
  /// Real (row-major `shape`) to complex, last axis n/2+1.
  static const Fft& real(const std::vector<int>& shape);
  static const Fft& complex_many(const FftMany& layout);

  void run(const double* in, Complex* out) const;
  void run(const Complex* in, Complex* out) const;

  Fft(const Fft&) = delete;

 private:
  explicit Fft(void* plan) : plan_(plan) {}
  void* plan_;
};

/// Multiplicity in the full spectrum of index k of the halved last axis of length n: 1 for k = 0 and k = n/2,
/// else 2.
inline double half_weight(int64_t k, int64_t n) { return k == 0 || 2 * k == n ? 1.0 : 2.0; }

}  // namespace windtunnel::metrics
