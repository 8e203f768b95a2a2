#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/array.h"
#include "datasets/normalizer.h"
#include "tasks/protocol.h"

namespace windtunnel::tasks {

/// A model: normalised input (B,T_in,H,W,C_in) -> prediction in normalised target units
/// (B,T_out,H,W,C_model).
using Predictor = std::function<core::Array(const core::Array& normalised_input)>;

struct RolloutOptions {
  int64_t rounds = 1;
  int64_t measured =
      0;  ///< measured channels; the rest are fed back as the protocol says. 0: all of the target
  bool input_round_trip = false;
  bool zero_unmeasured = true;

  static RolloutOptions of(const Protocol& protocol, int64_t rounds, int64_t measured);
};

struct RolloutResult {
  core::Array prediction;  ///< (B, rounds*T_out, H, W, C_model), physical units
  core::Array normalised;  ///< the same in the units that normalised MSE compares with normalised targets
};

/// N rounds of a model on raw windows x (B,T_in,H,W,C_in) for targets with `target_channels` channels. The
/// last C_in - target_channels channels of x are constant parameter planes and are appended again in every
/// round. Each round sees the last T_in frames of what went before. A model may predict fewer channels than
/// the target: the missing ones are fed back as zero. A prediction of another shape is a model error.
RolloutResult rollout(const core::Array& x, int64_t target_channels, const Predictor& predict,
                      const datasets::Normalizer& normalizer, const RolloutOptions& options);

/// Channels of y (B,T,H,W,C) that are not zero everywhere, counted: the published rule for measured channels
/// (it takes the zero ones to be the last).
int64_t detect_measured(const core::Array& y);

}  // namespace windtunnel::tasks
