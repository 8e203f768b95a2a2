#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::tasks {

/// The two sides of a paired scenario.
enum class Side { simulated, measured };
const char* to_string(Side side);

/// Which sides a scenario has.
struct Sides {
  bool simulated = false, measured = false;
  bool has(Side side) const { return side == Side::simulated ? simulated : measured; }
};

/// One training run inside a setting.
struct Stage {
  std::string name;               ///< "train", "pretrain", "finetune"
  Side train = Side::simulated;   ///< whose training split
  bool from_previous = false;     ///< weights start from the previous stage's best checkpoint; optimiser starts fresh
  Side validate = Side::measured; ///< whose validation split chooses the checkpoint
};

/// What is trained on what before the one test. Settings are data (tasks/settings.yaml).
struct Setting {
  std::string name;                  ///< "simulated", "real", "finetune", "single"
  std::string title;                 ///< for people
  std::vector<std::string> aliases;  ///< the published programs' and leaderboard's names
  std::vector<Stage> stages;
  Side test = Side::measured;
  bool single_sided = false;  ///< every side is the scenario's only one (see resolve_setting)

  core::Json json() const;
};

const std::vector<Setting>& settings();

/// By name or alias; usage error with suggestions.
const Setting& setting(const std::string& name);

/// The setting with all sides present in the scenario. Usage error such as: setting 'simulated' needs a simulated side;
/// scenario 'x' has only measured data. Setting 'single' takes the only side of a one-sided scenario, the measured one
/// of a paired scenario.
Setting resolve_setting(const Setting& setting, const Sides& sides, const std::string& scenario);

}  // namespace windtunnel::tasks
