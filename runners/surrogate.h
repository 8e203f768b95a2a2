#pragma once

#include <filesystem>
#include <string>

#include "core/options.h"

namespace windtunnel::runners {

/// What `windtunnel data surrogate` is asked for.
struct SurrogateOptions : core::Options {
  std::string scenario = "combustion", data, out;
  std::string baseline = "fno", preset = "published";
  int64_t step = 0, updates = 0, batch_size = 0, seed = 0;
  bool replace = false;
  void describe(core::OptionVisitor& v) override;
};

/// Scores of the surrogate on its validation clips, in the unit of the intensity.
struct SurrogateScores {
  double normalised_mse = 0, rmse = 0, mae = 0, relative_l2 = 0;
};

struct SurrogateReport {
  SurrogateScores scores;
  int64_t best_update = 0, written = 0, kept = 0;
  std::filesystem::path weights;
};

/// Trains a model to derive the measured-like intensity from the simulated fields and the parameters, on the
/// paired clips of the scenario (every fifth is kept for validation, and the update with the smallest RMSE
/// there is used), then writes <scenario>/surrogate/<id> for every simulated trajectory that has none.
/// Settings: the model's preset for <scenario>_surrogate. Weights, normalizer and scores go to `out`. Ctrl-C
/// stops without a trace of unfinished files.
SurrogateReport make_surrogate(SurrogateOptions options);

}  // namespace windtunnel::runners
