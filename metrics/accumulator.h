#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/array.h"
#include "metrics/metric.h"
#include "metrics/probe.h"
#include "metrics/spectrum.h"

namespace windtunnel::metrics {

/// Two implementations of the per-sample sums: `reference` is short and obvious, `fast` is the default.
enum class Kernels { fast, reference };
/// "fast" or "reference"; anything else is a usage error.
Kernels parse_kernels(const std::string& name);

/// Which channels the probe metric averages over.
enum class ProbeChannels { all_predicted, measured, first };

struct ProbeOptions {
  ProbeGeometry geometry;
  ProbeRule rule = ProbeRule::four_diameters;
  ProbeChannels channels = ProbeChannels::measured;
};

/// The switches in which the published program and the corrected definition differ, one per quirk.
struct AccumulatorOptions {
  int64_t channels = 0;  ///< evaluated channels 0..channels-1; 0: all of the target
  int64_t chunk =
      0;  ///< samples per chunk; each metric is computed per chunk, then averaged; 0: the whole set
  int64_t loader_batch = 0;      ///< samples per unweighted mean of normalised MSE and MVPE; 0: the whole set
  bool float32_chunks = false;   ///< chunk values are rounded to float32 before they are averaged in float32
  bool bin_mean = true;          ///< fRMSE: energy of a bin is the mean over its modes, not their sum
  bool skip_zero_bins = true;    ///< relative bands: leave out bins without target energy
  bool separate_fe = true;       ///< FE: one signal per channel, not the sum over channels
  bool zero_missing_ke = false;  ///< KE is 0, not "undefined", with fewer than two channels
  bool paper_forms = true;       ///< also report the vector-norm and pooled forms of the papers
  std::optional<ProbeOptions> probes;
  Kernels kernels = Kernels::fast;
  int threads = 1;  ///< samples analysed at a time; does not change any number

  static AccumulatorOptions published(int64_t chunk = 0, int64_t loader_batch = 0);
  static AccumulatorOptions corrected();
};

/// Values of one sample, in the order of MetricAccumulator::columns(). `mse` is the sample's mean square
/// error: RMSE over a set is the root of the mean of this column. R2 is defined on sets only and has no
/// column.
struct SampleRow {
  std::string id;
  std::vector<double> values;
};

/// All RealPDEBench metrics of a set of samples in one pass: float64 sums, added sample by sample in the
/// order of arrival, so that no number depends on how the samples are cut into calls of add(). Memory: a few
/// (T,H,W,c) arrays (R2 needs sums per position) and one row per sample, whatever the size of the set. Not
/// thread safe.
class MetricAccumulator {
 public:
  explicit MetricAccumulator(AccumulatorOptions options);
  ~MetricAccumulator();
  MetricAccumulator(MetricAccumulator&&) noexcept;
  MetricAccumulator& operator=(MetricAccumulator&&) noexcept;

  /// prediction (B,T,H,W,Cp), target (B,T,H,W,Ct), physical units, Cp and Ct >= evaluated channels; one id
  /// per sample. `normalised_mse`: empty, or per sample the mean square error in normalised units. Data error
  /// on a shape that differs from the first batch's and on a target that is not finite; a prediction that is
  /// not finite is a result.
  void add(const core::Array& prediction, const core::Array& target, const std::vector<std::string>& ids,
           const std::vector<double>& normalised_mse = {});

  int64_t samples() const;
  int64_t channels() const;
  /// Samples whose prediction has a NaN or an infinity, and the first one's id.
  int64_t diverged() const;
  const std::string& first_diverged() const;

  /// Totals over everything added so far, in the order of the catalogue. Data error if nothing was added.
  std::vector<Score> totals() const;
  static const std::vector<std::string>& columns();
  const std::vector<SampleRow>& rows() const;
  /// Of all samples as one set, whatever the chunks.
  Spectrum spectrum() const;
  /// Station errors averaged over all samples; empty without probes.
  std::vector<double> stations() const;
  /// Time-averaged profiles, mean over all samples; no channels without probes.
  ProbeProfiles profiles() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace windtunnel::metrics
