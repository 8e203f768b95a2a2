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

/// kLanes pairs of windows at once. Values of equal place in the windows stand side by side: (n,n,kLanes).
struct CorrelationBatch {
  static constexpr int kLanes = Correlator::kLanes;
  int n = 0;
  const float *a[kLanes], *b[kLanes];  ///< first pixel of each window
  int stride_a = 0, stride_b = 0;      ///< pixels per row of the pictures
  const int* reversed = nullptr;
  const float *cosine = nullptr, *sine = nullptr;
  float *real = nullptr, *imaginary = nullptr;     ///< (n,n,kLanes)
  float *map = nullptr, *map_imaginary = nullptr;  ///< out: correlation, zero displacement at (n/2,n/2)
  int peak[kLanes];                                ///< out: index of the first maximum
  float second[kLanes];  ///< out: highest positive value outside 5 x 5 points around it
};

namespace {

constexpr int kLanes = Correlator::kLanes;

struct Complex {
  float re, im;
};
WINDTUNNEL_INLINE Complex twiddle(const CorrelationBatch& t, int k) { return {t.cosine[k], -t.sine[k]}; }

/// (x, y) -> (x + w y, x - w y).
WINDTUNNEL_INLINE void butterfly(float& xr, float& xi, float& yr, float& yi, Complex w) {
  const float tr = w.re * yr - w.im * yi, ti = w.re * yi + w.im * yr;
  yr = xr - tr;
  yi = xi - ti;
  xr += tr;
  xi += ti;
}

/// Transform with exp(-2 pi i jk/n) of n values per lane in bit-reversed order; the result is in natural
/// order. Two radix-2 stages per pass over the data, and one alone where their number is odd.
WINDTUNNEL_INLINE void transform_line(float* __restrict re, float* __restrict im, const CorrelationBatch& t) {
  const int n = t.n;
  int half = 1;
  for (; 4 * half <= n; half *= 4)
    for (int k = 0; k < half; ++k) {
      const Complex w1 = twiddle(t, k * (n / (2 * half))), w2 = twiddle(t, k * (n / (4 * half))),
                    w3 = twiddle(t, (k + half) * (n / (4 * half)));
      for (int begin = 0; begin < n; begin += 4 * half) {
        float *r0 = re + (begin + k) * kLanes, *i0 = im + (begin + k) * kLanes;
        float *r1 = r0 + half * kLanes, *i1 = i0 + half * kLanes;
        float *r2 = r1 + half * kLanes, *i2 = i1 + half * kLanes;
        float *r3 = r2 + half * kLanes, *i3 = i2 + half * kLanes;
#pragma GCC ivdep
        for (int l = 0; l < kLanes; ++l) {
          float ar = r0[l], ai = i0[l], br = r1[l], bi = i1[l], cr = r2[l], ci = i2[l], dr = r3[l],
                di = i3[l];
          butterfly(ar, ai, br, bi, w1);
          butterfly(cr, ci, dr, di, w1);
          butterfly(ar, ai, cr, ci, w2);
          butterfly(br, bi, dr, di, w3);
          r0[l] = ar, i0[l] = ai, r1[l] = br, i1[l] = bi, r2[l] = cr, i2[l] = ci, r3[l] = dr, i3[l] = di;
        }
      }
    }
  for (; 2 * half <= n; half *= 2)
    for (int k = 0; k < half; ++k) {
      const Complex w = twiddle(t, k * (n / (2 * half)));
      for (int begin = 0; begin < n; begin += 2 * half) {
        float *xr = re + (begin + k) * kLanes, *xi = im + (begin + k) * kLanes;
        float *yr = xr + half * kLanes, *yi = xi + half * kLanes;
#pragma GCC ivdep
        for (int l = 0; l < kLanes; ++l) butterfly(xr[l], xi[l], yr[l], yi[l], w);
      }
    }
}

/// Both axes of (n,n,kLanes) values in bit-reversed order. Columns go through a buffer that stays in the
/// cache.
WINDTUNNEL_INLINE void transform(float* re, float* im, const CorrelationBatch& t) {
  const int n = t.n, line = n * kLanes;
  alignas(64) float cr[64 * kLanes], ci[64 * kLanes];
  for (int r = 0; r < n; ++r) transform_line(re + r * line, im + r * line, t);
  for (int c = 0; c < n; ++c) {
    float *from_r = re + c * kLanes, *from_i = im + c * kLanes;
    for (int r = 0; r < n; ++r)
      for (int l = 0; l < kLanes; ++l) {
        cr[r * kLanes + l] = from_r[r * line + l];
        ci[r * kLanes + l] = from_i[r * line + l];
      }
    transform_line(cr, ci, t);
    for (int r = 0; r < n; ++r)
      for (int l = 0; l < kLanes; ++l) {
        from_r[r * line + l] = cr[r * kLanes + l];
        from_i[r * line + l] = ci[r * kLanes + l];
      }
  }
}

/// Mean of a window and 1 / sqrt of the sum of squares about it (0 for a constant window).
WINDTUNNEL_INLINE void moments(const float* window, int stride, int n, float& mean, float& scale) {
  constexpr int kSums = 8;
  float part[kSums] = {};
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < n; c += kSums)
      for (int i = 0; i < kSums; ++i) part[i] += window[r * stride + c + i];
  float sum = 0;
  for (float& p : part) sum += p;
  mean = sum / static_cast<float>(n * n);
  for (float& p : part) p = 0;
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < n; c += kSums)
      for (int i = 0; i < kSums; ++i) {
        const float v = window[r * stride + c + i] - mean;
        part[i] += v * v;
      }
  float squares = 0;
  for (const float p : part) squares += p;
  scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
}

