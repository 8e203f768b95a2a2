#include "datasets/lab/bouzidi.h"

namespace windtunnel::datasets::lab {

BouzidiWall::BouzidiWall(const Lattice& lattice, const std::function<double(double, double)>& distance) {
  for (int y = 1; y < lattice.height() - 1; ++y)
    for (int x = 1; x < lattice.width() - 1; ++x) {
      if (distance(x, y) <= 0) {
        solid_.push_back({x, y});
        continue;
      }
      for (int q = 1; q < kDirections; ++q) {
        if (distance(x + kCx[q], y + kCy[q]) > 0) continue;
        double low = 0, high = 1;
        for (int i = 0; i < 40; ++i) {
          const double middle = (low + high) / 2;
          (distance(x + middle * kCx[q], y + middle * kCy[q]) > 0 ? low : high) = middle;
        }
        links_.push_back({x, y, q, static_cast<float>(low)});
      }
    }
}

Vec2 BouzidiWall::apply(Lattice& lattice) const {
  for (const auto& cell : solid_)
    for (int q = 0; q < kDirections; ++q) lattice.row(q, cell.y)[cell.x] = 0;
  // Weights of the populations cancel in the interpolation and, over a closed outline, in the force.
  Vec2 momentum;
  for (const auto& link : links_) {
    const int back = kOpposite[link.q];
    const float s = link.fraction, out = lattice.row(link.q, link.y)[link.x];
    const float in =
        s < 0.5f ? 2 * s * out + (1 - 2 * s) * lattice.row(link.q, link.y - kCy[link.q])[link.x - kCx[link.q]]
                 : (out + (2 * s - 1) * lattice.row(back, link.y)[link.x]) / (2 * s);
    lattice.row(back, link.y + kCy[link.q])[link.x + kCx[link.q]] = in;
    momentum.x += kCx[link.q] * (double{out} + in);
    momentum.y += kCy[link.q] * (double{out} + in);
  }
  return momentum;
}

}  // namespace windtunnel::datasets::lab
