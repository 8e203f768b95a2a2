#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "baselines/baseline.h"
#include "datasets/dataset.h"
#include "datasets/normalizer.h"
#include "results/record.h"
#include "results/run_folder.h"
#include "runners/cost.h"
#include "runners/flops.h"
#include "runners/run_config.h"
#include "runners/trainer.h"
#include "tasks/evaluate.h"
#include "tasks/task.h"

namespace windtunnel::runners {

/// Everything that a finished run knows when its record is written.
struct FinishedRun {
  const RunConfig& config;
  const tasks::Task& task;
  const datasets::Scenario& scenario;
  const baselines::BaselineInfo& info;
  std::shared_ptr<baselines::Baseline> model;
  std::vector<StageResult> stages;                 ///< empty: nothing was trained
  const datasets::WindowDataset* train = nullptr;  ///< of the last stage, or null
  int64_t n_val = 0;
  const datasets::WindowDataset& test;
  const tasks::Evaluation& evaluation;
  const std::map<std::string, tasks::Evaluation>& trivial;
  std::vector<std::string> zero_gradient_parameters;
  core::Json pretrained_from;          ///< null or {name, sha256, data}
  std::optional<double> update_ratio;  ///< with real_run: N1/N2; NaN: not reached
  bool has_update_ratio = false;
  results::RunFolder folder;
  std::string command;
  double train_wall = 0, train_cpu = 0, test_wall = 0;
  int64_t resumed = 0;
  std::string initial_weights_sha256;
  std::optional<int64_t> operations = {};  ///< of one forecast; absent: cannot be counted
  Latency latency = {};                    ///< of single samples
};

/// Writes per_sample.csv, figures.safetensors and probe.safetensors, and puts the blocks of the record
/// together.
results::RecordDraft draft_run_record(const FinishedRun& run);
/// The record of that draft.
core::Json make_run_record(const FinishedRun& run);

}  // namespace windtunnel::runners
