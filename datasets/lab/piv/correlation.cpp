// Compiled with -O3 (datasets/CMakeLists.txt); contraction is off in the whole build, so the variants agree
// bit by bit.
#include "datasets/lab/piv/correlation.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/text.h"
#include "datasets/lab/portable_math.h"

#define WINDTUNNEL_INLINE inline __attribute__((always_inline))

namespace windtunnel::datasets::lab::piv {
namespace {

constexpr int kLanes = Correlator::kLanes;

/// One butterfly on `count` neighbouring values: (x, y) -> (x + w y, x - w y).
WINDTUNNEL_INLINE void butterfly(float* __restrict xr, float* __restrict xi, float* __restrict yr,
                                 float* __restrict yi, float wr, float wi, int count) {
#pragma GCC ivdep
  for (int k = 0; k < count; ++k) {
    const float tr = wr * yr[k] - wi * yi[k], ti = wr * yi[k] + wi * yr[k];
    yr[k] = xr[k] - tr;
    yi[k] = xi[k] - ti;
    xr[k] += tr;
    xi[k] += ti;
  }
}

/// Two-dimensional transform with exp(-2 pi i jk/n) of (n,n,kLanes) values whose rows and columns stand in
/// bit-reversed order; the result is in natural order.
WINDTUNNEL_INLINE void transform(float* real, float* imaginary, int n, const float* cosine,
                                 const float* sine) {
  const int line = n * kLanes;
  for (int half = 1; half < n; half *= 2)
    for (int begin = 0; begin < n; begin += 2 * half)
      for (int k = 0; k < half; ++k) {
        const float wr = cosine[k * (n / (2 * half))], wi = -sine[k * (n / (2 * half))];
        // Along the columns: whole rows at once.
        const int x = (begin + k) * line, y = (begin + k + half) * line;
        butterfly(real + x, imaginary + x, real + y, imaginary + y, wr, wi, line);
      }
  for (int row = 0; row < n; ++row) {
    float *re = real + row * line, *im = imaginary + row * line;
    for (int half = 1; half < n; half *= 2)
      for (int begin = 0; begin < n; begin += 2 * half)
        for (int k = 0; k < half; ++k) {
          const float wr = cosine[k * (n / (2 * half))], wi = -sine[k * (n / (2 * half))];
          const int x = (begin + k) * kLanes, y = (begin + k + half) * kLanes;
          butterfly(re + x, im + x, re + y, im + y, wr, wi, kLanes);
        }
  }
}

void transform_sse2(float* real, float* imaginary, int n, const float* cosine, const float* sine) {
  transform(real, imaginary, n, cosine, sine);
}
#if defined(__x86_64__)
__attribute__((target("avx2"))) void transform_avx2(float* real, float* imaginary, int n, const float* cosine,
                                                    const float* sine) {
  transform(real, imaginary, n, cosine, sine);
}
__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,prefer-vector-width=512"))) void transform_avx512(
    float* real, float* imaginary, int n, const float* cosine, const float* sine) {
  transform(real, imaginary, n, cosine, sine);
}
#endif

struct Variant {
  std::string name;
  void (*run)(float*, float*, int, const float*, const float*);
};
const std::vector<Variant>& variants() {
  static const std::vector<Variant> list = [] {
    std::vector<Variant> v = {{"sse2", transform_sse2}};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) v.push_back({"avx2", transform_avx2});
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
      v.push_back({"avx512", transform_avx512});
#endif
    return v;
  }();
  return list;
}

}  // namespace

std::vector<std::string> correlator_kernels() {
  std::vector<std::string> names;
  for (const auto& v : variants()) names.push_back(v.name);
  return names;
}

