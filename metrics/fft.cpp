#include "metrics/fft.h"

#include <fftw3.h>

#include <map>
#include <mutex>

#include "core/error.h"

namespace windtunnel::metrics {
namespace {

fftw_complex* cast(Complex* p) { return reinterpret_cast<fftw_complex*>(p); }

// FFTW's planner is not thread safe; plans live as long as the program.
std::mutex& planner() {
  static std::mutex mutex;
  return mutex;
}

void* checked(fftw_plan plan) {
  if (!plan) throw core::environment_error("FFTW made no plan", "a plan for every shape");
  return plan;
}

}  // namespace

template <class T>
FftBuffer<T>::FftBuffer(size_t count)
    : data_(static_cast<T*>(fftw_malloc(sizeof(T) * (count ? count : 1)))), size_(count) {
  if (!data_) throw core::environment_error("no memory for " + std::to_string(count) + " FFT values");
  std::fill_n(data_.get(), count, T{});
}

template <class T>
void FftBuffer<T>::Free::operator()(T* p) const {
  fftw_free(p);
}

template class FftBuffer<double>;
template class FftBuffer<Complex>;

const Fft& Fft::real(const std::vector<int>& shape) {
  static std::map<std::vector<int>, std::unique_ptr<Fft>> plans;
  std::lock_guard lock(planner());
  auto& slot = plans[shape];
  if (!slot) {
    size_t in = 1, out = 1;
    for (size_t a = 0; a < shape.size(); ++a) {
      in *= static_cast<size_t>(shape[a]);
      out *= static_cast<size_t>(a + 1 == shape.size() ? shape[a] / 2 + 1 : shape[a]);
    }
    FftBuffer<double> x(in);
    FftBuffer<Complex> y(out);
    slot.reset(new Fft(checked(fftw_plan_dft_r2c(static_cast<int>(shape.size()), shape.data(), x.data(),
                                                 cast(y.data()), FFTW_ESTIMATE))));
  }
  return *slot;
}

const Fft& Fft::complex_many(const FftMany& m) {
  static std::map<FftMany, std::unique_ptr<Fft>> plans;
  std::lock_guard lock(planner());
  auto& slot = plans[m];
  if (!slot) {
    const auto span = [&](int stride, int distance) {
      return static_cast<size_t>(m.length - 1) * stride + static_cast<size_t>(m.count - 1) * distance + 1;
    };
    FftBuffer<Complex> x(span(m.in_stride, m.in_distance)), y(span(m.out_stride, m.out_distance));
    slot.reset(new Fft(checked(fftw_plan_many_dft(1, &m.length, m.count, cast(x.data()), nullptr, m.in_stride,
                                                  m.in_distance, cast(y.data()), nullptr, m.out_stride,
                                                  m.out_distance, FFTW_FORWARD, FFTW_ESTIMATE))));
  }
  return *slot;
}

void Fft::run(const double* in, Complex* out) const {
  fftw_execute_dft_r2c(static_cast<fftw_plan>(plan_), const_cast<double*>(in), cast(out));
}

void Fft::run(const Complex* in, Complex* out) const {
  fftw_execute_dft(static_cast<fftw_plan>(plan_), cast(const_cast<Complex*>(in)), cast(out));
}

}  // namespace windtunnel::metrics
