#pragma once

#include <string>
#include <vector>

#include "baselines/adam.h"
#include "core/options.h"
#include "tokenizers/schedule.h"

namespace windtunnel::tokenizers {

using baselines::StateDict;

/// How one of the three networks is trained.
struct StageOptions : core::Options {
  int64_t updates = 1000, batch_size = 4;
  double learning_rate = 5e-4, floor = 1e-8;
  double warmup = 0.1;  ///< share of the updates
  std::string schedule = "from_start";
  double clip_grad_norm = 10, weight_decay = 1e-5, beta1 = 0.9, beta2 = 0.95;
  bool decay_vectors = true;
  int64_t seed = 0;

  void describe(core::OptionVisitor& v) override;
  /// Published settings of the token transformer: betas 0.9, 0.999, decay 0.01 of matrices only, clip 1,
  /// floor 1e-7.
  static StageOptions transformer();

  /// Learning rate of update k by the schedule's name: from_start, pretraining, or with_hold (cosine over
  /// four tenths of the updates).
  double rate(int64_t k) const;
};

/// AdamW with clipping and the stage's schedule over a network's leaves; knows how many updates it has made.
class StageOptimiser {
 public:
  StageOptimiser(std::vector<at::Tensor> parameters, const StageOptions& options);

  void zero_grad() { adam_.zero_grad(); }
  /// Clips the gradients and makes update number done(). Returns the gradients' norm before clipping; if it
  /// is not finite a model error, and the parameters stay as they are.
  double update();
  int64_t done() const { return done_; }
  const StageOptions& options() const { return options_; }

  /// The optimiser's moments and the number of updates: going on from a loaded state gives the bits of an
  /// uninterrupted run.
  StateDict state() const;
  void load_state(const StateDict& state, const std::string& origin);

 private:
  StageOptions options_;
  baselines::Adam adam_;
  int64_t done_ = 0;
};

/// Order in which the samples of several data sets are seen: every epoch each data set is repeated cyclically
/// up to the size of the largest, and the union is shuffled. A function of the seed and the position alone.
class BalancedOrder {
 public:
  BalancedOrder(std::vector<int64_t> sizes, int64_t seed);
  struct Place {
    size_t set = 0;
    int64_t index = 0;
  };
  Place at(int64_t position);  ///< position counts on over the epochs
  int64_t epoch_length() const;

 private:
  std::vector<int64_t> sizes_;
  int64_t largest_, seed_, epoch_ = -1;
  std::vector<int64_t> order_;
};

}  // namespace windtunnel::tokenizers
