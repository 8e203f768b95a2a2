#include "tasks/task.h"

#include <algorithm>

#include "core/error.h"
#include "core/sha256.h"
#include "core/text.h"

namespace windtunnel::tasks {

std::string Task::id() const {
  return scenario + "/" + setting.name + "/" + subset + "/" + std::to_string(rounds) +
         (rounds == 1 ? "-round/" : "-rounds/") + protocol.name + "-" + std::to_string(protocol.version);
}

core::Json Task::json() const {
  return {{"id", id()},
          {"scenario", scenario},
          {"setting", setting.json()},
          {"rounds", rounds},
          {"subset", subset},
          {"protocol", protocol.name},
          {"protocol_version", protocol.version},
          {"protocol_sha256", protocol.hash()}};
}

std::string Task::hash() const { return core::sha256(core::canonical(json())); }

const std::vector<std::string>& subsets() {
  static const std::vector<std::string> names = {"all",    "in_dist", "out_dist",  "seen",
                                                 "unseen", "first",   "first_last"};
  return names;
}

Task make_task(const std::string& scenario, const std::string& setting_name, const std::string& protocol_name,
               int64_t rounds, const std::string& subset) {
  if (rounds < 1) throw core::usage_error(std::to_string(rounds) + " rounds", "at least 1");
  if (std::find(subsets().begin(), subsets().end(), subset) == subsets().end())
    throw core::usage_error("unknown subset '" + subset + "'", "one of " + core::join(subsets(), ", "),
                            core::suggestion(subset, subsets()));
  return {scenario, setting(setting_name), protocol(protocol_name), rounds, subset};
}

}  // namespace windtunnel::tasks
