#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/array.h"
#include "tasks/protocol.h"

namespace windtunnel::tasks {

/// Per-channel affine normalisation z = (v - mean) / scale, separate for inputs and targets; empty vectors mean the
/// identity. Channels beyond the vectors are an error, further vector entries are unused. Arithmetic in float32.
struct Statistics {
  std::vector<float> mean_input, scale_input, mean_target, scale_target;

  void normalise_input(core::Array& x) const;
  void normalise_target(core::Array& y) const;
  void denormalise_target(core::Array& y) const;
};

/// Statistics of max-abs normalisation: zero means.
Statistics range_statistics(std::vector<float> max_input, std::vector<float> max_target);

/// A model: normalised input (B,T_in,H,W,C_in) -> prediction in normalised target units (B,T_out,H,W,C_model).
using Predictor = std::function<core::Array(const core::Array& normalised_input)>;

struct RolloutOptions {
  int64_t rounds = 1;
  int64_t measured = 0;  ///< measured channels; the rest are fed back as the protocol says. 0: all of the target
  bool input_round_trip = false;
  bool zero_unmeasured = true;

  static RolloutOptions of(const Protocol& protocol, int64_t rounds, int64_t measured);
};

struct RolloutResult {
  core::Array prediction;  ///< (B, rounds*T_out, H, W, C_model), physical units
  core::Array normalised;  ///< the same in the units that normalised MSE compares with normalised targets
};

/// N rounds of a model on raw windows x (B,T_in,H,W,C_in) for targets with `target_channels` channels. The last
/// C_in - target_channels channels of x are constant parameter planes and are appended again in every round, which
/// then needs T_out = T_in. A model may predict fewer channels than the target: the missing ones are fed back as zero.
/// Errors (model errors): a prediction of another shape.
RolloutResult rollout(const core::Array& x, int64_t target_channels, const Predictor& predict,
                      const Statistics& statistics, const RolloutOptions& options);

/// Channels of y (B,T,H,W,C) that are not zero everywhere, counted: the published rule for measured channels (it takes
/// the zero ones to be the last).
int64_t detect_measured(const core::Array& y);

}  // namespace windtunnel::tasks
