#include "runners/surrogate.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <limits>

#include "baselines/adam.h"
#include "baselines/checkpoint.h"
#include "baselines/presets.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/random.h"
#include "core/text.h"
#include "datasets/normalizer.h"
#include "datasets/surrogate.h"
#include "runners/interrupt.h"
#include "runners/run_config.h"
#include "runners/tensors.h"
#include "runners/trainer.h"
#include "runners/training_state.h"

namespace windtunnel::runners {

namespace fs = std::filesystem;
using datasets::SurrogateClips;

namespace {

constexpr int64_t kHeldOut = 5;       // every fifth clip is for validation
constexpr int64_t kValidations = 20;  // during a training
constexpr int64_t kMostWindows = 64;  // of a validation
constexpr const char* kHint = "start again to begin anew";

struct Window {
  std::string id;
  int64_t time = 0;
};

int64_t points(const core::Array& a) { return a.numel() / a.shape.back(); }

/// Mean and deviation per channel over the windows.
datasets::Normalizer measure(const SurrogateClips& clips, const std::vector<Window>& windows) {
  std::vector<double> sums[2], squares[2];
  double count = 0;
  for (const auto& window : windows) {
    const auto sample = clips.window(window.id, window.time);
    for (const int part : {0, 1}) {
      const core::Array& values = part ? sample.target : sample.input;
      const auto channels = static_cast<size_t>(values.shape.back());
      sums[part].resize(channels);
      squares[part].resize(channels);
      for (size_t k = 0; k < values.data.size(); ++k) {
        sums[part][k % channels] += values.data[k];
        squares[part][k % channels] += double{values.data[k]} * values.data[k];
      }
    }
    count += static_cast<double>(points(sample.target));
    throw_if_interrupted(kHint);
  }
  std::vector<float> shift[2], scale[2];
  for (const int part : {0, 1})
    for (size_t c = 0; c < sums[part].size(); ++c) {
      const double mean = sums[part][c] / count;
      // Below the rounding of the sums a channel counts as constant.
      const double variance = squares[part][c] / count - mean * mean;
      shift[part].push_back(static_cast<float>(mean));
      scale[part].push_back(variance > 1e-12 * mean * mean ? static_cast<float>(std::sqrt(variance)) : 0.0f);
    }
  return {"gaussian", shift[0], scale[0], shift[1], scale[1]};
}

/// Windows of a batch, stacked.
struct Batch {
  core::Array input, target;

  Batch(const SurrogateClips& clips, const std::vector<Window>& windows) {
    for (const auto& window : windows) {
      auto sample = clips.window(window.id, window.time);
      append(input, sample.input, windows.size());
      append(target, sample.target, windows.size());
    }
  }

 private:
  static void append(core::Array& to, const core::Array& from, size_t count) {
    if (to.shape.empty()) {
      to.shape = from.shape;
      to.shape.insert(to.shape.begin(), static_cast<int64_t>(count));
    }
    to.data.insert(to.data.end(), from.data.begin(), from.data.end());
    if (static_cast<int64_t>(to.data.size()) > core::numel(to.shape))
      throw data_error("clips have different grids", "one grid");
  }
};

class Surrogate {
 public:
  explicit Surrogate(SurrogateOptions options)
      : options_(std::move(options)),
        scenario_(datasets::load_scenario(options_.scenario, options_.data)),
        simulated_(datasets::simulated_part(scenario_)),
        clips_(SurrogateClips::open(scenario_, options_.data, options_.step)) {
    const core::Json preset =
        baselines::preset(options_.baseline, options_.preset, scenario_.name + "_surrogate");
    if (!baselines::registry().at(options_.baseline).trainable)
      throw usage_error("baseline '" + options_.baseline + "' is not trained",
                        "a trainable one, such as fno or unet");
    core::read_options(training_, preset.value("training", core::Json::object()),
                       options_.baseline + " preset");
    if (options_.updates > 0) training_.updates = options_.updates;
    if (options_.batch_size > 0) training_.batch_size = options_.batch_size;
    const auto& ids = clips_->ids();
    for (size_t i = 0; i < ids.size(); ++i) {
      const bool held = ids.size() > 1 && (static_cast<int64_t>(i) % kHeldOut == kHeldOut - 1 ||
                                           (ids.size() < kHeldOut && i + 1 == ids.size()));
      for (int64_t t = 0; t < clips_->starts(); ++t) (held ? validation_ : train_).push_back({ids[i], t});
    }
    if (validation_.empty()) validation_ = train_;  // a single clip
    thin(validation_);
    const auto first = clips_->window(train_.front().id, 0);
    const auto& in = first.input.shape;
    context_.input = {in[0], in[1], in[2], in[3]};
    context_.output = {in[0], in[1], in[2], 1};
    seed_everything(static_cast<uint64_t>(options_.seed));
    model_ =
        baselines::make_baseline(options_.baseline, context_, preset.value("model", core::Json::object()));
  }

