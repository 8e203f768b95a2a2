#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/array.h"
#include "metrics/values.h"

namespace windtunnel::metrics {

struct PdebenchOptions {
  int64_t initial_step = 10;               ///< leading time steps that are not scored
  std::array<double, 3> lengths{1, 1, 1};  ///< domain lengths Lx, Ly, Lz
  int64_t low = 4, high = 12;              ///< bands: bins [0,low), [low,high), [high,..)
  bool per_channel_boundary =
      true;  ///< 3D boundary error per channel; false: the published sum over channels
};

/// PDEBench's measures of fields (batch, x.., t, c) with 1 to 3 spatial axes, per channel and time: (c,t).
/// rmse, nrmse (no epsilon), conserved, maximum, boundary (3D published form: (b,t)), bands (c,3,t), and the
/// spectrum (c,r,t) that the bands average: sqrt(mean over the batch of the error's energy in bin r), scaled.
struct PdebenchMetrics {
  Values rmse, nrmse, conserved, maximum, boundary, bands, spectrum;
};
PdebenchMetrics pdebench_metrics(const core::Array& prediction, const core::Array& target,
                                 const PdebenchOptions& options = {});

/// Bands (c,3,t) of a spectrum (c,r,t); a band without bins is nan.
Values pdebench_bands(const Values& spectrum, const PdebenchOptions& options = {});

/// Means over channels and time (the 3D published boundary error: over batch and time).
struct PdebenchMeans {
  double rmse = 0, nrmse = 0, conserved = 0, maximum = 0, boundary = 0;
  std::array<double, 3> bands{};
};
PdebenchMeans pdebench_means(const PdebenchMetrics& metrics);

/// Averages batches. Published: the sum is divided by the number of batches less one (one batch: infinite).
PdebenchMeans pdebench_average(const std::vector<PdebenchMeans>& batches, bool published_divisor);

}  // namespace windtunnel::metrics
