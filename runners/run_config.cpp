#include "runners/run_config.h"

#include "baselines/baseline.h"
#include "baselines/precision.h"
#include "baselines/presets.h"
#include "core/error.h"
#include "core/sha256.h"
#include "core/text.h"
#include "tasks/task.h"

namespace windtunnel::runners {

void TrainingOptions::describe(core::OptionVisitor& v) {
  v("learning_rate", learning_rate, "step size of Adam at the first update", core::kNotNegative);
  v("updates", updates, "number of optimiser updates per training stage", core::kPositive);
  v("batch_size", batch_size, "samples per update", core::kPositive);
  v("eval_batch_size", eval_batch_size, "samples per batch in validation and test", core::kPositive);
  v("accumulate", accumulate,
    "gather the gradient of a batch in so many parts, which need less memory at a time; the updates stay the "
    "same up to rounding, except with batch normalisation or random draws in the loss",
    core::kPositive);
  v.choice("scheduler", scheduler, {"cosine", "step"},
           "cosine to zero over all updates, or halving every step_size");
  v("step_size", step_size, "updates between two halvings of the step scheduler", core::kNotNegative);
  v("clip_grad_norm", clip_grad_norm, "largest global gradient norm; 0 switches clipping off",
    core::kNotNegative);
  v("seed", seed, "seed of weights, order, masks and noise", core::kNotNegative);
  v("early_stop", early_stop, "validations without improvement before training stops; 0 never stops early",
    core::kNotNegative);
  v("validation_points", validation_points,
    "validations per training stage (0: as many as the protocol says)", core::kNotNegative);
  v("validation_windows", validation_windows,
    "validation windows, evenly spaced, that choose the checkpoint (0: all)", core::kNotNegative);
  v.choice(
      "precision", precision, {"float32", "bf16"},
      "factors of matrix products and convolutions; bf16 rounds them to 8 bits and needs a processor that "
      "multiplies them");
}

void DataOptions::describe(core::OptionVisitor& v) {
  v("mask_prob", mask_prob, "probability that the unmeasured fields of a simulated sample are zeroed",
    {0, 1});
  v("noise_scale", noise_scale, "relative Gaussian noise on simulated training samples", core::kNotNegative);
  v("pad_multiple", padding.multiple, "the model sees height and width padded to a multiple of this",
    core::kPositive);
  v("pad_minimum", padding.minimum, "the model sees at least this height and width", core::kPositive);
  v("pad_power_of_two", padding.power_of_two, "the model sees height and width padded to powers of two");
  v("pad_frames", padding.frames, "the model sees at least so many input frames", core::kPositive);
  v.choice("normalizer", normalizer, {"none", "gaussian", "range"}, "how fields are scaled for the model");
}

void EvaluationOptions::describe(core::OptionVisitor& v) {
  v("rounds", rounds, "autoregressive rounds: each feeds the prediction back as input", core::kPositive);
  v.choice("subset", subset, tasks::subsets(), "test windows that are scored");
  v("probe_diagnostic", probe_diagnostic,
    "score mean velocity profiles at the probes (scenarios with geometry)");
  v("pictures", pictures, "test samples kept as pictures", core::kNotNegative);
}

void RunRequest::describe(core::OptionVisitor& v) {
  v("scenario", scenario, "name of a scenario or path of a scenario file");
  v("baseline", baseline, "model; `windtunnel ls baselines` lists them");
  v.choice("setting", setting, {"simulated", "real", "finetune"}, "what the model is trained on");
  v.choice("protocol", protocol, {"corrected", "published"}, "rules of training and scoring");
  v("preset", preset, "settings of the model: published, small or tiny");
  v("data", data, "folder that holds the scenario's folder");
  v("out", out, "run folder (default: runs/<scenario>-<setting>-<baseline>-<preset>-s<seed>)");
  v.choice("compat", compat, {"auto", "corrected", "published"},
           "architecture quirks; auto: published for .pth weights and for protocol and preset published");
  v("pretrained", pretrained,
    "setting finetune: weights file or run folder to start from instead of pretraining");
  v("real_run", real_run, "setting finetune: run folder of the real training, for the Update Ratio");
  v("weights", weights, "weights file to score instead of training");
  v("updates", updates, "updates per training stage (0: the preset's)", core::kNotNegative);
  v("batch_size", batch_size, "samples per update (0: the preset's)", core::kNotNegative);
  v("rounds", rounds, "autoregressive rounds in the test (0: the preset's)", core::kNotNegative);
  v("seed", seed, "seed (-1: the preset's)");
  v.choice("precision", precision, {"", "float32", "bf16"}, "short for --set training.precision=...");
  v("memory_budget", memory_budget,
    "GB that an update may take (0: what is free); inner values are computed twice where that saves enough, "
    "and a "
    "batch that cannot fit is refused",
    core::kNotNegative);
  v("set", set, "any setting as block.key=value, for example model.width=32,training.learning_rate=1e-3");
}

core::Json RunConfig::json() const {
  auto t = training;
  auto d = data;
  auto e = evaluation;
  return {{"scenario", scenario},
          {"baseline", baseline},
          {"setting", setting},
          {"protocol", protocol},
          {"preset", preset},
          {"compat", compat},
          {"pretrained", pretrained},
          {"real_run", real_run},
          {"weights", weights},
          {"model", model},
          {"training", core::write_options(t)},
          {"data", core::write_options(d)},
          {"evaluation", core::write_options(e)}};
}

core::Json RunConfig::published_json() const {
  core::Json value = json();
  value["scenario"] = std::filesystem::path(scenario).stem().string();
  for (const char* key : {"pretrained", "real_run", "weights"}) value.erase(key);
  return value;
}

std::string RunConfig::sha256() const { return core::sha256(core::canonical(published_json())); }

RunConfig resolve(const RunRequest& request) {
  const baselines::BaselineInfo& info = baselines::registry().at(request.baseline);
  const std::string scenario_name = std::filesystem::path(request.scenario).stem().string();
  core::Json settings = baselines::preset(request.baseline, request.preset, scenario_name);
  const core::Json assigned = core::parse_assignments(request.set);
  for (const auto& [block, values] : assigned.items())
    if (!settings.contains(block))
      throw usage_error("--set: unknown block '" + block + "'", "block.key=value",
                        core::suggestion(block, {"model", "training", "data", "evaluation"}));
  settings = core::merged(settings, assigned);

  RunConfig config;
  config.scenario = request.scenario;
  config.baseline = request.baseline;
  config.setting = request.setting;
  config.protocol = request.protocol;
  config.preset = request.preset;
  // Only published weights and published settings need the published quirks.
  const bool published = std::filesystem::path(request.weights).extension() == ".pth" ||
                         (request.protocol == "published" && request.preset == "published");
  config.compat = request.compat != "auto" ? request.compat : published ? "published" : "corrected";
  config.pretrained = request.pretrained;
  config.real_run = request.real_run;
  config.weights = request.weights;
  if (!request.pretrained.empty() && request.setting != "finetune")
    throw usage_error("--pretrained with setting '" + request.setting + "'", "setting finetune");
  if (!request.pretrained.empty() && !request.weights.empty())
    throw usage_error("--pretrained and --weights together", "one of them",
                      "--weights scores finished weights; --pretrained starts a finetuning");
  const std::string where = request.baseline + ", preset " + request.preset + ": ";
  auto options = info.options();
  core::read_options(*options, settings.at("model"), where + "model");
  config.model = core::write_options(*options);
  core::read_options(config.training, settings.at("training"), where + "training");
  core::read_options(config.data, settings.at("data"), where + "data");
  core::read_options(config.evaluation, settings.at("evaluation"), where + "evaluation");
  if (request.updates > 0) config.training.updates = request.updates;
  if (request.batch_size > 0) config.training.batch_size = request.batch_size;
  if (request.rounds > 0) config.evaluation.rounds = request.rounds;
  if (request.seed >= 0) config.training.seed = request.seed;
  if (!request.precision.empty()) config.training.precision = request.precision;
  if (config.training.precision == "bf16" && !baselines::bf16_supported())
    throw environment_error("this processor does not multiply bfloat16 numbers", "AVX512-BF16 or AMX",
                            "--precision float32");
  config.memory_budget = request.memory_budget;

  if (request.data.empty())
    throw usage_error("no data folder", "--data DIR with the folder of scenario '" + request.scenario + "'",
                      "`windtunnel data make` creates one");
  config.data_root = request.data;
  config.folder = request.out;
  if (request.out.empty()) {
    config.folder = std::filesystem::path("runs") /
                    (scenario_name + "-" + (info.trainable ? request.setting : "inference") + "-" +
                     request.baseline + "-" + request.preset + "-s" + std::to_string(config.training.seed));
  }
  return config;
}

}  // namespace windtunnel::runners
