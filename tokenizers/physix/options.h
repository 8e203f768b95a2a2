#pragma once

#include "core/options.h"
#include "tokenizers/refinement/unet.h"
#include "tokenizers/stage.h"
#include "tokenizers/transformer/options.h"
#include "tokenizers/transformer/sampling.h"
#include "tokenizers/video/options.h"

namespace windtunnel::tokenizers {

/// Options of the baseline `physix`: those of its three networks and of their training under the prefixes
/// tokenizer_, transformer_, refiner_ and tokenizer_training_ and so on. Channel counts, the vocabulary and
/// the network sizes that follow from the data are not options.
struct PhysixOptions : core::Options {
  PhysixOptions();
  VideoTokenizerOptions tokenizer;
  TransformerOptions transformer;
  RefinementOptions refiner;
  SamplingOptions sampling;
  StageOptions tokenizer_training, transformer_training, refiner_training;
  bool refine = true;
  int64_t window_latents = 4, context_latents = 2;
  int64_t token_windows = 3, refinement_windows = 64, validation_samples = 16;
  std::vector<std::string> train_phases;  ///< empty: tokenizer, transformer, refiner
  std::string tokenizer_loss = "mse", refiner_loss = "mse";
  double transformer_updates = 1, refiner_updates = 1;  ///< in units of the training's updates
  double transformer_rate = 1, refiner_rate = 1;        ///< in units of the training's learning rate

  void describe(core::OptionVisitor& v) override;

  /// Phases of the training, in order.
  std::vector<std::string> phases() const;
  int64_t window_frames() const { return 1 + (window_latents - 1) * tokenizer.time_factor(); }
  int64_t context_frames() const { return 1 + (context_latents - 1) * tokenizer.time_factor(); }
};

}  // namespace windtunnel::tokenizers
