#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/array.h"
#include "metrics/families.h"
#include "metrics/metric.h"

namespace windtunnel::metrics {

/// A metric that is not built in (a plug-in's): one number per test window; its total is the mean over the
/// windows.
struct AddedMetric {
  MetricCard card;
  std::string origin;  ///< "plug-in version"
  /// prediction and target (T,H,W,C), physical units, the measured fields in the scenario's order, all rounds
  /// one after the other along T. Called for one window at a time, in the order of the test; must depend on
  /// its arguments only. A window without a finite value gives NaN or infinity.
  std::function<double(const core::Array& prediction, const core::Array& target)> value;
};

/// From here on the metric is in the catalogue and every evaluation computes it. Usage errors: an id that
/// exists or is not of lower-case letters, digits and '_'; a card without name, formula (the documentation)
/// or unit; an aggregation other than mean; no function.
void add_metric(AddedMetric metric);

/// Those added, in order.
const std::vector<AddedMetric>& added_metrics();
/// The added metric of that id, or nullptr (built in, or unknown).
const AddedMetric* find_added(const std::string& id);

/// All added metrics as one family; nullptr if there are none.
std::unique_ptr<FamilyAccumulator> make_added();

}  // namespace windtunnel::metrics
