#include "runners/run.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "baselines/checkpoint.h"
#include "baselines/padding.h"
#include "baselines/phased.h"
#include "baselines/precision.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/text.h"
#include "datasets/fit.h"
#include "datasets/loader.h"
#include "metrics/update_ratio.h"
#include "results/journal.h"
#include "results/record.h"
#include "results/report.h"
#include "results/run_folder.h"
#include "runners/cost.h"
#include "runners/evaluator.h"
#include "runners/inside_steps.h"
#include "runners/interrupt.h"
#include "runners/phase_trainer.h"
#include "runners/plugin.h"
#include "runners/plugin_check.h"
#include "runners/run_record.h"
#include "runners/sanity.h"
#include "runners/tensors.h"
#include "runners/trainer.h"
#include "runners/update_memory.h"
#include "tasks/task.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

/// Fields that a side carries; they come first.
int64_t delivered_channels(const datasets::Scenario& scenario, datasets::Side side) {
  return std::count_if(scenario.fields.begin(), scenario.fields.end(),
                       [&](const auto& f) { return f.on(side); });
}

/// One process per run folder.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder)
      : fd_(::open((folder / ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)) {
    if (fd_ < 0)
      throw environment_error("cannot write in " + folder.string(), "a folder with write permission");
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd_);
      throw usage_error("another process is working in " + folder.string(), "one process per run folder",
                        "wait for it or choose another --out");
    }
  }
  ~FolderLock() { ::close(fd_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

/// The first key, depth first, in which two configurations differ.
std::string difference(const core::Json& stored, const core::Json& wanted, const std::string& path = "") {
  if (stored.is_object() && wanted.is_object()) {
    core::Json keys = stored;
    keys.update(wanted);
    for (const auto& [key, unused] : keys.items()) {
      const std::string below = difference(stored.value(key, core::Json()), wanted.value(key, core::Json()),
                                           path.empty() ? key : path + "." + key);
      if (!below.empty()) return below;
    }
    return "";
  }
  if (stored == wanted) return "";
  // YAML does not keep the difference between 1 and 1.0.
  if (stored.is_number() && wanted.is_number() && stored.get<double>() == wanted.get<double>()) return "";
  return path + ": " + stored.dump() + " there, " + wanted.dump() + " now";
}

void claim_folder(const results::RunFolder& folder, const RunConfig& config) {
  if (!fs::exists(folder.config())) {
    core::write_file_atomic(folder.config(), core::to_yaml(config.json()));
    return;
  }
  const std::string differs = difference(core::read_yaml(folder.config().string()), config.json());
  if (!differs.empty())
    throw usage_error(folder.root.string() + " holds another run (" + differs + ")", "the same configuration",
                      "choose another --out or remove the folder");
}

/// Result of a finished stage with its weights, in checkpoint/<stage>.safetensors.
fs::path stage_file(const results::RunFolder& folder, const std::string& stage) {
  return folder.checkpoint() / (stage + ".safetensors");
}

void save_stage(const fs::path& path, const StageResult& result) {
  core::Json facts = {{"updates", result.updates},
                      {"best_update", result.best_update},
                      {"samples_seen", result.samples_seen},
                      {"epochs", result.epochs},
                      {"stall_seconds", result.stall_seconds}};
  if (result.best_update > 0) facts["best_value"] = result.best_value;
  baselines::save_weights(path, result.weights, {{"stage", core::canonical(facts)}});
}

StageResult load_stage(const fs::path& path) {
  const auto weights = baselines::load_weights(path);
  const auto it = weights.metadata.find("stage");
  if (it == weights.metadata.end()) throw data_error(path.string() + ": not the result of a training stage");
  const core::Json facts = core::parse_json(it->second, path.string());
  StageResult result;
  result.weights = weights.state;
  result.updates = facts.at("updates");
  result.best_update = facts.at("best_update");
  result.best_value = facts.value("best_value", 0.0);
  result.samples_seen = facts.at("samples_seen");
  result.epochs = facts.at("epochs");
  result.stall_seconds = facts.at("stall_seconds");
  return result;
}

fs::path weights_in(const std::string& source) {
  const fs::path path(source);
  return fs::is_directory(path) ? path / "weights.safetensors" : path;
}

/// Persistence and mean on the test windows: what any model must beat.
std::map<std::string, tasks::Evaluation> trivial_forecasts(const baselines::ModelContext& context,
                                                           const datasets::WindowDataset& test,
                                                           const datasets::Normalizer& normalizer,
                                                           const tasks::Protocol& protocol,
                                                           const RunConfig& config) {
  std::map<std::string, tasks::Evaluation> results;
  for (const char* name : {"persistence", "mean"}) {
    const auto model = baselines::make_baseline(name, context, core::Json::object());
    results[name] = evaluate_model(in_physical_units(predictor(model, 0), normalizer), test, normalizer,
                                   protocol, config, false);
  }
  return results;
}

/// Validation RMSE curve of the last stage of a run.
std::vector<double> rmse_curve(const fs::path& journal, int64_t& interval) {
  const auto stages = results::curves(results::read_journal(journal));
  if (stages.empty() || !stages.back().validation.count("rmse"))
    throw data_error(journal.string() + ": no curve of validation RMSE",
                     "the journal of a finished training of a model that is not trained in phases");
  std::vector<double> values;
  const auto& curve = stages.back().validation.at("rmse");
  for (const auto& point : curve) values.push_back(point.second);
  interval = curve.front().first;
  return values;
}

/// One run in its folder; members are built in the order in which the work needs them.
class Run {
 public:
  Run(const RunRequest& request, const std::string& command)
      : command_(command),
        config_(resolve(request)),
        scenario_(datasets::fit_to_data(datasets::load_scenario(config_.scenario, config_.data_root),
                                        config_.data_root)),
        info_(baselines::registry().at(config_.baseline)),
        task_(tasks::make_task(scenario_.name, config_.setting, config_.protocol, config_.evaluation.rounds,
                               config_.evaluation.subset)) {
    task_.setting = tasks::resolve_setting(task_.setting, scenario_);
    folder_.root = config_.folder;
  }

  core::Json execute(RunUntil until) {
    // Everything that can be refused is looked at before the folder exists.
    open_data();
    build_model();
    check_real_run();
    core::make_folder(folder_.root);
    const FolderLock lock(folder_.root);
    claim_folder(folder_, config_);
    if (fs::exists(folder_.record()) && until == RunUntil::recorded) {
      core::log_info(folder_.root.string() + " is complete");
      return results::read_record(folder_.record());
    }
    folder_.create();
    const bool resumed = fs::exists(folder_.journal());
    results::Journal journal(folder_.journal());
    journal.append(resumed ? "resume" : "start", {{"config_sha256", config_.sha256()}});

    const baselines::PrecisionScope precision(config_.training.precision == "bf16");
    measure_statistics();
    const Stopwatch training;
    train(journal);
    const double train_wall = training.wall(), train_cpu = training.cpu();
    if (until == RunUntil::trained) return nullptr;

    tell_rounding(journal);
    const Stopwatch testing;
    tasks::Predictor predict = predictor(model_, static_cast<uint64_t>(config_.training.seed));
    if (model_->in_physical_units()) predict = in_physical_units(predict, normalizer_);
    const tasks::Evaluation evaluation =
        evaluate_model(predict, *test_, normalizer_, task_.protocol, config_, false, captured_ids(), true);
    const auto trivial = trivial_forecasts(context_, *test_, normalizer_, task_.protocol, config_);
    journal.append("test", {{"samples", evaluation.samples}});
    const double test_wall = testing.wall();

    FinishedRun finished{config_,          task_,        scenario_, info_,          model_,   stages_,
                         train_.get(),     n_val_,       *test_,    evaluation,     trivial,  zero_gradients_,
                         pretrained_from_, std::nullopt, false,     folder_,        command_, train_wall,
                         train_cpu,        test_wall,    0,         initial_sha256_};
    measure_cost(predict, finished);
    for (const auto& event : results::read_journal(folder_.journal()))
      finished.resumed += event.at("event") == "resume";
    if (!config_.real_run.empty()) {
      finished.has_update_ratio = true;
      finished.update_ratio = update_ratio();
    }
    write_inside(folder_.root, *model_, evaluation, normalizer_, scenario_);
    const core::Json record = make_run_record(finished);
    results::write_record(folder_.record(), record);
    journal.append("finish", {{"record_id", record.at("record_id")}});
    results::write_report(folder_.root);
    return record;
  }

 private:
  std::unique_ptr<datasets::WindowDataset> windows(datasets::Side side, const std::string& mode) const {
    datasets::WindowOptions options;
    options.side = side;
    options.mode = mode;
    options.seed = static_cast<uint64_t>(config_.training.seed);
    options.protocol = task_.protocol.windows;
    if (mode == "train") {
      options.mask_prob = config_.data.mask_prob;
      options.noise.scale = config_.data.noise_scale;
    }
    if (mode == "val") options.at_most = config_.training.validation_windows;
    if (mode == "test") {
      options.rounds = config_.evaluation.rounds;
      options.subset = config_.evaluation.subset;
    }
    return std::make_unique<datasets::WindowDataset>(scenario_, config_.data_root, options);
  }

  bool trains() const { return info_.trainable && config_.weights.empty(); }

  void open_data() {
    test_ = windows(task_.setting.test, "test");
    if (test_->size() == 0)
      throw data_error("no test windows (subset " + config_.evaluation.subset + ", " +
                           std::to_string(config_.evaluation.rounds) + " rounds)",
                       "at least one window", "another --subset, fewer --rounds or longer trajectories");
  }

  void build_model() {
    const core::Shape in = test_->input_shape();
    const core::Shape out = test_->target_shape();
    context_.input = {in.at(0), in.at(1), in.at(2), in.at(3)};
    context_.output = {out.at(0) / config_.evaluation.rounds, out.at(1), out.at(2), out.at(3)};
    context_.compat = config_.compat;
    seed_everything(static_cast<uint64_t>(config_.training.seed));
    model_ = baselines::make_padded_baseline(config_.baseline, context_, config_.model, config_.data.padding);
    if (info_.origin != "built in")
      try_model(model_, context_, "baseline '" + info_.name + "' of plug-in " + info_.origin);
    if (!config_.weights.empty()) {
      const fs::path path = weights_in(config_.weights);
      model_->load_state(baselines::load_weights(path).state, path.string());
      pretrained_from_ = {
          {"name", path.filename().string()}, {"sha256", core::sha256_file(path)}, {"data", nullptr}};
    }
    if (!config_.pretrained.empty()) {
      const fs::path path = weights_in(config_.pretrained);
      pretrained_ = baselines::load_weights(path).state;
      model_->load_state(pretrained_, path.string());
      pretrained_from_ = {{"name", path.filename().string()},
                          {"sha256", weights_sha256(pretrained_)},
                          {"data", scenario_.name + ", simulated side"}};
    }
  }

  void measure_statistics() {
    const fs::path file = folder_.root / "normalizer.json";
    if (fs::exists(file)) {
      normalizer_ = datasets::Normalizer::from_json(core::read_json(file.string()), file.string());
      return;
    }
    datasets::StatisticsOptions options;
    options.kind = config_.data.normalizer;
    options.protocol = task_.protocol.statistics;
    options.batch = task_.protocol.statistics_batch;
    const auto side = task_.setting.stages.front().train;
    normalizer_ =
        datasets::make_normalizer(scenario_, config_.data_root, side, options, config_.data.mask_prob,
                                  static_cast<uint64_t>(config_.training.seed));
    core::write_file_atomic(file, core::canonical(normalizer_.json()) + "\n");
  }

  void train(results::Journal& journal) {
    if (!trains()) return;
    initial_sha256_ = weights_sha256(model_->state());
    const fs::path state = folder_.checkpoint() / "state.safetensors";
    for (const auto& stage : task_.setting.stages) {
      const bool first = &stage == &task_.setting.stages.front();
      if (first && !pretrained_.empty() && task_.setting.stages.size() > 1)
        continue;  // someone else's pretraining
      train_ = windows(stage.train, "train");
      const auto validation = windows(stage.validate, "val");
      n_val_ = validation->size();
      if (train_->size() == 0)
        throw data_error("no training windows on the " +
                             std::string(datasets::to_string(train_->options().side)) + " side",
                         "at least one window", "`windtunnel data info` shows the split");
      model_->set_loss_channels(
          task_.protocol.loss_channels == "delivered" ? delivered_channels(scenario_, stage.train) : 0);
      observe_training_data();
      if (first || zero_gradients_.empty()) check_first_batch();

      const fs::path done = stage_file(folder_, stage.name);
      if (fs::exists(done)) {
        stages_.push_back(load_stage(done));
      } else {
        if (stage.from_previous && !stages_.empty())
          model_->load_state(stages_.back().weights, done.string());
        seed_everything(
            core::stream_seed(static_cast<uint64_t>(config_.training.seed), "stage/" + stage.name));
        const StageTrainer trainer{config_,     stage,   task_.protocol, *train_,   *validation,
                                   normalizer_, journal, state,          recompute_};
        if (auto* phased = dynamic_cast<baselines::PhasedTraining*>(model_.get()))
          stages_.push_back(PhaseTrainer{trainer, folder_.root / "cache" / stage.name}.run(model_, *phased));
        else
          stages_.push_back(trainer.run(model_));
        save_stage(done, stages_.back());
        fs::remove(state);
      }
    }
    model_->load_state(stages_.back().weights, "the best validation");
    baselines::save_weights(folder_.root / "weights.safetensors", model_->state(),
                            {{"baseline", config_.baseline},
                             {"scenario", scenario_.name},
                             {"setting", task_.setting.name},
                             {"options", core::canonical(config_.model)}});
  }

  /// One pass over the training windows for a model that takes scales from them.
  void observe_training_data() {
    if (!model_->wants_observation()) return;
    datasets::LoaderOptions options;
    options.batch_size = config_.training.batch_size;
    options.normalizer = &normalizer_;
    datasets::Loader loader(*train_, options);
    core::Progress bar("scales of the training data", train_->size());
    datasets::Batch batch;
    int64_t done = 0;
    while (loader.next(batch)) {
      model_->observe(view(batch.input), view(batch.target));
      bar.update(done += batch.size());
      throw_if_interrupted("run the same command again to continue");
    }
  }

  void check_first_batch() {
    const int64_t part =
        (config_.training.batch_size + config_.training.accumulate - 1) / config_.training.accumulate;
    const auto [x, y] = first_samples(std::min<int64_t>(2, part));
    const Stopwatch check;
    zero_gradients_ = check_model(model_, x, y).zero_gradient_parameters;
    if (!zero_gradients_.empty())
      core::log_warning(std::to_string(zero_gradients_.size()) +
                        " parameters get no gradient, first: " + zero_gradients_.front());
    if (part <= 2) return;
    const bool quick = check.wall() < 2;  // large fields tell their need from two samples as well
    const auto [several_x, several_y] = first_samples(quick && part >= 4 ? 4 : 2);
    const double budget =
        config_.memory_budget > 0 ? config_.memory_budget * 1e9 : available_memory_mb() * 0x1p20;
    recompute_ = fit_update(model_, several_x, several_y,
                            {config_.training.batch_size, config_.training.accumulate}, budget)
                     .recompute;
  }

  /// The first training samples in order, x and y (B,T,H,W,C).
  std::pair<at::Tensor, at::Tensor> first_samples(int64_t count) const {
    datasets::LoaderOptions options;
    options.batch_size = count;
    options.normalizer = &normalizer_;
    datasets::Loader loader(*train_, options);
    datasets::Batch batch;
    loader.next(batch);
    return {view(batch.input).clone(), view(batch.target).clone()};
  }

  /// What bf16 costs: distance of the forecasts in both precisions, relative L2, on the first test windows.
  void tell_rounding(results::Journal& journal) const {
    if (config_.training.precision != "bf16") return;
    datasets::LoaderOptions options;
    options.batch_size = std::min(config_.training.eval_batch_size, test_->size());
    options.normalizer = &normalizer_;
    datasets::Loader loader(*test_, options);
    datasets::Batch batch;
    loader.next(batch);
    const at::NoGradGuard guard;
    model_->eval();
    const auto forecast = [&](bool bf16) {
      const baselines::PrecisionScope precision(bf16);
      model_->seed_prediction(static_cast<uint64_t>(config_.training.seed));
      return model_->predict(view(batch.input)).to(at::kDouble);
    };
    const at::Tensor exact = forecast(false);
    const double distance = ((forecast(true) - exact).norm() / exact.norm()).item<double>();
    char percent[32];
    std::snprintf(percent, sizeof percent, "%.3g", 100 * distance);
    core::log_info("bf16 moves the forecasts by " + std::string(percent) + " % (relative L2, " +
                   std::to_string(batch.size()) + " test windows)");
    journal.append("rounding", {{"precision", "bf16"}, {"relative_l2", distance}, {"windows", batch.size()}});
  }

  /// Operations and time of forecasts of single test windows, after the scores are known.
  void measure_cost(const tasks::Predictor& predict, FinishedRun& finished) const {
    constexpr int64_t kWindows = 20;
    std::vector<core::Array> inputs;
    const int64_t n = std::min(kWindows, test_->size());
    for (int64_t k = 0; k < n; ++k) {
      inputs.push_back(test_->clean_sample(k * test_->size() / n).input);
      const int64_t channels = inputs.back().shape.back();
      normalizer_.apply_input(inputs.back().data.data(), inputs.back().numel() / channels, channels);
    }
    finished.latency = measure_latency(predict, inputs);
    if (runs_package(info_.origin)) return;  // its compiled code cannot be watched
    core::Array one = inputs.front();
    one.shape.insert(one.shape.begin(), 1);
    finished.operations = count_operations([&] { predict(one); });
  }

  std::vector<std::string> captured_ids() const {
    std::vector<std::string> ids;
    const int64_t n = std::min(config_.evaluation.pictures, test_->size());
    for (int64_t k = 0; k < n; ++k) ids.push_back(test_->sample_id((2 * k + 1) * test_->size() / (2 * n)));
    return ids;
  }

  /// The Update Ratio needs two curves of validation RMSE; a model trained in phases has none.
  void check_real_run() const {
    if (config_.real_run.empty()) return;
    if (dynamic_cast<const baselines::PhasedTraining*>(model_.get()))
      throw usage_error(
          "--real-run with " + config_.baseline + ", which trains its networks one after another",
          "a model with one curve of validation RMSE, from which the Update Ratio is read",
          "leave out --real-run: every other score is made without it");
    int64_t interval = 0;
    rmse_curve(results::RunFolder{config_.real_run}.journal(), interval);
  }

  std::optional<double> update_ratio() const {
    int64_t real_interval = 0, own_interval = 0;
    const auto real = rmse_curve(results::RunFolder{config_.real_run}.journal(), real_interval);
    const auto own = rmse_curve(folder_.journal(), own_interval);
    return metrics::update_ratio(real, own, real_interval, own_interval).by_crossing;
  }

  std::string command_;
  RunConfig config_;
  datasets::Scenario scenario_;
  const baselines::BaselineInfo& info_;
  tasks::Task task_;
  results::RunFolder folder_;
  baselines::ModelContext context_;
  std::shared_ptr<baselines::Baseline> model_;
  baselines::StateDict pretrained_;
  core::Json pretrained_from_ = nullptr;
  datasets::Normalizer normalizer_;
  std::unique_ptr<datasets::WindowDataset> train_, test_;
  int64_t n_val_ = 0;
  bool recompute_ = false;
  std::vector<StageResult> stages_;
  std::vector<std::string> zero_gradients_;
  std::string initial_sha256_;
};

}  // namespace

core::Json run(const RunRequest& request, RunUntil until, const std::string& command) {
  return Run(request, command).execute(until);
}

}  // namespace windtunnel::runners
