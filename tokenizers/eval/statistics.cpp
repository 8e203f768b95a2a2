#include "tokenizers/eval/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace windtunnel::tokenizers {
namespace {

constexpr double kEpsilon = 1e-7;

template <class Map>
std::vector<double> per_channel(const core::Array& x, size_t channels, const Map& map) {
  if (x.shape.empty() || static_cast<size_t>(x.shape.back()) != channels)
    throw data_error("fields of shape " + core::to_string(x.shape) + " with statistics of " +
                         std::to_string(channels) + " channels",
                     "channels last, as many as the statistics have");
  std::vector<double> y(x.data.size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = map(static_cast<double>(x.data[i]), i % channels);
  return y;
}

}  // namespace

void StatisticsGatherer::add(const core::Array& frames) {
  const auto channels = static_cast<size_t>(frames.shape.empty() ? 0 : frames.shape.back());
  if (channels == 0 || frames.data.empty())
    throw data_error("statistics of an empty field", "frames (T,H,W,C)");
  if (sums_.empty()) {
    constexpr double inf = std::numeric_limits<double>::infinity();
    sums_.assign(channels, {inf, -inf, 0, 0});
  }
  if (channels != sums_.size())
    throw data_error(
        "fields of " + std::to_string(channels) + " channels after " + std::to_string(sums_.size()),
        "the same channels in every file");
  const size_t n = frames.data.size() / channels;
  for (size_t c = 0; c < channels; ++c) {
    Sums& all = sums_[c];
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; ++i) {
      const double x = static_cast<double>(frames.data[i * channels + c]);
      all.min = std::min(all.min, x);
      all.max = std::max(all.max, x);
      mean += x;
    }
    mean /= static_cast<double>(n);
    for (size_t i = 0; i < n; ++i) {
      const double d = static_cast<double>(frames.data[i * channels + c]) - mean;
      squares += d * d;
    }
    const double before = static_cast<double>(count_), here = static_cast<double>(n), total = before + here;
    const double shift = mean - all.mean;
    all.squares += squares + shift * shift * before * here / total;
    all.mean += shift * here / total;
  }
  count_ += static_cast<int64_t>(n);
}

std::vector<ChannelStatistics> StatisticsGatherer::result() const {
  std::vector<ChannelStatistics> list;
  for (const auto& s : sums_)
    list.push_back({s.min, s.max, s.mean,
                    std::sqrt(s.squares / static_cast<double>(std::max<int64_t>(1, count_ - 1))), count_});
  return list;
}

std::vector<ChannelStatistics> read_statistics(const core::Json& list, const std::string& origin) {
  std::vector<ChannelStatistics> statistics;
  if (!list.is_array())
    throw data_error(origin + ": no list of channels", "[{min, max, mean, std, count}, ...]");
  for (const auto& item : list) {
    for (const char* key : {"min", "max", "mean", "std", "count"})
      if (!item.is_object() || !item.contains(key) || !item.at(key).is_number())
        throw data_error(
            origin + ": channel " + std::to_string(statistics.size()) + " has no number '" + key + "'",
            "min, max, mean, std and count of every channel");
    statistics.push_back({item.at("min").get<double>(), item.at("max").get<double>(),
                          item.at("mean").get<double>(), item.at("std").get<double>(),
                          item.at("count").get<int64_t>()});
  }
  return statistics;
}

core::Json write_statistics(const std::vector<ChannelStatistics>& list) {
  core::Json out = core::Json::array();
  for (const auto& s : list)
    out.push_back({{"min", s.min}, {"max", s.max}, {"mean", s.mean}, {"std", s.std}, {"count", s.count}});
  return out;
}

ChannelScaling ChannelScaling::standard(const std::vector<ChannelStatistics>& statistics) {
  ChannelScaling scaling;
  for (const auto& s : statistics) {
    scaling.a.push_back(1 / (s.std + kEpsilon));
    scaling.b.push_back(-s.mean / (s.std + kEpsilon));
  }
  return scaling;
}

ChannelScaling ChannelScaling::minmax(const std::vector<ChannelStatistics>& statistics) {
  ChannelScaling scaling;
  for (const auto& s : statistics) {
    scaling.a.push_back(2 / (s.max - s.min + kEpsilon));
    scaling.b.push_back(-1 - 2 * s.min / (s.max - s.min + kEpsilon));
  }
  return scaling;
}

std::vector<double> ChannelScaling::apply(const core::Array& x) const {
  return per_channel(x, a.size(), [&](double value, size_t c) { return value * a[c] + b[c]; });
}

core::Array ChannelScaling::normalised(const core::Array& x) const {
  const std::vector<double> exact = apply(x);
  return {x.shape, std::vector<float>(exact.begin(), exact.end())};
}

std::vector<double> ChannelScaling::restored(const core::Array& y) const {
  return per_channel(y, a.size(), [&](double value, size_t c) { return (value - b[c]) / a[c]; });
}

}  // namespace windtunnel::tokenizers
