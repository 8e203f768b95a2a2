#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/trajectory.h"

namespace windtunnel::datasets {

/// Statistics of one field of one side of a trajectory on the delivered grid.
struct FieldStatistics {
  std::vector<double> mean, deviation;  ///< over time, (H,W)
  /// Power per frequency (k+1) * frequency_step, mean over points: Welch's method, Hann windows half
  /// overlapped.
  std::vector<double> time_spectrum;
  double frequency_step = 0;  ///< cycles per frame
  double frequency = 0;       ///< of the spectrum's highest peak, cycles per frame; 0 if the field is steady
  /// Power per wave number k+1 along a row (cycles per row), mean over rows and frames, Hann window.
  std::vector<double> row_spectrum;
  std::vector<float> sample;      ///< values spread over space and time, sorted
  std::vector<float> last_frame;  ///< (H,W)
};

struct SideStatistics {
  int64_t frames = 0, height = 0, width = 0;
  std::vector<FieldStatistics> fields;  ///< in the order asked for
};

/// Reads at most `most_frames` frames (0: all), in pieces.
SideStatistics side_statistics(const Trajectory& trajectory, const std::vector<int64_t>& fields,
                               int64_t stride, int64_t most_frames = 0);

/// What separates the simulated from the measured side of one field.
struct FieldGap {
  std::string field, unit;
  double mean_gap = 0;       ///< |mean_num - mean_real| / |mean_real|, 2-norms over the grid
  double deviation_gap = 0;  ///< the same of the standard deviations
  double frequency_real = 0, frequency_numerical = 0;  ///< cycles per frame
  double distribution_gap = 0;                         ///< Wasserstein-1 distance over the measured deviation
};

struct TrajectoryGap {
  std::string id;
  SideStatistics real, numerical;
  std::vector<FieldGap> fields;
  /// Mean velocity profile error: mean over stations, probes and fields of |mean_num - mean_real|.
  double profile_error = 0;
  std::vector<int64_t> stations;  ///< columns
};

struct GapOptions {
  int64_t trajectories = 0;  ///< at most so many, spread over the list; 0: all
  int64_t frames = 0;        ///< at most so many of each; 0: all
  std::vector<int64_t> stations,
      probes;  ///< columns and rows; empty: at 20, 40, 60, 80 % of the width, all rows
};

/// Every measured field of every trajectory that both sides have. Data errors: no such trajectory, sides of
/// different delivered grids.
std::vector<TrajectoryGap> measure_gap(const Scenario& scenario, const std::filesystem::path& root,
                                       const GapOptions& options = {});

}  // namespace windtunnel::datasets
