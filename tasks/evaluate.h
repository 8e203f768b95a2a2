#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/array.h"
#include "datasets/loader.h"
#include "metrics/accumulator.h"
#include "metrics/families.h"
#include "tasks/protocol.h"
#include "tasks/rollout.h"

namespace windtunnel::tasks {

/// Raw windows in physical units: input (B,T_in,H,W,C_in), target (B,N*T_out,H,W,C_out), one id per sample.
struct EvaluationBatch {
  core::Array input, target;
  std::vector<std::string> ids;
};

/// Fills the next batch; false at the end. Batches may have any sizes: only published chunking looks at
/// `test_batch`.
using BatchSource = std::function<bool(EvaluationBatch& batch)>;

/// One pass over a loader without shuffling and without its own normalizer; it must outlive the source.
BatchSource batches_of(datasets::Loader& loader);

/// Body geometry of a scenario on the delivered grid of its measured side; nothing if the scenario has none.
std::optional<metrics::ProbeGeometry> probe_geometry(const datasets::Scenario& scenario);

struct EvaluateOptions {
  int64_t rounds = 1;
  int64_t test_batch =
      64;  ///< the configuration's test batch size: chunks and batch means of the published protocol
  int64_t measured = 0;  ///< measured channels of the scenario; ignored where the protocol detects them
  /// Validation during training: prediction is denormalised directly, metrics over the whole set, whatever
  /// the protocol.
  bool validation = false;
  std::optional<metrics::ProbeGeometry> probes;
  std::vector<std::string> fields;    ///< names of the measured channels, for scores per field
  std::vector<std::string> families;  ///< of other benchmarks' metrics that are added (metrics::make_family)
  std::vector<std::string> capture;   ///< sample ids whose fields are kept for pictures
  int64_t capture_first = 0;          ///< and so many samples from the start
  metrics::Kernels kernels = metrics::Kernels::fast;
  int threads = 1;
  std::function<void(int64_t samples_done)> progress;
};

/// Fields of one sample: input (T,H,W,C), prediction and target (N*T,H,W,C), physical units.
struct CapturedSample {
  std::string id;
  core::Array input, prediction, target;
};

struct Evaluation {
  int64_t samples = 0, channels = 0;   ///< evaluated channels
  std::vector<metrics::Score> scores;  ///< in the order of the catalogue, normalised MSE first
  std::vector<std::string> columns;    ///< of the rows
  std::vector<metrics::SampleRow> rows;
  metrics::Spectrum spectrum;
  std::vector<double> stations;     ///< probe error per station
  metrics::ProbeProfiles profiles;  ///< mean probe profiles
  std::vector<CapturedSample> captured;
  int64_t diverged = 0;  ///< samples with a prediction that is not finite
  std::string first_diverged;
  std::string windows_sha256;  ///< of ids, inputs and targets in order, without validation; equal: same test
  double model_seconds = 0;    ///< spent in the predictor

  /// The value of a metric; NaN if it is missing.
  double value(const std::string& id) const;
};

/// Streams every batch through rollout and accumulators; metrics of plug-ins (metrics/added.h) come last in
/// scores and columns. Data error if the source is empty.
Evaluation evaluate(const BatchSource& source, const Predictor& predict,
                    const datasets::Normalizer& normalizer, const Protocol& protocol,
                    const EvaluateOptions& options);

/// Scores finished predictions (physical units), for example files made by another program: same totals and
/// rows without a model. `prediction` (B,N*T,H,W,Cp).
class PredictionScorer {
 public:
  PredictionScorer(const Protocol& protocol, const EvaluateOptions& options)
      : protocol_(protocol), options_(options) {}
  void add(const core::Array& prediction, const core::Array& target, const std::vector<std::string>& ids);
  Evaluation finish() const;

 private:
  Protocol protocol_;
  EvaluateOptions options_;
  std::optional<metrics::MetricAccumulator> accumulator_;
  std::vector<std::unique_ptr<metrics::FamilyAccumulator>> families_;
};

}  // namespace windtunnel::tasks
