#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "datasets/dataset.h"

namespace windtunnel::datasets {

/// Maps fields to the numbers a model sees, per channel: x' = (x - shift) / scale, and back x = x' * scale +
/// shift, each operation rounded to float32. Inputs and targets have their own statistics; a tensor with
/// fewer channels uses the first ones.
///   identity  shift 0, scale 1
///   gaussian  mean and standard deviation
///   range     0 and the largest magnitude
/// A scale of 0 becomes 1.
class Normalizer {
 public:
  Normalizer() = default;  ///< identity
  Normalizer(std::string kind, std::vector<float> input_shift, std::vector<float> input_scale,
             std::vector<float> target_shift, std::vector<float> target_scale);

  const std::string& kind() const { return kind_; }
  bool is_identity() const { return kind_ == "identity"; }
  /// Statistics as stored (zeros not replaced): empty for identity.
  const std::vector<float>& input_shift() const { return input_shift_; }
  const std::vector<float>& input_scale() const { return input_scale_; }
  const std::vector<float>& target_shift() const { return target_shift_; }
  const std::vector<float>& target_scale() const { return target_scale_; }
  /// Values to compute with for `channels` channels: shift, and scale with zeros replaced by 1 (identity: 0
  /// and 1).
  std::vector<float> shift(bool target, int64_t channels) const;
  std::vector<float> scale(bool target, int64_t channels) const;

  /// In place on `points` points of `channels` channels each, channel last.
  void apply_input(float* x, int64_t points, int64_t channels) const;
  void apply_target(float* y, int64_t points, int64_t channels) const;
  void invert_input(float* x, int64_t points, int64_t channels) const;
  void invert_target(float* y, int64_t points, int64_t channels) const;

  /// Where the statistics come from: data, split, protocol, masks.
  core::Json source;

  core::Json json() const;  ///< floats read back to the same bits
  static Normalizer from_json(const core::Json& value, const std::string& where);

 private:
  void check(const std::vector<float>& statistics, int64_t channels) const;
  std::string kind_ = "identity";
  std::vector<float> input_shift_, input_scale_, target_shift_, target_scale_;
};

/// How statistics are gathered from a dataset.
struct StatisticsOptions {
  std::string kind = "gaussian";  ///< identity | gaussian | range ("none" means identity)
  /// published: variance = mean of the variances inside batches of `batch` windows, masks drawn at random.
  /// corrected: variance of all values; masked fields enter by expectation: with mask probability q the mean
  /// is (1-q) m and the second moment (1-q) s, the largest magnitude that of the shown values (0 if q = 1).
  std::string protocol = "corrected";
  int64_t batch = 512;
  int64_t threads = 0;  ///< 0 = all processors; the result does not depend on it
  bool quiet = false;   ///< no progress line
};

/// Statistics of the windows of `dataset` in index order, accumulated in float64.
Normalizer measure(const WindowDataset& dataset, const StatisticsOptions& options);

/// What a program uses for training and evaluation:
///   published  statistics of the numerical train split with the scenario's mask probability, or the cache
///              <root>/<scenario>/mean_std.pt, max.pt if it is there
///   corrected  statistics of `side`'s own train split with `mask_prob` (absent: the scenario's)
Normalizer make_normalizer(const Scenario& scenario, const std::filesystem::path& root, Side side,
                           const StatisticsOptions& options, std::optional<double> mask_prob = {},
                           uint64_t seed = 0);

/// mean_std.pt holds (mean_inputs, mean_targets, std_inputs, std_targets), max.pt (max_inputs, max_targets).
Normalizer read_normalizer_cache(const std::filesystem::path& path, const std::string& kind);
void write_normalizer_cache(const std::filesystem::path& path, const Normalizer& normalizer);

}  // namespace windtunnel::datasets
