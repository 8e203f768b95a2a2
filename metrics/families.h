#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/array.h"
#include "metrics/metric.h"

namespace windtunnel::metrics {

/// Metrics of another benchmark over a set of samples, in one pass beside MetricAccumulator. Ids and formulas
/// are those of the cards of the family; a grid of one row counts as one-dimensional. Not thread safe.
class FamilyAccumulator {
 public:
  virtual ~FamilyAccumulator() = default;

  /// prediction (B,T,H,W,Cp), target (B,T,H,W,Ct), physical units; the first `channels` channels are
  /// compared.
  void add(const core::Array& prediction, const core::Array& target, int64_t channels);
  /// Ids of the values of a row: the metrics of one sample. They may depend on its number of frames.
  virtual std::vector<std::string> columns() const = 0;
  const std::vector<std::vector<double>>& rows() const { return rows_; }
  /// The whole set, in the order of columns().
  virtual std::vector<Score> totals() const = 0;

 protected:
  /// One sample (1,T,H,W,C), both with the same channels.
  virtual std::vector<double> row(const core::Array& prediction, const core::Array& target) = 0;
  /// Mean of a column.
  Score mean_of(size_t column) const;

  std::vector<std::vector<double>> rows_;
};

/// "the_well", "physix" or "pdebench"; anything else is a usage error. `fields`: names of the compared
/// channels; with them the totals of the first two also hold the VRMSE of each field.
std::unique_ptr<FamilyAccumulator> make_family(const std::string& name,
                                               const std::vector<std::string>& fields = {});
std::vector<std::string> family_names();

}  // namespace windtunnel::metrics
