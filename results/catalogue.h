#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::results {

/// What pages and checks need of a metric card (metrics/cards.yaml).
struct MetricInfo {
  std::string id, label, unit, formula;
  std::string aggregation;  ///< "mean", "root <column>", "set"; empty: not known
  int64_t decimals = -1;    ///< -1: four significant digits
  bool higher_is_better = false;
};

/// Axis of the radar: mean of the bars of its metrics; "parameters" stands for the parameter count.
struct RadarAxis {
  std::string name;
  std::vector<std::string> metrics;
};

/// Known metrics, in the order of the cards.
const std::vector<MetricInfo>& metric_catalogue();
/// The known metric, or one that shows the id as label.
MetricInfo metric_info(const std::string& id);
/// The same of an entry of a record: a plug-in's metric describes itself there.
MetricInfo entry_info(const core::Json& entry);
/// Metric that ranks tables first: the catalogue's, if present, else the first of `ids`.
std::string primary_metric(const std::vector<std::string>& ids);
const std::vector<RadarAxis>& radar_axes();

/// Headline ids first, then the other known ones in the cards' order, then the rest by name.
std::vector<std::string> in_display_order(std::vector<std::string> ids);
bool is_headline(const std::string& id);
std::string setting_label(const std::string& setting);
std::string setting_note(const std::string& setting);
std::string scenario_label(const std::string& scenario);
std::string model_label(const std::string& model);
/// The names of a record's model and scenario as pages show them.
std::string model_label_of(const core::Json& record);
std::string scenario_label_of(const core::Json& record);
/// Position for sorting settings and scenarios; unknown ones last.
int64_t setting_order(const std::string& setting);
int64_t scenario_order(const std::string& scenario);

/// With the metric's decimals; scientific where these would show only zeros.
std::string format_value(const MetricInfo& metric, double value);
/// "+0.316", "−0.276"
std::string format_skill(double skill);
/// "m²/s²" for "m^2/s^2"; empty for pure numbers.
std::string format_unit(const std::string& unit);
/// "8.0 M", "512", "-" for 0.
std::string format_count(double count);
/// Floating-point operations: "1.23 G", "45.0 M"; "–" for 0.
std::string format_operations(double count);
/// "412 s", "3.2 h"
std::string format_seconds(double seconds);

}  // namespace windtunnel::results