  SurrogateReport run() {
    open_target();
    normalizer_ = measure(*clips_, train_);
    SurrogateReport report = train();
    save(report);
    write(report);
    return report;
  }

 private:
  static void thin(std::vector<Window>& windows) {
    std::vector<Window> kept;
    const auto n = static_cast<int64_t>(windows.size()), want = std::min(n, kMostWindows);
    for (int64_t k = 0; k < want; ++k)
      kept.push_back(windows[static_cast<size_t>((2 * k + 1) * n / (2 * want))]);
    windows = kept;
  }

  /// Everything that can be refused is looked at before the training.
  void open_target() {
    datasets::Scenario files = simulated_;
    files.formats = {"realpdebench_hdf5"};  // a surrogate file stands beside each simulated file
    store_ = datasets::open_trajectories(files, options_.data, datasets::Side::numerical);
    const auto ids = store_->ids();
    const auto first = store_->open(ids.front());
    const auto count = static_cast<int64_t>(first->parameters().size()) + simulated_.channels();
    if (count != context_.input.channels)
      throw data_error(first->path() + " has " + std::to_string(count) + " fields and parameters",
                       std::to_string(context_.input.channels) + " as in the clips");
    if (first->height() != context_.input.height || first->width() != context_.input.width)
      core::log_warning("simulated trajectories have " + std::to_string(first->height()) + " x " +
                        std::to_string(first->width()) + " points, the clips " +
                        std::to_string(context_.input.height) + " x " + std::to_string(context_.input.width));
  }

  core::Array predict(core::Array input) const {
    const at::NoGradGuard guard;
    model_->eval();
    normalizer_.apply_input(input.data.data(), points(input), input.shape.back());
    core::Array out = to_array(model_->predict(view(input)));
    normalizer_.invert_target(out.data.data(), points(out), 1);
    return out;
  }

  SurrogateScores validate() const {
    double squares = 0, magnitudes = 0, relative = 0, count = 0;
    const double scale = normalizer_.scale(true, 1)[0];
    for (const auto& window : validation_) {
      Batch batch(*clips_, {window});
      const core::Array got = predict(std::move(batch.input));
      double error = 0, energy = 0;
      for (size_t k = 0; k < got.data.size(); ++k) {
        const double d = double{got.data[k]} - batch.target.data[k];
        error += d * d;
        magnitudes += std::abs(d);
        energy += double{batch.target.data[k]} * batch.target.data[k];
      }
      squares += error;
      count += static_cast<double>(got.data.size());
      relative += std::sqrt(error / std::max(energy, 1e-300)) / static_cast<double>(validation_.size());
      throw_if_interrupted(kHint);
    }
    return {squares / count / (scale * scale), std::sqrt(squares / count), magnitudes / count, relative};
  }

  SurrogateReport train() {
    baselines::Adam adam(model_->trainable_parameters());
    core::PythonRandom random(static_cast<uint64_t>(options_.seed));
    const int64_t updates = training_.updates, every = std::max<int64_t>(1, updates / kValidations);
    SurrogateReport report;
    report.scores.rmse = std::numeric_limits<double>::infinity();
    baselines::StateDict best;
    core::Progress bar("surrogate", updates);
    for (int64_t update = 1; update <= updates; ++update) {
      std::vector<Window> windows;
      for (int64_t b = 0; b < training_.batch_size; ++b) windows.push_back(random.choice(train_));
      Batch batch(*clips_, windows);
      normalizer_.apply_input(batch.input.data.data(), points(batch.input), batch.input.shape.back());
      normalizer_.apply_target(batch.target.data.data(), points(batch.target), 1);
      model_->train();
      adam.zero_grad();
      at::Tensor loss = model_->loss(view(batch.input), view(batch.target));
      const double value = loss.item<double>();
      if (!std::isfinite(value))
        throw model_error("training loss is " + core::number(value) + " at update " + std::to_string(update),
                          "a finite loss", "check the clips, or choose another preset");
      loss.backward();
      adam.clip_gradients(training_.clip_grad_norm);
      adam.set_learning_rate(learning_rate(training_, update));
      adam.step();
      if (update % every == 0 || update == updates) {
        const auto scores = validate();
        if (scores.rmse < report.scores.rmse) {
          report.scores = scores;
          report.best_update = update;
          best.clear();
          for (const auto& [name, tensor] : model_->state()) best.emplace_back(name, tensor.clone());
        }
      }
      bar.update(update, "loss " + core::number(value));
      throw_if_interrupted(kHint);
    }
    if (best.empty())
      throw model_error("no validation of the surrogate is finite", "a finite RMSE",
                        "train longer or differently");
    model_->load_state(best, "the best validation");
    return report;
  }

