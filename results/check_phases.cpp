#include "results/check_phases.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/text.h"

namespace windtunnel::results {
namespace {

struct PhaseName {
  std::string stage, phase;  ///< stage empty: no "<stage>/<phase>"
};

PhaseName split(const core::Json& entry) {
  const std::string name = entry.value("name", "");
  const size_t slash = name.find('/');
  if (slash == std::string::npos) return {"", name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

}  // namespace

double allowed_updates(const core::Json& training, const core::Json& config, double updates) {
  const core::Json phases = training.value("phases", core::Json::array());
  if (phases.empty()) return updates;
  const std::string last = split(phases.back()).stage;
  const core::Json options = config.value("model", core::Json::object());
  std::map<std::string, double> allowed;  // a phase named twice counts once
  for (const auto& entry : phases)
    if (const auto [stage, name] = split(entry); stage == last) {
      const auto units = options.find(name + "_updates");
      allowed[name] = std::max(
          1.0,
          std::round(updates * (units != options.end() && units->is_number() ? units->get<double>() : 1.0)));
    }
  double sum = 0;
  for (const auto& [name, count] : allowed) sum += count;
  return sum;
}

std::string phases_at_fault(const core::Json& training, const std::vector<std::string>& expected) {
  const core::Json phases = training.value("phases", core::Json::array());
  std::vector<std::pair<std::string, std::vector<std::string>>> stages;
  for (const auto& entry : phases) {
    const auto [stage, phase] = split(entry);
    if (stage.empty()) return "'" + phase + "' is no <stage>/<phase>";
    if (stages.empty() || stages.back().first != stage) stages.push_back({stage, {}});
    stages.back().second.push_back(phase);
  }
  for (const auto& [stage, names] : stages)
    if (names != expected)
      return "stage " + stage + " has phases " + core::join(names, ", ") +
             ", the configured model is trained in " +
             (expected.empty() ? std::string("one piece") : core::join(expected, ", "));
  return "";
}

}  // namespace windtunnel::results
