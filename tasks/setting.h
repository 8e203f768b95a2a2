#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "datasets/scenario.h"

namespace windtunnel::tasks {

using datasets::Side;

/// One training run inside a setting.
struct Stage {
  std::string name;              ///< "train", "pretrain", "finetune"
  Side train = Side::numerical;  ///< whose training split
  bool from_previous =
      false;  ///< weights start from the previous stage's best checkpoint; optimiser starts fresh
  Side validate = Side::real;  ///< whose validation split chooses the checkpoint
};

/// What is trained on what before the one test. Settings are data (tasks/settings.yaml).
struct Setting {
  std::string name;                  ///< "simulated", "real", "finetune", "single"
  std::string title;                 ///< for people
  std::vector<std::string> aliases;  ///< the published programs' and leaderboard's names
  std::vector<Stage> stages;
  Side test = Side::real;
  bool one_sided = false;  ///< every stage and the test use one and the same side (see resolve_setting)

  core::Json json() const;
};

const std::vector<Setting>& settings();

/// By name or alias; usage error with suggestions.
const Setting& setting(const std::string& name);

/// The setting with all sides present in the scenario. Usage error such as: setting 'simulated' needs a
/// simulated side; scenario 'x' has only measured data. Setting 'single' takes the only side of a one-sided
/// scenario, the measured one of a paired scenario. Where a scenario has no measured side, a setting that
/// trains on simulated data only is also validated and tested on them.
Setting resolve_setting(const Setting& setting, const datasets::Scenario& scenario);

}  // namespace windtunnel::tasks