  void save(SurrogateReport& report) const {
    const fs::path folder =
        options_.out.empty() ? scenario_.home(options_.data) / "surrogate_model" : fs::path(options_.out);
    core::make_folder(folder);
    report.weights = folder / "weights.safetensors";
    baselines::save_weights(report.weights, model_->state(),
                            {{"baseline", options_.baseline}, {"scenario", scenario_.name + "_surrogate"}});
    core::write_file_atomic(folder / "normalizer.json", core::canonical(normalizer_.json()) + "\n");
    const core::Json scores = {{"baseline", options_.baseline},
                               {"best_update", report.best_update},
                               {"clips", clips_->ids().size()},
                               {"mae", core::finite_or_reason(report.scores.mae)},
                               {"normalised_mse", core::finite_or_reason(report.scores.normalised_mse)},
                               {"relative_l2", core::finite_or_reason(report.scores.relative_l2)},
                               {"rmse", core::finite_or_reason(report.scores.rmse)},
                               {"seed", options_.seed},
                               {"step", clips_->step()},
                               {"unit", scenario_.fields.front().unit},
                               {"updates", training_.updates},
                               {"validation_windows", validation_.size()}};
    core::write_file_atomic(folder / "surrogate.json", scores.dump(2) + "\n");
  }

  void write(SurrogateReport& report) const {
    const auto ids = store_->ids();
    core::Progress bar("intensity", static_cast<int64_t>(ids.size()));
    for (const auto& id : ids) {
      const fs::path file = scenario_.folder(options_.data, "surrogate") / id;
      if (!options_.replace && fs::exists(file)) {
        ++report.kept;
      } else {
        const auto intensity = datasets::derive_intensity(
            *store_->open(id), simulated_, clips_->step(), [&](const core::Array& window) {
              throw_if_interrupted("start again: finished files are kept");
              core::Array batch = window;
              batch.shape.insert(batch.shape.begin(), 1);
              return predict(std::move(batch));
            });
        datasets::write_surrogate(scenario_, options_.data, id, intensity);
        ++report.written;
      }
      bar.update(report.written + report.kept);
    }
  }

  SurrogateOptions options_;
  datasets::Scenario scenario_, simulated_;
  std::unique_ptr<SurrogateClips> clips_;
  std::unique_ptr<datasets::TrajectoryStore> store_;
  TrainingOptions training_;
  std::vector<Window> train_, validation_;
  baselines::ModelContext context_;
  std::shared_ptr<baselines::Baseline> model_;
  datasets::Normalizer normalizer_;
};

}  // namespace

void SurrogateOptions::describe(core::OptionVisitor& v) {
  v("scenario", scenario, "scenario whose measured field is derived");
  v("data", data, "folder that holds the scenario's folder");
  v("out", out, "folder for weights and scores (default: <scenario>/surrogate_model)");
  v("baseline", baseline, "model: fno, unet or another one that keeps the number of frames");
  v("preset", preset, "settings of the model");
  v("step", step, "frames of a window (0: as stored, or 20)", core::kNotNegative);
  v("updates", updates, "updates (0: the preset's)", core::kNotNegative);
  v("batch_size", batch_size, "windows per update (0: the preset's)", core::kNotNegative);
  v("seed", seed, "seed", core::kNotNegative);
  v("replace", replace, "write surrogate files that exist anew");
}

SurrogateReport make_surrogate(SurrogateOptions options) { return Surrogate(std::move(options)).run(); }

}  // namespace windtunnel::runners
