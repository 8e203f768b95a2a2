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
#include "datasets/lab/recording.h"
#include "datasets/lab/turbulence.h"
#include "datasets/lab/wake_statistics.h"

namespace windtunnel::datasets::lab {

/// A flow past bodies. Arrays: u, v in m/s; numerical side: p in Pa; real side with option truth: u, v before
/// the measurement in a second file.
class SideRun : public Recording {
 public:
  explicit SideRun(const RecordingRequest& request);

  int64_t height() const override { return camera_options_.height; }
  int64_t width() const override { return camera_options_.width; }
  double work() const override;
  std::vector<StoredFile> files() const override;
  void spin_up() override;
  void next(Frame& frame) override;
  std::vector<Coordinate> coordinates() const override;  ///< x, y (H,W), t
  core::Json attributes() const override;

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
