#pragma once

#include <functional>
#include <vector>

#include "datasets/lab/body.h"
#include "datasets/lab/lattice.h"

namespace windtunnel::datasets::lab {

/// Interpolated bounce-back at the exact outline of a body at rest (Bouzidi, Firdaouss, Lallemand 2001,
/// linear form). Each link from a fluid cell that meets the body, also one that ends in the fluid beyond a
/// part thinner than a cell, owns one population of the cell at its end, which nobody else pulls; apply()
/// puts there what the fluid cell shall pull in the next streaming, so the kernel needs no branch.
class BouzidiWall {
 public:
  /// `distance` of cell (x,y) coordinates to the outline in cells, positive outside; may be half or double
  /// the true one away from the outline.
  BouzidiWall(const Lattice& lattice, const std::function<double(double x, double y)>& distance);

  /// `lattice` after collision, before streaming. Returns the momentum given to the body, lattice units.
  Vec2 apply(Lattice& lattice);

 private:
  struct Link {
    int x, y, q;     ///< fluid cell and direction to the body
    float fraction;  ///< of the link that lies outside
  };
  struct Cell {
    int x, y;
  };
  std::vector<Link> links_;
  std::vector<float> incoming_;  ///< by link
  std::vector<Cell> solid_;
};

}  // namespace windtunnel::datasets::lab