Correlator::Correlator(int size, const std::string& kernels) : size_(size) {
  if (size != 8 && size != 16 && size != 32 && size != 64)
    throw core::usage_error("correlation windows of " + std::to_string(size) + " pixels", "8, 16, 32 or 64");
  if (kernels == "fast") transform_ = variants().back().run;
  for (const auto& v : variants())
    if (v.name == kernels) transform_ = v.run;
  if (!transform_)
    throw core::usage_error("unknown correlation kernel '" + kernels + "'", "",
                            core::suggestion(kernels, correlator_kernels()));
  int bits = 0;
  while ((1 << bits) < size) ++bits;
  for (int i = 0; i < size; ++i) {
    int r = 0;
    for (int b = 0; b < bits; ++b)
      if (i & (1 << b)) r |= 1 << (bits - 1 - b);
    reversed_.push_back(r);
    cosine_.push_back(static_cast<float>(cos_turns(static_cast<double>(i) / size)));
    sine_.push_back(static_cast<float>(sin_turns(static_cast<double>(i) / size)));
  }
  for (auto* buffer : {&real_, &imaginary_, &real2_, &imaginary2_})
    buffer->assign(static_cast<size_t>(size) * size * kLanes, 0.0f);
}

void Correlator::run(const GreyImage& a, const GreyImage& b, const std::vector<WindowPair>& windows,
                     std::vector<Displacement>& result) {
  const int n = size_;
  const auto place = [&](int r, int c) { return (static_cast<size_t>(r) * n + c) * kLanes; };
  result.resize(windows.size());
  for (size_t first = 0; first < windows.size(); first += kLanes) {
    const int count = static_cast<int>(std::min<size_t>(kLanes, windows.size() - first));
    // Window a is the real part, window b the imaginary part of one signal.
    for (int lane = 0; lane < count; ++lane) {
      const WindowPair& w = windows[first + lane];
      const auto load = [&](const GreyImage& image, int row, int column, std::vector<float>& to) {
        float sum = 0;
        for (int r = 0; r < n; ++r)
          for (int c = 0; c < n; ++c) sum += image.at(row + r, column + c);
        const float mean = sum / static_cast<float>(n * n);
        float squares = 0;
        for (int r = 0; r < n; ++r)
          for (int c = 0; c < n; ++c) {
            const float v = image.at(row + r, column + c) - mean;
            squares += v * v;
            to[place(reversed_[r], reversed_[c]) + lane] = v;
          }
        return squares;
      };
      const float sa = load(a, w.row_a, w.column_a, real_), sb = load(b, w.row_b, w.column_b, imaginary_);
      // C is divided by both deviations and by n^2 once for the mean, n^2 for the inverse transform.
      const float ka = sa > 0 ? 1 / std::sqrt(sa) : 0, kb = sb > 0 ? 1 / std::sqrt(sb) : 0;
      for (int k = 0; k < n * n; ++k) {
        real_[static_cast<size_t>(k) * kLanes + lane] *= ka;
        imaginary_[static_cast<size_t>(k) * kLanes + lane] *= kb;
      }
    }
    transform_(real_.data(), imaginary_.data(), n, cosine_.data(), sine_.data());
    // conj(A) B out of Z = A + iB: A = (Z(k) + conj Z(-k))/2, B = (Z(k) - conj Z(-k))/2i. The map is wanted
    // shifted by n/2 on both axes (sign (-1)^(r+c)) and by the inverse transform (conjugate in, real part
    // out).
    const float scale = 0.25f / static_cast<float>(n * n);
    for (int r = 0; r < n; ++r)
      for (int c = 0; c < n; ++c) {
        const size_t k = place(r, c), m = place((n - r) % n, (n - c) % n),
                     to = place(reversed_[r], reversed_[c]);
        const float s = (r + c) % 2 ? -scale : scale;
        for (int lane = 0; lane < kLanes; ++lane) {
          const float zr = real_[k + lane], zi = imaginary_[k + lane], yr = real_[m + lane],
                      yi = imaginary_[m + lane];
          const float ar = zr + yr, ai = zi - yi, br = zi + yi, bi = yr - zr;
          real2_[to + lane] = s * (ar * br + ai * bi);
          imaginary2_[to + lane] = -s * (ar * bi - ai * br);
        }
      }
    transform_(real2_.data(), imaginary2_.data(), n, cosine_.data(), sine_.data());
    for (int lane = 0; lane < count; ++lane)
      result[first + lane] = find_displacement(real2_.data() + lane, n, kLanes);
  }
}

}  // namespace windtunnel::datasets::lab::piv
