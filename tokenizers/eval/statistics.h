#pragma once

#include <vector>

#include "core/array.h"
#include "core/json.h"

namespace windtunnel::tokenizers {

/// Minimum, maximum, mean and unbiased deviation of one channel over pixels, frames and files (float64).
struct ChannelStatistics {
  double min = 0, max = 0, mean = 0, std = 0;
  int64_t count = 0;
};

/// Gathers the statistics of every channel from frames (T,H,W,C), one block after another; equals the
/// one-pass value.
class StatisticsGatherer {
 public:
  /// Data error if the number of channels changes.
  void add(const core::Array& frames);
  std::vector<ChannelStatistics> result() const;

 private:
  struct Sums {
    double min, max, mean, squares;  ///< squares: sum of (x - mean)^2
  };
  std::vector<Sums> sums_;
  int64_t count_ = 0;
};

/// The list of {min, max, mean, std, count} of a normalization_stats.json file, and back.
std::vector<ChannelStatistics> read_statistics(const core::Json& list, const std::string& origin);
core::Json write_statistics(const std::vector<ChannelStatistics>& list);

/// y = a x + b per channel, in float64.
struct ChannelScaling {
  std::vector<double> a, b;

  /// a = 1/(std + 1e-7), b = -mean/(std + 1e-7).
  static ChannelScaling standard(const std::vector<ChannelStatistics>& statistics);
  /// a = 2/(max - min + 1e-7), b = -1 - 2 min/(max - min + 1e-7).
  static ChannelScaling minmax(const std::vector<ChannelStatistics>& statistics);

  /// Channels last. The first is the exact value, the second what is stored (float32).
  std::vector<double> apply(const core::Array& x) const;
  core::Array normalised(const core::Array& x) const;
  std::vector<double> restored(const core::Array& y) const;  ///< (y - b)/a
};

}  // namespace windtunnel::tokenizers
