#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "metrics/accumulator.h"

namespace windtunnel::metrics {

/// Shape of one sample: prediction (T,H,W,Cp), target (T,H,W,Ct); channels 0..channels-1 are evaluated.
struct SampleShape {
  int64_t frames = 0, height = 0, width = 0, channels = 0;
  int64_t prediction_channels = 0, target_channels = 0;
  int64_t points() const { return frames * height * width; }
};

/// What one sample contributes, float64. Sums run over T,H,W and the evaluated channels.
struct SampleSums {
  double squared_error = 0, absolute_error = 0, target_squares = 0;
  double ke = 0;           ///< mean over positions of |e(P)-e(Y)|; 0 with fewer than two channels
  double fe_summed = 0;    ///< mean over frequencies, channels added into one signal
  double fe_separate = 0;  ///< mean over frequencies and channels
  std::vector<double> error_energy, target_energy;  ///< (bin, channel), summed over the modes of the bin
};

/// Computes SampleSums. Holds scratch memory: one kernel per thread.
class SampleKernel {
 public:
  virtual ~SampleKernel() = default;
  virtual void run(const float* prediction, const float* target, SampleSums& sums) = 0;
};

std::unique_ptr<SampleKernel> make_reference_kernel(const SampleShape& shape);
std::unique_ptr<SampleKernel> make_fast_kernel(const SampleShape& shape);
std::unique_ptr<SampleKernel> make_kernel(Kernels kernels, const SampleShape& shape);

}  // namespace windtunnel::metrics
