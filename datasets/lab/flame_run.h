#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "datasets/lab/binning.h"
#include "datasets/lab/flame.h"
#include "datasets/lab/light.h"
#include "datasets/lab/mixture.h"
#include "datasets/lab/recording.h"

namespace windtunnel::datasets::lab {

/// The combustion scenario. Numerical side: 15 fields of the flame in a plane (measured_data of the first
/// file) and, in the folder "surrogate", its light without line of sight or camera noise, blurred by one
/// pixel. Real side: the light of another realisation with a little more flow, flame speed and modulation,
/// along the line of sight, through an intensified camera.
///   emission e = Q (0.4 + 0.6 (T + Y)), Q = heat release over its largest value in a flat flame; T + Y is
///   the local excess of mixture (1 everywhere if Le = 1)
/// What opens the gap: gap_resolution (cells), gap_closure (closure and flame speed), gap_inflow (flow rate,
/// modulation, turbulence), gap_geometry (line of sight), instrument.
class FlameRun : public Recording {
 public:
  explicit FlameRun(const RecordingRequest& request);

  int64_t height() const override { return height_; }
  int64_t width() const override { return width_; }
  double work() const override;
  std::vector<StoredFile> files() const override;
  void spin_up() override;
  void next(Frame& frame) override;
  std::vector<Coordinate> coordinates() const override;  ///< time (T), x (W), y (H)
  core::Json attributes() const override;

 private:
  void run(int64_t steps);
  void see(std::vector<float>& image);
  void fields(std::vector<float>& values);

  LabOptions options_;
  LabSettings settings_;
  Configuration configuration_;
  bool real_;
  std::function<void(double)> tick_;
  uint64_t stream_;
  Mixture mixture_;
  FlameOptions flame_options_;
  uint64_t inflow_seed_;
  double interval_;
  int64_t steps_per_frame_, height_, width_;
  double pixels_, largest_rate_ = 1, bright_ = 1;
  std::unique_ptr<Flame> flame_;
  std::unique_ptr<Binning> binning_;
  IntensifiedCamera camera_;
  NormalStream instrument_;
  double heat_sum_ = 0, heat_low_ = 0, heat_high_ = 0;
  int64_t seen_ = 0;
  std::vector<float> emission_, image_, scratch_, u_, v_, p_, plane_[7];
};

}  // namespace windtunnel::datasets::lab
