#pragma once

#include <string>
#include <vector>

#include "baselines/baseline.h"

namespace windtunnel::baselines {

struct MatchReport {
  std::vector<std::string> loaded;   ///< names copied into the model
  std::vector<std::string> kept;     ///< model entries that keep their values
  std::vector<std::string> skipped;  ///< given entries without a counterpart of the same name and shape
};

/// Copies every entry whose name and shape the model has and leaves the rest alone. No entry at all is a
/// model error; kept and skipped names are logged as a warning under `origin`.
MatchReport load_matching(Baseline& model, const StateDict& given, const std::string& origin);

}  // namespace windtunnel::baselines
