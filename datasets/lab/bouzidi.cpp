#include "datasets/lab/bouzidi.h"

#include <optional>

namespace windtunnel::datasets::lab {
namespace {

constexpr double kFar = 4;  ///< cells; no link from here meets the body, even where distances are estimates

/// Share of the link from (x,y) along direction q that lies outside, if the link meets the body. Points
/// between the two cells are looked at, too: a trailing edge is thinner than a cell.
std::optional<double> outside_share(const std::function<double(double, double)>& distance, int x, int y,
                                    int q) {
  constexpr int kPoints = 16;
  const auto inside = [&](double s) { return distance(x + s * kCx[q], y + s * kCy[q]) <= 0; };
  double high = 1;
  bool met = inside(1);
  for (int i = 1; i < kPoints && !(met && high < 1); ++i) {
    const double s = static_cast<double>(i) / kPoints;
    if (!inside(s)) continue;
    met = true;
    high = s;
  }
  if (!met) return std::nullopt;
  double low = 0;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (inside(middle) ? high : low) = middle;
  }
  return low;
}

}  // namespace

BouzidiWall::BouzidiWall(const Lattice& lattice, const std::function<double(double, double)>& distance) {
  for (int y = 1; y < lattice.height() - 1; ++y)
    for (int x = 1; x < lattice.width() - 1; ++x) {
      const double nearest = distance(x, y);
      if (nearest <= 0) {
        solid_.push_back({x, y});
        continue;
      }
      if (nearest > kFar) continue;
      for (int q = 1; q < kDirections; ++q)
        if (const auto share = outside_share(distance, x, y, q))
          links_.push_back({x, y, q, static_cast<float>(*share)});
    }
  incoming_.resize(links_.size());
}

Vec2 BouzidiWall::apply(Lattice& lattice) {
  for (const auto& cell : solid_)
    for (int q = 0; q < kDirections; ++q) lattice.row(q, cell.y)[cell.x] = 0;
  // Weights of the populations cancel in the interpolation and, over a closed outline, in the force. Where
  // the body is thinner than a link, cells on both sides write to one another: all is read before.
  Vec2 momentum;
  for (size_t i = 0; i < links_.size(); ++i) {
    const Link& link = links_[i];
    const int back = kOpposite[link.q];
    const float s = link.fraction, out = lattice.row(link.q, link.y)[link.x];
    incoming_[i] =
        s < 0.5f ? 2 * s * out + (1 - 2 * s) * lattice.row(link.q, link.y - kCy[link.q])[link.x - kCx[link.q]]
                 : (out + (2 * s - 1) * lattice.row(back, link.y)[link.x]) / (2 * s);
    momentum.x += kCx[link.q] * (double{out} + incoming_[i]);
    momentum.y += kCy[link.q] * (double{out} + incoming_[i]);
  }
  for (size_t i = 0; i < links_.size(); ++i) {
    const Link& link = links_[i];
    lattice.row(kOpposite[link.q], link.y + kCy[link.q])[link.x + kCx[link.q]] = incoming_[i];
  }
  return momentum;
}

}  // namespace windtunnel::datasets::lab
