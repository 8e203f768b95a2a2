#include "datasets/plausible.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/embedded.h"
#include "core/json.h"

namespace windtunnel::datasets {

using core::Json;

namespace plausible {
const std::vector<core::EmbeddedFile>& embedded_files();
}

namespace {

constexpr size_t kNeighbours = 4, kFewest = 4;
constexpr double kFactor = 8;

const Json& rules() {
  static const Json value =
      core::parse_yaml(std::string(plausible::embedded_files().at(0).text), "rules.yaml");
  return value;
}

bool concerns(const Json& rule, const FieldInfo& field, Side side) {
  return rule.value("unit", field.unit) == field.unit &&
         rule.value("side", to_string(side)) == to_string(side) &&
         ::fnmatch(rule.value("field", "*").c_str(), field.name.c_str(), 0) == 0;
}

}  // namespace

PlausibleRange plausible_range(const FieldInfo& field, Side side) {
  PlausibleRange range{-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  for (const auto& rule : rules().at("ranges")) {
    if (!concerns(rule, field, side)) continue;
    range.min = std::max(range.min, rule.value("min", range.min));
    range.max = std::min(range.max, rule.value("max", range.max));
  }
  return range;
}

std::vector<ScaleOutlier> scale_outliers(const std::vector<Fluctuation>& list) {
  std::vector<ScaleOutlier> out;
  if (list.size() < kFewest) return out;
  const size_t n = list[0].parameters.size();
  std::vector<double> low(n, std::numeric_limits<double>::infinity()), high(n);
  for (size_t k = 0; k < n; ++k) {
    high[k] = -std::numeric_limits<double>::infinity();
    for (const auto& f : list) {
      if (f.parameters.size() != n) return out;
      low[k] = std::min(low[k], f.parameters[k]);
      high[k] = std::max(high[k], f.parameters[k]);
    }
  }
  for (const auto& one : list) {
    std::vector<std::pair<double, double>> others;  // distance, size
    for (const auto& other : list) {
      if (&other == &one) continue;
      double distance = 0;
      for (size_t k = 0; k < n; ++k)
        if (high[k] > low[k])
          distance += std::pow((one.parameters[k] - other.parameters[k]) / (high[k] - low[k]), 2);
      others.emplace_back(distance, other.size);
    }
    std::stable_sort(others.begin(), others.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    others.resize(std::min(others.size(), kNeighbours));
    std::vector<double> sizes;
    for (const auto& o : others) sizes.push_back(o.second);
    std::sort(sizes.begin(), sizes.end());
    const size_t m = sizes.size();
    const double median = (sizes[(m - 1) / 2] + sizes[m / 2]) / 2;
    if (!(median > 0) || !(one.size > 0)) continue;
    const double factor = one.size / median;
    if (factor >= kFactor || factor <= 1 / kFactor) out.push_back({one.id, factor});
  }
  return out;
}

std::string known_fault(const Scenario& scenario, Side side, const std::string& id,
                        const std::string& version) {
  for (const auto& fault : rules().at("known_faults")) {
    if (fault.at("scenario") != scenario.name || fault.at("side") != to_string(side) ||
        fault.at("trajectory") != id)
      continue;
    const auto& versions = fault.at("versions");
    if (version.empty() || std::find(versions.begin(), versions.end(), version) != versions.end())
      return fault.at("message").get<std::string>();
  }
  return "";
}

std::string data_version(const std::filesystem::path& root) {
  try {
    return core::read_json((root / "version.json").string()).at("data_version").get<std::string>();
  } catch (const std::exception&) {
    return "";  // the file is optional
  }
}

}  // namespace windtunnel::datasets