/// Window a becomes the real part, window b the imaginary part of one signal.
WINDTUNNEL_INLINE void load(CorrelationBatch& t) {
  const int n = t.n;
  alignas(64) float mean_a[kLanes], mean_b[kLanes], scale_a[kLanes], scale_b[kLanes];
  for (int l = 0; l < kLanes; ++l) {
    moments(t.a[l], t.stride_a, n, mean_a[l], scale_a[l]);
    moments(t.b[l], t.stride_b, n, mean_b[l], scale_b[l]);
  }
  alignas(64) float va[kLanes], vb[kLanes];
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < n; ++c) {
      const int to = (t.reversed[r] * n + t.reversed[c]) * kLanes;
      for (int l = 0; l < kLanes; ++l) {
        va[l] = t.a[l][r * t.stride_a + c];
        vb[l] = t.b[l][r * t.stride_b + c];
      }
#pragma GCC ivdep
      for (int l = 0; l < kLanes; ++l) {
        t.real[to + l] = (va[l] - mean_a[l]) * scale_a[l];
        t.imaginary[to + l] = (vb[l] - mean_b[l]) * scale_b[l];
      }
    }
}

/// conj(A) B out of Z = A + iB: A = (Z(k) + conj Z(-k))/2, B = (Z(k) - conj Z(-k))/2i. The map is wanted
/// shifted by n/2 on both axes (sign (-1)^(r+c)) and by the inverse transform (conjugate in, real part out).
WINDTUNNEL_INLINE void multiply(CorrelationBatch& t) {
  const int n = t.n;
  const float scale = 0.25f / static_cast<float>(n * n);
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < n; ++c) {
      const int k = (r * n + c) * kLanes, m = ((n - r) % n * n + (n - c) % n) * kLanes,
                to = (t.reversed[r] * n + t.reversed[c]) * kLanes;
      const float s = (r + c) % 2 ? -scale : scale;
#pragma GCC ivdep
      for (int l = 0; l < kLanes; ++l) {
        const float zr = t.real[k + l], zi = t.imaginary[k + l], yr = t.real[m + l], yi = t.imaginary[m + l];
        const float ar = zr + yr, ai = zi - yi, br = zi + yi, bi = yr - zr;
        t.map[to + l] = s * (ar * br + ai * bi);
        t.map_imaginary[to + l] = -s * (ar * bi - ai * br);
      }
    }
}

