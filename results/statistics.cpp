#include <algorithm>
#include <cmath>
#include <numeric>

#include "results/leaderboard.h"

namespace windtunnel::results {
namespace {

using Values = std::vector<std::optional<double>>;

/// Metric of each row; "parameters" is the parameter count.
Values column(const std::vector<Row>& rows, const std::string& id) {
  Values values;
  for (const auto& row : rows) {
    const auto it = row.metrics.find(id);
    if (id == "parameters")
      values.push_back(row.parameters > 0 ? std::optional(row.parameters) : std::nullopt);
    else
      values.push_back(it != row.metrics.end() ? std::optional(it->second.mean) : std::nullopt);
  }
  return values;
}

int64_t count(const Values& values) {
  return std::count_if(values.begin(), values.end(), [](const auto& v) { return v.has_value(); });
}

}  // namespace

std::vector<int64_t> ranks(const Values& values, bool higher_is_better) {
  std::vector<size_t> order;
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i]) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return higher_is_better ? *values[a] > *values[b] : *values[a] < *values[b];
  });
  std::vector<int64_t> result(values.size(), 0);
  for (size_t i = 0; i < order.size(); ++i) result[order[i]] = static_cast<int64_t>(i) + 1;
  return result;
}

Values bars(const Values& values, bool higher_is_better) {
  double low = INFINITY, high = -INFINITY;
  for (const auto& value : values)
    if (value) low = std::min(low, *value), high = std::max(high, *value);
  Values lengths;
  for (const auto& value : values) {
    if (!value)
      lengths.push_back(std::nullopt);
    else if (high == low)
      lengths.push_back(1.0);
    else
      lengths.push_back((higher_is_better ? *value - low : high - *value) / (high - low));
  }
  return lengths;
}

Radar radar(const std::vector<Row>& rows) {
  Radar chart;
  std::vector<Values> axes;  // per axis, per row
  for (const auto& axis : radar_axes()) {
    std::vector<Values> lengths;
    for (const auto& id : axis.metrics) {
      const Values values = column(rows, id);
      if (count(values) >= 2) lengths.push_back(bars(values, metric_info(id).higher_is_better));
    }
    if (lengths.empty()) continue;
    Values means(rows.size());
    for (size_t r = 0; r < rows.size(); ++r) {
      double sum = 0;
      int64_t n = 0;
      for (const auto& metric : lengths)
        if (metric[r]) sum += *metric[r], ++n;
      if (n > 0) means[r] = sum / static_cast<double>(n);
    }
    chart.axes.push_back(axis.name);
    axes.push_back(std::move(means));
  }
  if (chart.axes.size() < 3) return {};
  for (size_t r = 0; r < rows.size(); ++r) {
    Radar::Shape shape;
    shape.row = r;
    for (const auto& axis : axes)
      if (axis[r]) shape.values.push_back(*axis[r]);
    if (shape.values.size() != axes.size()) continue;
    shape.mean =
        std::accumulate(shape.values.begin(), shape.values.end(), 0.0) / static_cast<double>(axes.size());
    chart.shapes.push_back(std::move(shape));
  }
  std::stable_sort(chart.shapes.begin(), chart.shapes.end(),
                   [](const auto& a, const auto& b) { return a.mean > b.mean; });
  return chart;
}

}  // namespace windtunnel::results
