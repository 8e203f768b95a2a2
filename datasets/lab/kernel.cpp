// Compiled with -O3 -fno-math-errno (datasets/CMakeLists.txt) so that the loops become vector code.
// Floating-point contraction is off in the whole build: each variant rounds every operation alike.
#include "datasets/lab/kernel.h"

#include <cmath>

#define WINDTUNNEL_INLINE inline __attribute__((always_inline))

namespace windtunnel::datasets::lab {
namespace {

constexpr float kW0 = 4.f / 9, kW1 = 1.f / 9, kW2 = 1.f / 36;

/// E_q(u) = feq_q(rho, u) / rho - w_q, the second-order equilibrium.
struct Equilibrium {
  float e[9];
};

WINDTUNNEL_INLINE Equilibrium equilibrium(float u, float v) {
  const float uu = 4.5f * u * u, vv = 4.5f * v * v, base = -1.5f * (u * u + v * v);
  const float p = u + v, m = v - u, pp = 4.5f * p * p + base, mm = 4.5f * m * m + base;
  return {{kW0 * base, kW1 * (base + uu + 3 * u), kW1 * (base + vv + 3 * v), kW1 * (base + uu - 3 * u),
           kW1 * (base + vv - 3 * v), kW2 * (pp + 3 * p), kW2 * (mm + 3 * m), kW2 * (pp - 3 * p),
           kW2 * (mm - 3 * m)}};
}

constexpr float kW[9] = {kW0, kW1, kW1, kW1, kW1, kW2, kW2, kW2, kW2};

template <bool kAbsorb>
WINDTUNNEL_INLINE void collide(const CollisionRow& row) {
  const float* __restrict i0 = row.in[0], * __restrict i1 = row.in[1], * __restrict i2 = row.in[2], * __restrict i3 = row.in[3], * __restrict i4 = row.in[4], * __restrict i5 = row.in[5], * __restrict i6 = row.in[6], * __restrict i7 = row.in[7], * __restrict i8 = row.in[8];
  float* __restrict o0 = row.out[0], * __restrict o1 = row.out[1], * __restrict o2 = row.out[2], * __restrict o3 = row.out[3], * __restrict o4 = row.out[4], * __restrict o5 = row.out[5], * __restrict o6 = row.out[6], * __restrict o7 = row.out[7], * __restrict o8 = row.out[8];
  const float* __restrict tau0 = row.tau0, * __restrict far = row.far, * __restrict outlet = row.outlet;
  const float closure = row.closure;
  const Equilibrium target = equilibrium(row.far_u, row.far_v);
  const int count = row.count;
#pragma GCC ivdep
  for (int x = 0; x < count; ++x) {
    const float f1 = i1[x], f2 = i2[x], f3 = i3[x], f4 = i4[x];
    const float f5 = i5[x], f6 = i6[x], f7 = i7[x], f8 = i8[x];
    // Deviations of the moments from those of the fluid at rest, and velocity.
    const float axis_x = f1 + f3, axis_y = f2 + f4, a = f5 + f7, b = f6 + f8, diagonal = a + b;
    const float drho = i0[x] + ((axis_x + axis_y) + diagonal);
    const float rho = 1 + drho, inverse = 1 / rho;
    const float jx = (f1 - f3) + ((f5 - f7) - (f6 - f8));
    const float jy = (f2 - f4) + ((f5 - f7) + (f6 - f8));
    const float u = jx * inverse, v = jy * inverse;
    const float n = (axis_x - axis_y) - (jx * u - jy * v);
    const float kxy = (a - b) - jx * v;

    const float t0 = tau0[x];
    const float tau = 0.5f * (t0 + std::sqrt(t0 * t0 + closure * std::sqrt(n * n + 4 * kxy * kxy) * inverse));
    const float keep = 1 - 1 / tau;
    const float half_n = 0.5f * (keep * n), k11 = keep * kxy;

    const float third = drho * (1.f / 3);
    const float k20 = third + half_n, k02 = third - half_n;  // plus 1/3 each
    const float full20 = k20 + 1.f / 3, full02 = k02 + 1.f / 3;
    const float uu = u * u, vv = v * v, uv = u * v;
    const float m20 = k20 + jx * u, m02 = k02 + jy * v, m11 = k11 + jx * v;
    const float m21 = 2 * u * k11 + v * full20 + jy * uu;
    const float m12 = 2 * v * k11 + u * full02 + jx * vv;
    const float m22 = drho * (1.f / 9) + vv * full20 + uu * full02 + 4 * uv * k11 + rho * uu * vv;

    float g[9];
    g[0] = drho - m20 - m02 + m22;
    const float ex = 0.5f * (m20 - m22), ox = 0.5f * (jx - m12);
    const float ey = 0.5f * (m02 - m22), oy = 0.5f * (jy - m21);
    g[1] = ex + ox;
    g[3] = ex - ox;
    g[2] = ey + oy;
    g[4] = ey - oy;
    const float even = 0.25f * (m22 + m11), odd = 0.25f * (m22 - m11);
    const float sum = 0.25f * (m21 + m12), difference = 0.25f * (m21 - m12);
    g[5] = even + sum;
    g[7] = even - sum;
    g[6] = odd + difference;
    g[8] = odd - difference;

    if constexpr (kAbsorb) {
      const float s = far[x], own = -(outlet[x] * drho) - s * rho;
      const Equilibrium local = equilibrium(u, v);
      for (int q = 0; q < 9; ++q)
        g[q] += (kW[q] * (-(outlet[x] * drho) - s * drho) + own * local.e[q]) + s * target.e[q];
    }
    o0[x] = g[0], o1[x] = g[1], o2[x] = g[2], o3[x] = g[3], o4[x] = g[4];
    o5[x] = g[5], o6[x] = g[6], o7[x] = g[7], o8[x] = g[8];
  }
}

WINDTUNNEL_INLINE void penalise(const BodyRow& row) {
  float* __restrict p0 = row.f[0], * __restrict p1 = row.f[1], * __restrict p2 = row.f[2], * __restrict p3 = row.f[3], * __restrict p4 = row.f[4], * __restrict p5 = row.f[5], * __restrict p6 = row.f[6], * __restrict p7 = row.f[7], * __restrict p8 = row.f[8];
  const float* __restrict chi = row.chi;
  float* __restrict push_u = row.push_u, * __restrict push_v = row.push_v;
  const float body_u = row.body_u, body_v = row.body_v, step = row.body_v_step;
  const int count = row.count;
#pragma GCC ivdep
  for (int x = 0; x < count; ++x) {
    const float f1 = p1[x], f2 = p2[x], f3 = p3[x], f4 = p4[x], f5 = p5[x], f6 = p6[x], f7 = p7[x],
                f8 = p8[x];
    const float rho = 1 + (p0[x] + (((f1 + f3) + (f2 + f4)) + ((f5 + f7) + (f6 + f8))));
    const float u = ((f1 - f3) + ((f5 - f7) - (f6 - f8))) / rho;
    const float v = ((f2 - f4) + ((f5 - f7) + (f6 - f8))) / rho;
    const float du = chi[x] * (body_u - u), dv = chi[x] * (body_v + step * static_cast<float>(x) - v);
    const Equilibrium before = equilibrium(u, v), after = equilibrium(u + du, v + dv);
    p0[x] += rho * (after.e[0] - before.e[0]);
    p1[x] += rho * (after.e[1] - before.e[1]);
    p2[x] += rho * (after.e[2] - before.e[2]);
    p3[x] += rho * (after.e[3] - before.e[3]);
    p4[x] += rho * (after.e[4] - before.e[4]);
    p5[x] += rho * (after.e[5] - before.e[5]);
    p6[x] += rho * (after.e[6] - before.e[6]);
    p7[x] += rho * (after.e[7] - before.e[7]);
    p8[x] += rho * (after.e[8] - before.e[8]);
    push_u[x] = rho * du;
    push_v[x] = rho * dv;
  }
}

#define WINDTUNNEL_VARIANT(suffix, ...)                                               \
  __VA_ARGS__ void collide_##suffix(const CollisionRow& row) { collide<false>(row); } \
  __VA_ARGS__ void absorb_##suffix(const CollisionRow& row) { collide<true>(row); }   \
  __VA_ARGS__ void penalise_##suffix(const BodyRow& row) { penalise(row); }

WINDTUNNEL_VARIANT(sse2)
#if defined(__x86_64__)
WINDTUNNEL_VARIANT(avx2, __attribute__((target("avx2"))))
WINDTUNNEL_VARIANT(avx512,
                   __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,prefer-vector-width=512"))))
#endif

}  // namespace

void reference_collide(const CollisionRow& row);
void reference_collide_absorb(const CollisionRow& row);
void reference_penalise(const BodyRow& row);

const std::vector<Kernel>& kernels() {
  static const std::vector<Kernel> list = [] {
    std::vector<Kernel> k = {{"reference", reference_collide, reference_collide_absorb, reference_penalise},
                             {"sse2", collide_sse2, absorb_sse2, penalise_sse2}};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) k.push_back({"avx2", collide_avx2, absorb_avx2, penalise_avx2});
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
      k.push_back({"avx512", collide_avx512, absorb_avx512, penalise_avx512});
#endif
    return k;
  }();
  return list;
}

}  // namespace windtunnel::datasets::lab
