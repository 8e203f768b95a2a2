#include "datasets/lab/taylor_green.h"

#include <cmath>
#include <vector>

#include "datasets/lab/edges.h"
#include "datasets/lab/kernel.h"
#include "datasets/lab/lattice.h"
#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {
namespace {

void wrap(Lattice& f) {
  const int n = f.height(), w = f.width();
  for (int q = 0; q < kDirections; ++q) {
    for (int y = 0; y < n; ++y) {
      f.row(q, y)[-1] = f.row(q, y)[w - 1];
      f.row(q, y)[w] = f.row(q, y)[0];
    }
    for (int x = -1; x <= w; ++x) {
      f.row(q, -1)[x] = f.row(q, n - 1)[x];
      f.row(q, n)[x] = f.row(q, 0)[x];
    }
  }
}

constexpr double kMeanU = 1, kMeanV = 0.5;  // U

struct Sums {
  double mass = 0, x = 0, y = 0, size = 0;
};

Sums sums(const Lattice& f) {
  Sums s;
  for (int y = 0; y < f.height(); ++y)
    for (int x = 0; x < f.width(); ++x) {
      double jx = 0, jy = 0;
      for (int q = 0; q < kDirections; ++q) {
        const double g = f.row(q, y)[x];
        s.mass += g;
        jx += kCx[q] * g;
        jy += kCy[q] * g;
      }
      s.x += jx;
      s.y += jy;
      s.size += std::hypot(jx, jy);
    }
  return s;
}

}  // namespace

TaylorGreen taylor_green(int n, const std::string& kernels) {
  const double speed = 0.32 / n, nu = speed * n / 100, k = 2 * kPi / n, tau = 3 * nu + 0.5;
  Lattice now(n, n), next(n, n);
  for (int y = 0; y < n; ++y)
    for (int x = 0; x < n; ++x) {
      const double cx = cos_turns(double(x) / n), sx = sin_turns(double(x) / n);
      const double cy = cos_turns(double(y) / n), sy = sin_turns(double(y) / n);
      const double u = kMeanU * speed - speed * cx * sy, v = kMeanV * speed + speed * sx * cy;
      const double cos2x = cos_turns(2.0 * x / n), cos2y = cos_turns(2.0 * y / n);
      const double drho = -0.75 * speed * speed * (cos2x + cos2y);  // p = -U^2/4 (cos 2kx + cos 2ky)
      // Strain rate S_xx = -S_yy = k U sin sin, S_xy = 0; state after the collision.
      const double sxx = k * speed * sx * sy, scale = -2.0 / 3 * (tau - 1);
      for (int q = 0; q < kDirections; ++q)
        now.row(q, y)[x] = static_cast<float>(
            kWeight[q] * drho + quadratic(q, static_cast<float>(u), static_cast<float>(v)) +
            4.5 * kWeight[q] * scale * (kCx[q] * kCx[q] - kCy[q] * kCy[q]) * sxx);
    }
  const Sums before = sums(now);
  const Kernel& run = kernel(kernels);
  const std::vector<float> tau0(n, static_cast<float>(tau)), none(n, 0.0f);
  const auto steps = static_cast<int64_t>(std::llround(log_of(2) / (2 * nu * k * k)));
  for (int64_t i = 0; i < steps; ++i) {
    wrap(now);
    for (int y = 0; y < n; ++y) {
      CollisionRow row;
      for (int q = 0; q < kDirections; ++q) {
        row.in[q] = now.row(q, y - kCy[q]) - kCx[q];
        row.out[q] = next.row(q, y);
      }
      row.tau0 = tau0.data();
      row.far = row.outlet = none.data();
      row.count = n;
      run.collide(row);
    }
    std::swap(now, next);
  }
  const Sums after = sums(now);
  TaylorGreen result;
  result.mass_drift = std::abs(after.mass - before.mass) / (double(n) * n);
  result.momentum_drift = std::hypot(after.x - before.x, after.y - before.y) / before.size;
  const double decay = exp_of(-2 * nu * k * k * static_cast<double>(steps));
  const double path = speed * static_cast<double>(steps);
  double error = 0, norm = 0;
  for (int y = 0; y < n; ++y)
    for (int x = 0; x < n; ++x) {
      double rho = 1, jx = 0, jy = 0;
      for (int q = 0; q < kDirections; ++q) {
        const double g = now.row(q, y)[x];
        rho += g;
        jx += kCx[q] * g;
        jy += kCy[q] * g;
      }
      // Carried along by the mean flow.
      const double px = (x - kMeanU * path) / n, py = (y - kMeanV * path) / n;
      const double u = -speed * decay * cos_turns(px) * sin_turns(py),
                   v = speed * decay * sin_turns(px) * cos_turns(py);
      const double du = jx / rho - kMeanU * speed - u, dv = jy / rho - kMeanV * speed - v;
      error += du * du + dv * dv;
      norm += u * u + v * v;
    }
  result.error = std::sqrt(error / norm);
  return result;
}

}  // namespace windtunnel::datasets::lab
