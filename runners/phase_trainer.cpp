#include "runners/phase_trainer.h"

#include <cmath>
#include <cstdio>

#include "core/error.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/text.h"
#include "runners/cost.h"
#include "runners/interrupt.h"
#include "runners/tensors.h"
#include "runners/training_state.h"
#include "tasks/select.h"

namespace windtunnel::runners {
namespace {

baselines::SampleSource samples_of(const datasets::WindowDataset& data,
                                   const datasets::Normalizer& normalizer) {
  return {data.size(), [&data, &normalizer](int64_t index) {
            datasets::Sample sample = data.sample(index);
            const auto normalise = [&](core::Array& field, bool target) {
              const int64_t channels = field.shape.back(), points = field.numel() / channels;
              if (target)
                normalizer.apply_target(field.data.data(), points, channels);
              else
                normalizer.apply_input(field.data.data(), points, channels);
              return to_tensor(field);
            };
            return std::pair{normalise(sample.input, false), normalise(sample.target, true)};
          }};
}

}  // namespace

StageResult PhaseTrainer::run(const std::shared_ptr<baselines::Baseline>& model,
                              baselines::PhasedTraining& phased) const {
  const TrainingOptions& t = stage.config.training;
  const auto phases = phased.phases();
  const int64_t in = stage.train.input_shape().back(), out = stage.train.target_shape().back();
  phased.set_field_scaling(stage.normalizer.shift(false, in), stage.normalizer.scale(false, in),
                           stage.normalizer.shift(true, out), stage.normalizer.scale(true, out));

  baselines::PhaseSetting setting;
  setting.train = samples_of(stage.train, stage.normalizer);
  setting.validation = samples_of(stage.validation, stage.normalizer);
  setting.cache = cache;
  setting.updates = t.updates;
  setting.batch_size = t.batch_size;
  setting.learning_rate = t.learning_rate;
  setting.breathe = [] { throw_if_interrupted(kContinueHint); };

  TrainingState saved;
  if (std::filesystem::exists(stage.state_path)) saved = load_training_state(stage.state_path);
  const bool resumes = !saved.progress.empty() && saved.progress.at("stage") == stage.stage.name;
  size_t first = 0;
  int64_t updates = 0;
  tasks::BestCheckpoint best_checkpoint;
  if (resumes) {
    first = saved.progress.at("phase");
    updates = saved.progress.at("updates_before");
  }

  baselines::StateDict best;
  for (size_t p = first; p < phases.size(); ++p) {
    const std::string label = stage.stage.name + "/" + phases[p];
    const bool goes_on = resumes && p == first;
    if (goes_on) model->load_state(saved.model, stage.state_path.string());
    setting.seed = core::stream_seed(static_cast<uint64_t>(t.seed), label);
    phased.begin_phase(phases[p], setting);
    best_checkpoint = {};
    best.clear();
    if (goes_on) {
      phased.load_optimizer_state(saved.optimizer, stage.state_path.string());
      set_random_state(saved.random);
      best = std::move(saved.best);
      best_checkpoint.update = saved.progress.at("best_update");
      if (saved.progress.contains("best_value")) best_checkpoint.value = saved.progress.at("best_value");
    }
    stage.journal.rewind(label, phased.phase_done());
    const int64_t total = phased.phase_updates();
    const auto cadence = tasks::validation_cadence(
        total, t.validation_points > 0 ? t.validation_points : stage.protocol.validation_points);

    const auto save = [&] {
      core::Json progress = {{"stage", stage.stage.name},
                             {"phase", p},
                             {"updates_before", updates},
                             {"best_update", best_checkpoint.update}};
      if (best_checkpoint.update > 0) progress["best_value"] = best_checkpoint.value;
      save_training_state(stage.state_path,
                          {model->state(), best, phased.optimizer_state(), random_state(), progress});
      stage.journal.checkpoint(label, phased.phase_done());
    };

    core::Progress bar(label, total);
    Stopwatch since_save;
    while (phased.phase_done() < total) {
      const int64_t update = phased.phase_done() + 1;
      const double rate = phased.phase_learning_rate();
      const double loss = phased.phase_update();
      if (!std::isfinite(loss)) {
        stage.journal.append("diverged", {{"stage", label}, {"update", update}});
        throw model_error("training loss is " + core::number(loss) + " at update " + std::to_string(update) +
                              " of " + label,
                          "a finite loss", "lower training.learning_rate or check the data");
      }
      stage.journal.update(label, update, loss, rate);
      if (cadence.due(update)) {
        const at::Tensor random = random_state();  // validation must not move the training's random stream
        const auto scores = phased.phase_validation();
        set_random_state(random);
        const bool improved = best_checkpoint.offer(update, scores.at("selection"));
        if (improved) best = copied(model->state());
        stage.journal.validation(label, update, scores, improved);
      }
      char note[64];
      std::snprintf(note, sizeof note, "loss %.4g", loss);
      bar.update(update, note);
      if (cadence.due(update) || since_save.wall() > kSecondsBetweenSaves) {
        save();
        since_save = Stopwatch();
      }
      if (interrupt_flag()) {
        save();
        throw_if_interrupted(kContinueHint);
      }
    }
    if (!best.empty()) model->load_state(best, "the best validation of " + label);
    updates += phased.phase_done();
  }

  StageResult result;
  result.weights = copied(model->state());
  result.updates = updates;
  result.samples_seen = updates * t.batch_size;
  result.epochs = static_cast<double>(result.samples_seen) / static_cast<double>(stage.train.size());
  return result;
}

}  // namespace windtunnel::runners
