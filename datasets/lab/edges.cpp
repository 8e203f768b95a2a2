#include "datasets/lab/edges.h"

#include <algorithm>

namespace windtunnel::datasets::lab {

float quadratic(int q, float u, float v) {
  const float cu = static_cast<float>(kCx[q]) * u + static_cast<float>(kCy[q]) * v;
  return static_cast<float>(kWeight[q]) * (3 * cu + 4.5f * cu * cu - 1.5f * (u * u + v * v));
}

void mirror_edges(Lattice& lattice) {
  constexpr int kMirror[9] = {0, 1, 4, 3, 2, 8, 7, 6, 5};
  const int width = lattice.width(), height = lattice.height();
  for (int q = 0; q < kDirections; ++q) {
    std::copy_n(lattice.row(kMirror[q], 0) - 1, width + 2, lattice.row(q, -1) - 1);
    std::copy_n(lattice.row(kMirror[q], height - 1) - 1, width + 2, lattice.row(q, height) - 1);
  }
}

void open_edges(Lattice& lattice, const float* in_u, const float* in_v) {
  for (int y = 0; y < lattice.height(); ++y)
    for (const bool inlet : {true, false}) {
      const int edge = inlet ? 0 : lattice.width() - 1, inside = inlet ? 1 : lattice.width() - 2;
      float g[9], drho = 0, jx = 0, jy = 0;
      for (int q = 0; q < kDirections; ++q) {
        g[q] = lattice.row(q, y)[inside];
        drho += g[q];
        jx += static_cast<float>(kCx[q]) * g[q];
        jy += static_cast<float>(kCy[q]) * g[q];
      }
      const float rho = 1 + drho, u = jx / rho, v = jy / rho;
      for (int q = 0; q < kDirections; ++q) {
        const float local = quadratic(q, u, v);
        lattice.row(q, y)[edge] = inlet ? g[q] + rho * (quadratic(q, in_u[y], in_v[y]) - local)
                                        : g[q] - drho * (static_cast<float>(kWeight[q]) + local);
      }
    }
}

}  // namespace windtunnel::datasets::lab
