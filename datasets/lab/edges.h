#pragma once

#include "datasets/lab/lattice.h"

namespace windtunnel::datasets::lab {

/// Second-order equilibrium of direction q over rho, minus the weight: w_q (3 c.u + 4.5 (c.u)^2 - 1.5 u.u).
float quadratic(int q, float u, float v);

/// Free slip at top and bottom: the halo rows hold the mirrored populations.
void mirror_edges(Lattice& lattice);

/// Left column: density of its right neighbour, velocity (u, v)[row] in lattice units (zero is a wall), the
/// neighbour's non-equilibrium part. Right column: density 1, otherwise like its left neighbour.
void open_edges(Lattice& lattice, const float* u, const float* v);

}  // namespace windtunnel::datasets::lab
