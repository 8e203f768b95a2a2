#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "baselines/padding.h"
#include "core/options.h"

namespace windtunnel::runners {

/// How a model is trained; presets give the values.
struct TrainingOptions : core::Options {
  double learning_rate = 1e-3;
  int64_t updates = 1000;
  int64_t batch_size = 8;
  int64_t eval_batch_size = 16;
  int64_t accumulate = 1;  ///< parts in which the gradient of a batch is gathered
  std::string scheduler = "cosine";
  int64_t step_size = 1000;
  double clip_grad_norm = 0;
  int64_t seed = 0;
  int64_t early_stop = 0;
  int64_t validation_points = 0;   ///< 0: the protocol's number
  int64_t validation_windows = 0;  ///< 0: the whole validation split
  std::string precision = "float32";
  void describe(core::OptionVisitor& v) override;
};

/// How simulated samples are altered in training, and how fields are normalised.
struct DataOptions : core::Options {
  double mask_prob = 0.5;
  double noise_scale = 0;
  std::string normalizer = "gaussian";
  baselines::PaddingRule padding;
  void describe(core::OptionVisitor& v) override;
};

struct EvaluationOptions : core::Options {
  int64_t rounds = 1;
  std::string subset = "all";
  bool probe_diagnostic = true;
  int64_t pictures = 2;
  void describe(core::OptionVisitor& v) override;
};

/// What the user asks for on the command line of `train`, `eval` and `run`.
struct RunRequest : core::Options {
  std::string scenario = "cylinder";
  std::string baseline = "fno";
  std::string setting = "real";
  std::string protocol = "corrected";
  std::string preset = "published";
  std::string data;
  std::string out;
  std::string compat = "auto";
  std::string pretrained;
  std::string real_run;
  std::string weights;
  int64_t updates = 0;
  int64_t batch_size = 0;
  int64_t rounds = 0;
  int64_t seed = -1;
  std::string precision;
  double memory_budget = 0;
  std::vector<std::string> set;
  void describe(core::OptionVisitor& v) override;
};

/// The effective configuration: every value that changes numbers, and where things are.
struct RunConfig {
  std::string scenario, baseline, setting, protocol, preset, compat;
  std::string pretrained;  ///< weights or run folder that the finetuning starts from; empty: pretrain here
  std::string real_run;  ///< run folder of the real training that the Update Ratio compares with; empty: none
  std::string weights;   ///< weights that are scored instead of trained; empty: train
  core::Json model;      ///< complete model options
  TrainingOptions training;
  DataOptions data;
  EvaluationOptions evaluation;
  double memory_budget = 0;  ///< GB that an update may take; 0: what is free
  std::filesystem::path data_root, folder;

  /// What is stored in config.yaml and compared when a run goes on.
  core::Json json() const;
  /// Without anything that names a place on this machine; what records carry and hash.
  core::Json published_json() const;
  std::string sha256() const;  ///< of published_json()
};

/// Preset of the model for the scenario, then the `--set` assignments, then the short options of the request.
RunConfig resolve(const RunRequest& request);

}  // namespace windtunnel::runners
