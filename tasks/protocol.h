#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"
#include "metrics/accumulator.h"

namespace windtunnel::tasks {

/// Everything that decides how numbers are made from data and a model, apart from both. Each member is one
/// place where the published programs and the papers' meaning differ. The protocols are data
/// (tasks/protocols/*.yaml): `published` reproduces the published programs, `corrected` (the default) does
/// not carry their quirks. Two results are comparable only if their protocol hashes are equal.
struct Protocol : core::Options {
  std::string name = "corrected";
  int64_t version = 1;
  std::string about;

  // Data. Both name a rule set of the datasets folder, which lists what it contains.
  std::string windows = "corrected";  ///< which windows are trained and scored (datasets::WindowDataset)
  std::string statistics =
      "corrected";                 ///< source and variance of the normalizer (datasets::make_normalizer)
  int64_t statistics_batch = 512;  ///< windows per batch in published statistics

  // Training
  std::string loss_channels =
      "delivered";  ///< or "all": the loss also covers fields that the training side lacks
  int64_t validation_points = 50;
  std::string selection_metric = "rmse";  ///< strictly smallest on the validation side
  std::string measured_channels =
      "scenario";  ///< or "detected": channels not all zero in the first raw target batch

  // Rollout
  bool input_round_trip = false;   ///< predictions are stored in input units but read with target statistics
  bool target_round_trip = false;  ///< targets pass through the normalizer and back in float32
  std::string unmeasured_feedback = "zero";  ///< or "predicted": what later rounds see in unmeasured channels

  // Metrics
  int64_t chunk_above_rounds =
      0;  ///< above this many rounds metrics are averaged over chunks of the test batch; 0: never
  bool float32_chunks = false;               ///< chunk values are rounded to and averaged in float32
  std::string frmse_bins = "mean";           ///< or "sum" over the modes of a bin
  std::string relative_bands = "skip_zero";  ///< or "all": bins without target energy give inf or nan
  std::string fe_channels = "separate";      ///< or "summed": channels added into one signal
  std::string missing_ke = "undefined";      ///< or "zero" with fewer than two channels
  bool paper_forms = true;                   ///< also the vector-norm and pooled forms of the papers
  std::string probe_rule = "4d";             ///< or "2d": which station must be inside for full spacing
  std::string probe_channels = "measured";   ///< or "all_predicted"
  std::string batch_means = "samples";       ///< or "batches": weights in normalised MSE and MVPE

  void describe(core::OptionVisitor& visitor) override;

  core::Json json() const;
  /// SHA-256 of the canonical JSON without `about`.
  std::string hash() const;

  /// Samples per metric chunk for a rollout of `rounds` with this test batch size; 0: one chunk.
  int64_t chunk(int64_t rounds, int64_t test_batch) const;
  /// Metric switches of this protocol. `channels`: evaluated channels.
  metrics::AccumulatorOptions accumulator(int64_t channels, int64_t rounds, int64_t test_batch) const;
};

/// A protocol of the program by name ("published", "corrected"), or read from a YAML file if `name` ends in
/// .yaml.
Protocol protocol(const std::string& name);
std::vector<std::string> protocol_names();

}  // namespace windtunnel::tasks
