#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace windtunnel::metrics {

/// Update Ratio N1/N2 of simulated pretraining + measured finetuning against measured training.
///   best = min of the measured curve, n2 = first update where it is attained,
///   n1_crossing = first update where the finetuning curve is <= best (none: "not reached"),
///   n1_best = first update of the finetuning curve's own minimum.
struct UpdateRatio {
  double best_rmse = 0;
  int64_t n2 = 0, n1_best = 0;
  std::optional<int64_t> n1_crossing;
  double by_best = 0;                 ///< n1_best / n2
  std::optional<double> by_crossing;  ///< n1_crossing / n2; empty: not reached

  /// What a table prints: by_crossing, and 1 when the best RMSE was not reached.
  double table_value() const { return by_crossing.value_or(1.0); }
};

/// Curves: validation RMSE at updates v, 2v, ... with v = `interval`, physical units, one round. NaN entries
/// (diverged validations) never count as a minimum. Data error if a curve is empty or has no finite entry.
UpdateRatio update_ratio(const std::vector<double>& measured_curve,
                         const std::vector<double>& finetuning_curve, int64_t interval,
                         int64_t finetuning_interval = 0);

}  // namespace windtunnel::metrics
