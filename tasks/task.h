#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "tasks/protocol.h"
#include "tasks/setting.h"

namespace windtunnel::tasks {

/// One row's worth of question: scenario x setting x protocol x rounds x subset of the test windows.
struct Task {
  std::string scenario;
  Setting setting;
  Protocol protocol;
  int64_t rounds = 1;          ///< autoregressive rounds N; the target has N*T_out frames
  std::string subset = "all";  ///< all, in_dist, out_dist, seen, unseen

  /// "cylinder/finetune/all/1-round/corrected-1".
  std::string id() const;
  core::Json json() const;
  /// SHA-256 of the canonical JSON (protocol by its hash).
  std::string hash() const;
};

/// Usage errors for an unknown setting, protocol or subset and for rounds < 1.
Task make_task(const std::string& scenario, const std::string& setting, const std::string& protocol,
               int64_t rounds = 1, const std::string& subset = "all");

const std::vector<std::string>& subsets();

}  // namespace windtunnel::tasks
