#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/lab/body.h"
#include "datasets/lab/bouzidi.h"
#include "datasets/lab/inflow.h"
#include "datasets/lab/kernel.h"
#include "datasets/lab/lattice.h"

namespace windtunnel::datasets::lab {

/// Lengths in D. The origin of coordinates lies `upstream` from the left edge, halfway up; x runs with the
/// stream.
struct FlowOptions {
  double length = 12, height = 8, upstream = 3.5;
  double reynolds = 100;
  int cells = 16;          ///< per D
  double speed = 0.08;     ///< U in lattice units; a step is speed/cells D/U
  double smagorinsky = 0;  ///< C_s (mixing length in cells)
  std::string wall =
      "penalised";  ///< penalised: smeared over two cells; bouzidi: exact outline, bodies at rest
  std::string kernels = "fast";
};

/// Fields at cell centres, row-major (y,x): velocity in U, pressure in rho U^2.
struct FlowFields {
  int width = 0, height = 0;
  double cells = 0;  ///< per D
  Vec2 first;        ///< place of cell (0,0)
  std::vector<float> u, v, p;
};

/// Weakly compressible two-dimensional flow past bodies: D2Q9 lattice Boltzmann with central moments and
/// Smagorinsky's closure. Left edge: inflow; right edge: density 1; top and bottom: free slip; absorbing
/// layers one D wide inside the edges. One thread; the state depends on the options and the number of steps
/// only.
class Flow {
 public:
  Flow(const FlowOptions& options, std::vector<Body> bodies);

  void start();  ///< uniform stream with a weak cross-stream wave that starts the shedding
  /// From another grid (linear interpolation), `time` D/U after its start.
  void start_from(const FlowFields& fields, double time = 0);
  void set_inflow(std::shared_ptr<Inflow> inflow) { inflow_ = std::move(inflow); }
  void step();

  double time() const { return time_; }         ///< D/U since the start
  double step_length() const { return step_; }  ///< D/U
  int width() const { return width_; }
  int height() const { return height_; }
  Vec2 force(size_t body = 0) const { return forces_.at(body); }  ///< on the body, last step, in rho U^2 D
  const std::vector<Body>& bodies() const { return bodies_; }
  /// Distance to the nearest body, positive outside.
  double distance(Vec2 p) const;
  void fields(FlowFields& fields) const;
  const Lattice& state() const { return *now_; }

 private:
  struct Mask {  ///< chi of one body over its box
    int x0 = 0, y0 = 0, nx = 0, ny = 0;
    std::vector<float> chi;
  };
  void impose(const FlowFields& fields);
  void build_layers();
  void cover(const Body& body, Mask& mask) const;
  void collide();
  void apply_bodies();
  void apply_edges();
  Vec2 place(int x, int y) const { return {first_.x + x / cells_, first_.y + y / cells_}; }

  FlowOptions options_;
  std::vector<Body> bodies_;
  double cells_, step_, time_ = 0;
  int width_, height_, layer_;
  Vec2 first_;
  const Kernel* kernel_;
  std::unique_ptr<Lattice> now_, next_;
  std::vector<float> tau0_, far_, outlet_;
  std::vector<float> inlet_u_, inlet_v_;  ///< lattice units
  std::shared_ptr<Inflow> inflow_;

  std::vector<Mask> masks_;
  std::vector<BouzidiWall> walls_;
  std::vector<Vec2> forces_;
  std::vector<float> push_u_, push_v_;
};

}  // namespace windtunnel::datasets::lab
