#include "tokenizers/physix/options.h"

#include <algorithm>

#include "baselines/phase_list.h"
#include "tokenizers/prefixed_options.h"

namespace windtunnel::tokenizers {
namespace {

const baselines::PhaseListRegistration registration(
    {"physix",
     [](const core::Options& options) { return dynamic_cast<const PhysixOptions&>(options).phases(); }});

}  // namespace

PhysixOptions::PhysixOptions() : transformer_training(StageOptions::transformer()) {
  transformer_training.schedule = "pretraining";
  refiner.predict_delta = true;
}

void PhysixOptions::describe(core::OptionVisitor& v) {
  PrefixedOptions t(v, "tokenizer_",
                    {"in_channels", "out_channels", "modified_in_channels", "modified_out_channels", "film",
                     "film_embedding", "learnable_padding", "max_video_size"});
  tokenizer.describe(t);
  PrefixedOptions a(v, "transformer_", {"vocab_size"});
  transformer.describe(a);
  PrefixedOptions r(v, "refiner_", {"dim_in", "dim_out"});
  refiner.describe(r);
  PrefixedOptions s(v, "sampling_", {"seed"});
  sampling.describe(s);
  const std::vector<std::string> follows = {"updates", "batch_size", "learning_rate", "seed"};
  PrefixedOptions tt(v, "tokenizer_training_", follows), at(v, "transformer_training_", follows),
      rt(v, "refiner_training_", follows);
  tokenizer_training.describe(tt);
  transformer_training.describe(at);
  refiner_training.describe(rt);
  v("refine", refine, "correct decoded frames by the refinement network");
  v("window_latents", window_latents, "latent frames of a window", {2, 1024});
  v("context_latents", context_latents, "latent frames of a window that are given", core::kPositive);
  v("token_windows", token_windows, "windows per training sample whose tokens are kept", core::kPositive);
  v("refinement_windows", refinement_windows, "generated windows that the refinement network learns from",
    core::kPositive);
  v("validation_samples", validation_samples, "validation samples that choose each network's weights",
    core::kPositive);
  v("train_phases", train_phases, "networks to train of tokenizer, transformer, refiner (empty: all)");
  v.choice("tokenizer_loss", tokenizer_loss, {"mse", "l1", "nl1", "vrmse"}, "loss of the reconstruction");
  v.choice("refiner_loss", refiner_loss, {"mse", "l1", "nl1", "vrmse"}, "loss of the corrected frame");
  v("transformer_updates", transformer_updates, "updates in units of training.updates", {0.001, 1000});
  v("refiner_updates", refiner_updates, "updates in units of training.updates", {0.001, 1000});
  v("transformer_rate", transformer_rate, "learning rate in units of training.learning_rate", {0, 1000});
  v("refiner_rate", refiner_rate, "learning rate in units of training.learning_rate", {0, 1000});
}

std::vector<std::string> PhysixOptions::phases() const {
  std::vector<std::string> chosen;
  for (const char* phase : {"tokenizer", "transformer", "refiner"}) {
    if (phase == std::string("refiner") && !refine) continue;
    if (train_phases.empty() ||
        std::find(train_phases.begin(), train_phases.end(), phase) != train_phases.end())
      chosen.push_back(phase);
  }
  return chosen;
}

}  // namespace windtunnel::tokenizers
