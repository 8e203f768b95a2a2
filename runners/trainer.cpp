#include "runners/trainer.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "baselines/adam.h"
#include "baselines/recompute.h"
#include "core/error.h"
#include "core/log.h"
#include "core/text.h"
#include "datasets/loader.h"
#include "runners/cost.h"
#include "runners/evaluator.h"
#include "runners/interrupt.h"
#include "runners/tensors.h"
#include "runners/training_state.h"
#include "tasks/select.h"

namespace windtunnel::runners {
namespace {

/// Gradient of the loss of x and y (B,T,H,W,C) in `parts` parts of the batch; returns the loss.
double gather_gradient(baselines::Baseline& model, const at::Tensor& x, const at::Tensor& y, int64_t parts,
                       bool recompute) {
  std::optional<baselines::RecomputeScope> scope;
  if (recompute) scope.emplace();
  const int64_t batch = x.size(0), size = (batch + parts - 1) / parts;
  double sum = 0;
  for (int64_t at = 0; at < batch; at += size) {
    const int64_t n = std::min(size, batch - at);
    at::Tensor loss = model.loss(x.narrow(0, at, n), y.narrow(0, at, n));
    if (n < batch) loss = loss * (static_cast<double>(n) / static_cast<double>(batch));
    loss.backward();
    sum += loss.item<double>();
  }
  return sum;
}

/// Counters of a stage that travel in its saved state.
struct Progress {
  int64_t update = 0, samples = 0;
  tasks::BestCheckpoint best;
  tasks::EarlyStop early;
  datasets::LoaderState loader;

  core::Json json(const std::string& stage) const {
    core::Json value = {{"stage", stage},
                        {"update", update},
                        {"samples", samples},
                        {"best_update", best.update},
                        {"without_progress", early.without_progress},
                        {"loader", loader.json()}};
    if (best.update > 0) value["best_value"] = best.value;
    return value;
  }
  void read(const core::Json& value) {
    update = value.at("update");
    samples = value.at("samples");
    best.update = value.at("best_update");
    if (value.contains("best_value")) best.value = value.at("best_value");
    early.without_progress = value.at("without_progress");
    loader = datasets::LoaderState::from_json(value.at("loader"));
  }
};

}  // namespace

double learning_rate(const TrainingOptions& options, int64_t update) {
  const auto done = static_cast<double>(update - 1);
  if (options.scheduler == "step") {
    if (options.step_size < 1) return options.learning_rate;
    return options.learning_rate * std::pow(0.5, std::floor(done / static_cast<double>(options.step_size)));
  }
  return options.learning_rate / 2 *
         (1 + std::cos(std::numbers::pi * done / static_cast<double>(options.updates)));
}

StageResult StageTrainer::run(const std::shared_ptr<baselines::Baseline>& model) const {
  const TrainingOptions& t = config.training;
  const auto parameters = model->trainable_parameters();
  baselines::Adam adam(parameters);
  const auto cadence = tasks::validation_cadence(
      t.updates, t.validation_points > 0 ? t.validation_points : protocol.validation_points);
  Progress progress;
  progress.early.patience = t.early_stop;
  progress.loader.seed = static_cast<uint64_t>(t.seed);
  baselines::StateDict best;

  if (std::filesystem::exists(state_path)) {
    TrainingState saved = load_training_state(state_path);
    if (saved.progress.at("stage") == stage.name) {
      model->load_state(saved.model, state_path.string());
      adam.load_state(saved.optimizer, state_path.string());
      set_random_state(saved.random);
      best = std::move(saved.best);
      progress.read(saved.progress);
    }
  }
  journal.rewind(stage.name, progress.update);

  datasets::LoaderOptions loading;
  loading.batch_size = t.batch_size;
  loading.shuffle = loading.repeat = true;
  loading.seed = static_cast<uint64_t>(t.seed);
  loading.normalizer = &normalizer;
  datasets::Loader loader(train, loading);
  loader.set_state(progress.loader);

  const auto save = [&] {
    progress.loader = loader.state();
    save_training_state(state_path,
                        {model->state(), best, adam.state(), random_state(), progress.json(stage.name)});
    journal.checkpoint(stage.name, progress.update);
    core::Json counters = loader.counters().json();
    counters["stage"] = stage.name;
    counters["update"] = progress.update;
    journal.append("loader", std::move(counters));
  };

  core::Progress bar(stage.name, t.updates);
  datasets::Batch batch;
  Stopwatch since_save;
  bool stop = progress.early.patience > 0 && progress.early.without_progress >= progress.early.patience;
  while (progress.update < t.updates && !stop) {
    const int64_t update = progress.update + 1;
    loader.next(batch);
    model->train();
    adam.zero_grad();
    const double value =
        gather_gradient(*model, view(batch.input), view(batch.target), t.accumulate, recompute);
    if (!std::isfinite(value)) {
      journal.append("diverged", {{"stage", stage.name}, {"update", update}});
      throw model_error("training loss is " + core::number(value) + " at update " + std::to_string(update) +
                            " of stage " + stage.name,
                        "a finite loss",
                        progress.update > 0
                            ? "lower training.learning_rate or set training.clip_grad_norm; the state "
                              "of the last checkpoint is kept in " +
                                  state_path.string()
                            : "check the data with `windtunnel data verify`");
    }
    adam.clip_gradients(t.clip_grad_norm);
    const double rate = learning_rate(t, update);
    adam.set_learning_rate(rate);
    adam.step();
    progress.update = update;
    progress.samples += batch.size();
    journal.update(stage.name, update, value, rate);

    if (cadence.due(update)) {
      const at::Tensor random = random_state();  // validation must not move the training's random stream
      const auto scores = evaluate_model(predictor(model, static_cast<uint64_t>(t.seed)), validation,
                                         normalizer, protocol, config, true);
      set_random_state(random);
      std::map<std::string, double> values;
      for (const auto& score : scores.scores) values[score.id] = score.value;
      const double selected = scores.value(protocol.selection_metric);
      const bool improved = progress.best.offer(update, selected);
      if (improved) best = copied(model->state());
      stop = progress.early.observe(improved);
      journal.validation(stage.name, update, values, improved);
    }
    char note[64];
    std::snprintf(note, sizeof note, "loss %.4g", value);
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
  if (best.empty()) best = copied(model->state());  // no validation was finite or due

  StageResult result;
  result.weights = best;
  result.updates = progress.update;
  result.best_update = progress.best.update;
  result.best_value = progress.best.value;
  result.samples_seen = progress.samples;
  result.epochs = static_cast<double>(progress.samples) / static_cast<double>(train.size());
  result.stall_seconds = loader.counters().stall_seconds;
  return result;
}

}  // namespace windtunnel::runners
