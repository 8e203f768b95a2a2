#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/array.h"
#include "metrics/values.h"

namespace windtunnel::metrics {

inline constexpr double kWellEpsilon = 1e-7;

/// Metrics of The Well benchmark. Fields are (B,T,x..,C) with `space` = 2 or 3 spatial axes; x prediction, y
/// target. Spatial metrics reduce the spatial axes only and return (B,T,C):
///   MSE, MAE, RMSE, NMSE = MSE/(mean y^2 + eps), NRMSE, NMAE = MAE/(mean|y| + eps), VMSE = MSE/(s^2 + eps)
///   with the sample variance s^2 of y, VRMSE, LInfinity, PearsonR (divisor-N covariance over divisor-(N-1)
///   deviations).
std::vector<std::string> well_spatial_metrics();
Values well_metric(const std::string& name, const core::Array& prediction, const core::Array& target,
                   int space, double epsilon = kWellEpsilon);

/// Sorted-sample distance over T and space together, fields divided by (mean y^2 + eps); (B,1,C).
Values histogram_w1(const core::Array& prediction, const core::Array& target, int space);

/// Dynamic time warping with a band of `band` frames over the T spatial vectors of each sample and channel,
/// fields divided by (2-norm over channels + eps); distance and path distortion, both (B,1,C). `space` = 2.
struct TimeWarp {
  Values distance, distortion;
};
TimeWarp windowed_dtw(const core::Array& prediction, const core::Array& target, int space, int64_t band = 10);

/// Errors in three ranges of the spatial wavenumber |k| = sqrt(sum (2 pi fftfreq(n_a))^2), each (B,T,C); the
/// three mse add up to the spatial MSE.
struct SpectralErrors {
  std::vector<double> edges;  ///< bins + 1
  std::vector<Values> mse, nmse;
};
SpectralErrors binned_spectral_mse(const core::Array& prediction, const core::Array& target, int space,
                                   int bins = 3);

/// Radially binned power |DFT|^2 of a field: mean and deviation inside each bin, (B,T,bin,C). `counts` has
/// one more entry, the modes beyond the last edge. Default edges: floor(sqrt(min n)) even values from 0 to
/// the largest |k|.
struct PowerSpectrum {
  std::vector<double> edges, counts;
  Values mean, deviation;
};
PowerSpectrum power_spectrum(const core::Array& field, int space, std::vector<double> edges = {});

/// Edges of the reporting windows over T steps: 0, then trunc(exp(linspace(0, ln T, min(T,5)))); empty for T
/// = 1. In some T rounding makes the last edge T-1, which loses a step: `keep_last_step` sets it to T.
std::vector<int64_t> time_windows(int64_t steps, bool keep_last_step = true);

/// "T=all" and "T=a:b" -> mean over channels of the mean over the batch and the window of a (B,T,C) metric;
/// an empty window gives NaN.
std::map<std::string, double> windowed_means(const Values& per_step, bool keep_last_step = true);

/// Streaming form: per-step (T,C) means over batches of a (B,T,C) metric. Batches weigh the same in the
/// `published` form, samples in the corrected one.
class StepMeans {
 public:
  explicit StepMeans(bool equal_batches) : equal_batches_(equal_batches) {}
  void add(const Values& per_step);
  Values mean() const;  ///< (1,T,C)

 private:
  bool equal_batches_;
  double weight_ = 0;
  Values sum_;
};

}  // namespace windtunnel::metrics
