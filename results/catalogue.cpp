#include "results/catalogue.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <tuple>

#include "core/embedded.h"
#include "core/error.h"
#include "core/json.h"

namespace windtunnel::results {
namespace assets {
const std::vector<core::EmbeddedFile>& embedded_files();
}
namespace {

struct Catalogue {
  core::Json data;
  std::vector<MetricInfo> metrics;
  std::vector<RadarAxis> axes;
  std::vector<std::string> headline;
};

core::Json embedded_yaml(const std::string& name) {
  for (const auto& file : assets::embedded_files())
    if (file.name == name) return core::parse_yaml(file.text, name);
  throw environment_error(name + " is missing from this build");
}

const Catalogue& catalogue() {
  static const Catalogue loaded = [] {
    Catalogue c;
    c.data = embedded_yaml("catalogue.yaml");
    for (const auto& m : embedded_yaml("cards.yaml"))
      c.metrics.push_back({m.at("id"), m.at("name"), m.at("unit"), m.at("formula"),
                           m.value("aggregation", "mean"), m.value("decimals", int64_t{5}),
                           m.value("higher_is_better", false)});
    for (const auto& axis : c.data.at("axes"))
      c.axes.push_back({axis.at("name"), axis.at("metrics").get<std::vector<std::string>>()});
    c.headline = c.data.at("headline").get<std::vector<std::string>>();
    return c;
  }();
  return loaded;
}

/// The entry's text under `key`, or `otherwise` where the entry is not known.
std::string entry_text(const char* list, const std::string& id, const char* key,
                       const std::string& otherwise) {
  for (const auto& entry : catalogue().data.at(list))
    if (entry.at("id") == id) return entry.at(key);
  return otherwise;
}

int64_t entry_position(const char* list, const std::string& id) {
  int64_t at = 0;
  for (const auto& entry : catalogue().data.at(list)) {
    if (entry.at("id") == id) break;
    ++at;
  }
  return at;
}

/// printf without leading zeros in the exponent: "3.0e-4".
std::string printed(const char* format, double value, int precision) {
  char text[64];
  std::snprintf(text, sizeof text, format, precision, value);
  std::string shown = text;
  if (const size_t e = shown.find('e'); e != std::string::npos) {
    const std::string sign = shown[e + 1] == '-' ? "-" : "";
    const size_t digits = shown.find_first_not_of("+-0", e + 1);
    shown = shown.substr(0, e + 1) + sign + (digits == std::string::npos ? "0" : shown.substr(digits));
  }
  return shown;
}

}  // namespace

const std::vector<MetricInfo>& metric_catalogue() { return catalogue().metrics; }

MetricInfo metric_info(const std::string& id) {
  for (const auto& metric : catalogue().metrics)
    if (metric.id == id) return metric;
  MetricInfo unknown;
  unknown.id = unknown.label = id;
  return unknown;
}

MetricInfo entry_info(const core::Json& entry) {
  MetricInfo info = metric_info(entry.at("id").get<std::string>());
  if (!info.aggregation.empty()) return info;
  info.label = entry.value("label", info.id);
  info.unit = entry.at("unit");
  info.formula = entry.value("formula", "");
  info.higher_is_better = entry.at("higher_is_better");
  return info;
}

std::string primary_metric(const std::vector<std::string>& ids) {
  const std::string primary = catalogue().data.at("primary");
  if (std::find(ids.begin(), ids.end(), primary) != ids.end() || ids.empty()) return primary;
  return ids.front();
}

const std::vector<RadarAxis>& radar_axes() { return catalogue().axes; }

std::vector<std::string> in_display_order(std::vector<std::string> ids) {
  const auto rank = [](const std::string& id) {
    const auto& [data, known, axes, headline] = catalogue();
    const auto first = std::find(headline.begin(), headline.end(), id) - headline.begin();
    const auto then = std::find_if(known.begin(), known.end(), [&](const auto& m) { return m.id == id; });
    return std::pair(first, then - known.begin());
  };
  std::sort(ids.begin(), ids.end(),
            [&](const auto& a, const auto& b) { return std::tuple(rank(a), a) < std::tuple(rank(b), b); });
  return ids;
}

bool is_headline(const std::string& id) {
  const auto& headline = catalogue().headline;
  return std::find(headline.begin(), headline.end(), id) != headline.end();
}

std::string setting_label(const std::string& setting) {
  return entry_text("settings", setting, "label", setting);
}
std::string setting_note(const std::string& setting) { return entry_text("settings", setting, "note", ""); }
std::string scenario_label(const std::string& scenario) {
  return entry_text("scenarios", scenario, "label", scenario);
}
std::string model_label(const std::string& model) { return entry_text("models", model, "label", model); }

std::string model_label_of(const core::Json& record) {
  const core::Json& model = record.at("model");
  return model.value("label", model_label(model.at("name")));
}

std::string scenario_label_of(const core::Json& record) {
  const core::Json& task = record.at("task");
  const std::string name = task.at("scenario"), label = scenario_label(name);
  return label == name ? task.value("scenario_label", name) : label;
}

int64_t setting_order(const std::string& setting) { return entry_position("settings", setting); }
int64_t scenario_order(const std::string& scenario) { return entry_position("scenarios", scenario); }

std::string format_value(const MetricInfo& metric, double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (metric.decimals < 0) return printed("%.*g", value, 4);
  const auto decimals = static_cast<int>(metric.decimals);
  // Two digits at least must remain, and absurdly long numbers say nothing.
  if (value != 0 && (std::abs(value) < 5 * std::pow(10.0, -decimals) || std::abs(value) >= 1e7))
    return printed("%.*e", value, 1);
  return printed("%.*f", value, decimals);
}

std::string format_skill(double skill) {
  const std::string digits = printed("%.*f", std::abs(skill), std::abs(skill) < 100 ? 3 : 0);
  return (skill < 0 ? "−" : "+") + digits;
}

std::string format_unit(const std::string& unit) {
  if (unit == "1") return "";
  std::string text = unit;
  for (const auto& [plain, raised] : {std::pair("^2", "²"), std::pair("^3", "³")})
    for (size_t at; (at = text.find(plain)) != std::string::npos;) text.replace(at, 2, raised);
  return text;
}

std::string format_count(double count) {
  if (count <= 0) return "–";
  if (count >= 1e6) return printed("%.*f M", count / 1e6, count >= 1e8 ? 0 : count >= 1e7 ? 1 : 2);
  if (count >= 1e4) return printed("%.*f k", count / 1e3, 1);
  return printed("%.*f", count, 0);
}

std::string format_operations(double count) {
  if (!(count > 0)) return "–";
  for (const auto& [unit, name] : {std::pair(1e12, " T"), std::pair(1e9, " G"), std::pair(1e6, " M")})
    if (count >= unit) return printed("%.*f", count / unit, count >= 100 * unit ? 0 : 2) + name;
  return printed("%.*f k", count / 1e3, 1);
}

std::string format_seconds(double seconds) {
  if (!(seconds > 0)) return "–";
  if (seconds < 600) return printed("%.*f s", seconds, seconds < 10 ? 1 : 0);
  if (seconds < 7200) return printed("%.*f min", seconds / 60, 0);
  return printed("%.*f h", seconds / 3600, 1);
}

}  // namespace windtunnel::results