WINDTUNNEL_INLINE void search(CorrelationBatch& t) {
  const int n = t.n;
  alignas(64) float best[kLanes], second[kLanes];
  alignas(64) int at[kLanes], row[kLanes], column[kLanes];
  for (int l = 0; l < kLanes; ++l) {
    best[l] = t.map[l];
    at[l] = 0;
    second[l] = 0;
  }
  for (int k = 1; k < n * n; ++k)
    for (int l = 0; l < kLanes; ++l) {
      const float v = t.map[k * kLanes + l];
      const bool higher = v > best[l];
      best[l] = higher ? v : best[l];
      at[l] = higher ? k : at[l];
    }
  for (int l = 0; l < kLanes; ++l) {
    row[l] = at[l] / n;
    column[l] = at[l] % n;
  }
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < n; ++c)
      for (int l = 0; l < kLanes; ++l) {
        const float v = t.map[(r * n + c) * kLanes + l];
        const int dr = r - row[l], dc = c - column[l];
        const bool counts = (dr > 2) | (dr < -2) | (dc > 2) | (dc < -2);
        second[l] = counts & (v > second[l]) ? v : second[l];
      }
  for (int l = 0; l < kLanes; ++l) {
    t.peak[l] = at[l];
    t.second[l] = second[l];
  }
}

WINDTUNNEL_INLINE void correlate(CorrelationBatch& t) {
  load(t);
  transform(t.real, t.imaginary, t);
  multiply(t);
  transform(t.map, t.map_imaginary, t);
  search(t);
}

void correlate_sse2(CorrelationBatch& t) { correlate(t); }
#if defined(__x86_64__)
__attribute__((target("avx2"))) void correlate_avx2(CorrelationBatch& t) { correlate(t); }
__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,prefer-vector-width=512"))) void correlate_avx512(
    CorrelationBatch& t) {
  correlate(t);
}
#endif

struct Variant {
  std::string name;
  void (*run)(CorrelationBatch&);
};
const std::vector<Variant>& variants() {
  static const std::vector<Variant> list = [] {
    std::vector<Variant> v = {{"sse2", correlate_sse2}};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) v.push_back({"avx2", correlate_avx2});
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
      v.push_back({"avx512", correlate_avx512});
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
  if (kernels == "fast") correlate_ = variants().back().run;
  for (const auto& v : variants())
    if (v.name == kernels) correlate_ = v.run;
  if (!correlate_)
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
  result.resize(windows.size());
  CorrelationBatch batch;
  batch.n = n;
  batch.stride_a = a.width;
  batch.stride_b = b.width;
  batch.reversed = reversed_.data();
  batch.cosine = cosine_.data();
  batch.sine = sine_.data();
  batch.real = real_.data();
  batch.imaginary = imaginary_.data();
  batch.map = real2_.data();
  batch.map_imaginary = imaginary2_.data();
  for (size_t first = 0; first < windows.size(); first += kLanes) {
    const int count = static_cast<int>(std::min<size_t>(kLanes, windows.size() - first));
    for (int lane = 0; lane < kLanes; ++lane) {  // the last batch repeats its last pair
      const WindowPair& w = windows[first + std::min(lane, count - 1)];
      batch.a[lane] = a.value.data() + static_cast<size_t>(w.row_a) * a.width + w.column_a;
      batch.b[lane] = b.value.data() + static_cast<size_t>(w.row_b) * b.width + w.column_b;
    }
    correlate_(batch);
    for (int lane = 0; lane < count; ++lane)
      result[first + lane] = refine_peak(batch.map + lane, n, kLanes, batch.peak[lane] / n,
                                         batch.peak[lane] % n, batch.second[lane]);
  }
}

}  // namespace windtunnel::datasets::lab::piv
