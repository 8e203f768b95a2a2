// The collision by its definition, cell by cell in double precision: moments are sums over the nine
// directions, nothing is simplified. It is the truth that the vectorised kernels are tested against.
#include <cmath>

#include "core/error.h"
#include "core/text.h"
#include "datasets/lab/kernel.h"
#include "datasets/lab/lattice.h"

namespace windtunnel::datasets::lab {
namespace {

struct Cell {
  double f[9];
  double rho = 0, u = 0, v = 0;

  void find_velocity() {
    rho = u = v = 0;
    for (int q = 0; q < kDirections; ++q) {
      rho += f[q];
      u += kCx[q] * f[q];
      v += kCy[q] * f[q];
    }
    u /= rho;
    v /= rho;
  }
};

double equilibrium(int q, double rho, double u, double v) {
  const double cu = kCx[q] * u + kCy[q] * v;
  return kWeight[q] * rho * (1 + 3 * cu + 4.5 * cu * cu - 1.5 * (u * u + v * v));
}

double ipow(double x, int n) { return n == 0 ? 1 : n == 1 ? x : x * x; }

void relax(Cell& cell, double tau0, double closure) {
  cell.find_velocity();
  const double rho = cell.rho, u = cell.u, v = cell.v;
  double k[3][3] = {};  // central moments
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b)
      for (int q = 0; q < kDirections; ++q) k[a][b] += cell.f[q] * ipow(kCx[q] - u, a) * ipow(kCy[q] - v, b);

  const double n = k[2][0] - k[0][2], kxy = k[1][1];
  const double tau = (tau0 + std::sqrt(tau0 * tau0 + closure * std::sqrt(n * n + 4 * kxy * kxy) / rho)) / 2;
  const double w = 1 / tau;
  k[2][0] = (2 * rho / 3 + (1 - w) * n) / 2;
  k[0][2] = (2 * rho / 3 - (1 - w) * n) / 2;
  k[1][1] = (1 - w) * kxy;
  k[2][1] = k[1][2] = 0;
  k[2][2] = rho / 9;

  double m[3][3] = {};  // raw moments by the binomial theorem
  const double binomial[3][3] = {{1, 0, 0}, {1, 1, 0}, {1, 2, 1}};
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b)
      for (int i = 0; i <= a; ++i)
        for (int j = 0; j <= b; ++j)
          m[a][b] += binomial[a][i] * binomial[b][j] * ipow(u, a - i) * ipow(v, b - j) * k[i][j];

  // Per axis the populations at c = -1, 0, 1 with moments m0, m1, m2 are (m2 - m1)/2, m0 - m2, (m2 + m1)/2.
  const double inverse[3][3] = {{0, -0.5, 0.5}, {1, 0, -1}, {0, 0.5, 0.5}};
  for (int q = 0; q < kDirections; ++q) {
    cell.f[q] = 0;
    for (int a = 0; a < 3; ++a)
      for (int b = 0; b < 3; ++b) cell.f[q] += inverse[kCx[q] + 1][a] * inverse[kCy[q] + 1][b] * m[a][b];
  }
}

void collide(const CollisionRow& row, bool absorb) {
  for (int x = 0; x < row.count; ++x) {
    Cell cell;
    for (int q = 0; q < kDirections; ++q) cell.f[q] = kWeight[q] + row.in[q][x];
    relax(cell, row.tau0[x], row.closure);
    for (int q = 0; q < kDirections; ++q) {
      double f = cell.f[q];
      if (absorb) {
        const double own = equilibrium(q, cell.rho, cell.u, cell.v);
        f += row.far[x] * (equilibrium(q, 1, row.far_u, row.far_v) - own);
        f += row.outlet[x] * (equilibrium(q, 1, cell.u, cell.v) - own);
      }
      row.out[q][x] = static_cast<float>(f - kWeight[q]);
    }
  }
}

}  // namespace

void reference_collide(const CollisionRow& row) { collide(row, false); }
void reference_collide_absorb(const CollisionRow& row) { collide(row, true); }

void reference_penalise(const BodyRow& row) {
  for (int x = 0; x < row.count; ++x) {
    Cell cell;
    for (int q = 0; q < kDirections; ++q) cell.f[q] = kWeight[q] + row.f[q][x];
    cell.find_velocity();
    const double du = row.chi[x] * (row.body_u - cell.u);
    const double dv = row.chi[x] * (row.body_v + row.body_v_step * x - cell.v);
    for (int q = 0; q < kDirections; ++q)
      row.f[q][x] =
          static_cast<float>(cell.f[q] - kWeight[q] + equilibrium(q, cell.rho, cell.u + du, cell.v + dv) -
                             equilibrium(q, cell.rho, cell.u, cell.v));
    row.push_u[x] = static_cast<float>(cell.rho * du);
    row.push_v[x] = static_cast<float>(cell.rho * dv);
  }
}

const Kernel& kernel(const std::string& name) {
  const auto& list = kernels();
  if (name == "fast") return list.back();
  std::vector<std::string> names = {"fast"};
  for (const auto& k : list) {
    if (k.name == name) return k;
    names.push_back(k.name);
  }
  throw core::usage_error("unknown kernel '" + name + "'", "one that this processor runs",
                          core::suggestion(name, names));
}

}  // namespace windtunnel::datasets::lab
