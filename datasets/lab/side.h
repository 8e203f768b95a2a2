#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/json.h"
#include "datasets/lab/camera.h"
#include "datasets/lab/flow.h"
#include "datasets/lab/measurement.h"
#include "datasets/lab/settings.h"
#include "datasets/lab/turbulence.h"
#include "datasets/lab/wake_statistics.h"

namespace windtunnel::datasets::lab {

/// One stored frame (H,W): velocity in m/s; numerical side: pressure in Pa; real side: velocity before
/// measurement.
struct Frame {
  std::vector<float> u, v, p, true_u, true_v;
};

/// One side of one trajectory, frame by frame. Everything random follows from (seed, scenario, sim_id).
class SideRun {
 public:
  /// `tick` is called every few steps with the number of cell updates since the last call; it may throw to
  /// stop.
  SideRun(const LabOptions& options, const LabSettings& settings, const Configuration& configuration,
          bool real, std::function<void(double updates)> tick = {});

  int64_t height() const { return camera_options_.height; }  ///< stored grid
  int64_t width() const { return camera_options_.width; }
  double work() const;  ///< cell updates from beginning to end

  void spin_up();
  void next(Frame& frame);

  std::vector<double> times() const;                                ///< s
  void axes(std::vector<double>& x, std::vector<double>& y) const;  ///< (H,W), m
  core::Json attributes()
      const;  ///< origin, solver, grid, Reynolds numbers, seeds, models, statistics so far

 private:
  FlowOptions flow_options(int cells) const;
  std::shared_ptr<Inflow> inflow(const Flow& flow, const char* stream) const;
  void run(Flow& flow, int64_t steps, std::vector<Vec2>* forces);
  void picture();

  const LabOptions options_;
  const LabSettings settings_;
  const Configuration configuration_;
  const bool real_;
  std::function<void(double)> tick_;
  uint64_t stream_;  ///< seed of this trajectory

  double reynolds_, interval_, extra_spin_up_ = 0;  ///< as solved; D/U between frames of the solved flow
  int cells_;
  bool coarse_start_ = false;
  Vec2 offset_;
  std::vector<Body> bodies_;
  CameraOptions camera_options_;
  std::unique_ptr<Camera> camera_;
  std::unique_ptr<Flow> flow_;
  std::unique_ptr<Measurement> measurement_;
  std::optional<Turbulence> turbulence_;
  NormalStream instrument_;
  int64_t steps_per_frame_ = 1, warm_frames_ = 0;
  Picture picture_;
  std::vector<Vec2> forces_;
  std::vector<float> none_;
};

}  // namespace windtunnel::datasets::lab
