#pragma once

#include <filesystem>
#include <string>

#include "core/options.h"

namespace windtunnel::runners {

/// `score`: forecasts made by any program, scored on the official test windows like a model's.
struct ScoreRequest : core::Options {
  std::string task;         ///< scenario/setting, "cylinder/real"
  std::string predictions;  ///< file, see datasets/prediction_file.h
  std::string name;         ///< of the model in tables
  std::string data;
  std::string out;
  std::string protocol = "corrected";
  std::string subset = "all";
  int64_t rounds = 1;
  int64_t parameters = 0;
  int64_t seed = 0;
  int64_t batch_size = 16;
  std::string paper, code_url, licence;
  bool trained = true;
  void describe(core::OptionVisitor& v) override;
  std::filesystem::path folder() const;  ///< `out` or its default
};

/// Writes a run folder (rows per sample, stored predictions, pictures, record, report) and returns the
/// record. Windows that the file lacks, other shapes and values that are not finite are errors naming the
/// window.
core::Json score(const ScoreRequest& request, const std::string& command);

/// `task export`: what a program outside needs to take part, below `out`:
///   task.json                  axes, fields with units, parameters, windows of each split with sample ids,
///   hashes test_inputs.npy            (N,T,H,W,C) physical units; never the targets
///   <side>_<mode>_inputs.npy, <side>_<mode>_targets.npy for real and numerical train and real val, if asked
/// Parameters are constant planes of the input where the scenario says so.
struct ExportRequest : core::Options {
  std::string task;
  std::string data;
  std::string out;
  std::string protocol = "corrected";
  std::string subset = "all";
  int64_t rounds = 1;
  bool with_training = false;
  void describe(core::OptionVisitor& v) override;
};
core::Json export_task(const ExportRequest& request);

}  // namespace windtunnel::runners
