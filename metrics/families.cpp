#include "metrics/families.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "core/error.h"
#include "core/text.h"
#include "metrics/pdebench.h"
#include "metrics/well.h"

namespace windtunnel::metrics {
namespace {

/// Sample b of (B,T,H,W,C) with its first `channels` channels.
core::Array sample_of(const core::Array& field, int64_t b, int64_t channels) {
  core::Shape shape = field.shape;
  const int64_t stored = shape.back(), points = field.numel() / shape[0] / stored;
  shape[0] = 1;
  shape.back() = channels;
  core::Array out(shape);
  const float* from = field.data.data() + b * points * stored;
  for (int64_t k = 0; k < points; ++k)
    std::copy_n(from + k * stored, channels, out.data.data() + k * channels);
  return out;
}

Score score(const std::string& id, double value) {
  return {id, value, std::isfinite(value) ? "" : card(id).undefined};
}

class Well : public FamilyAccumulator {
 public:
  std::vector<std::string> columns() const override {
    std::vector<std::string> ids;
    for (const auto& [id, name] : kMetrics) ids.push_back(id);
    return ids;
  }
  std::vector<Score> totals() const override {
    std::vector<Score> list;
    for (size_t k = 0; k < kMetrics.size(); ++k) list.push_back(mean_of(k));
    return list;
  }

 protected:
  std::vector<double> row(const core::Array& prediction, const core::Array& target) override {
    std::vector<double> values;
    for (const auto& [id, name] : kMetrics) values.push_back(mean(well_metric(name, prediction, target, 2)));
    return values;
  }

 private:
  inline static const std::vector<std::pair<std::string, std::string>> kMetrics = {
      {"vrmse", "VRMSE"}, {"nrmse", "NRMSE"}, {"linf", "LInfinity"}, {"pearson_r", "PearsonR"}};
};

/// (1,T,H,W,C) as (1, x.., t, c).
core::Array time_last(const core::Array& field) {
  const int64_t steps = field.shape[1], height = field.shape[2], width = field.shape[3],
                channels = field.shape[4];
  core::Shape shape = {1, width, steps, channels};
  if (height > 1) shape.insert(shape.begin() + 1, height);
  core::Array out(shape);
  for (int64_t t = 0; t < steps; ++t)
    for (int64_t point = 0; point < height * width; ++point)
      std::copy_n(field.data.data() + (t * height * width + point) * channels, channels,
                  out.data.data() + (point * steps + t) * channels);
  return out;
}

class Pdebench : public FamilyAccumulator {
 public:
  std::vector<std::string> columns() const override {
    return {"pdebench_rmse", "pdebench_nrmse", "pdebench_brmse", "pdebench_crmse", "pdebench_max"};
  }
  std::vector<Score> totals() const override {
    Values conserved = squares_;
    for (double& value : conserved.data) value = std::sqrt(value / static_cast<double>(rows_.size()));
    return {mean_of(0), mean_of(1), mean_of(2), score("pdebench_crmse", mean(conserved)),
            score("pdebench_max", mean(largest_))};
  }

 protected:
  std::vector<double> row(const core::Array& prediction, const core::Array& target) override {
    PdebenchOptions options;
    options.initial_step = 0;  // targets hold predicted frames only
    const auto m = pdebench_metrics(time_last(prediction), time_last(target), options);
    if (rows_.empty()) squares_ = largest_ = Values(m.conserved.shape);
    for (size_t k = 0; k < m.conserved.data.size(); ++k) {
      squares_.data[k] += m.conserved.data[k] * m.conserved.data[k];
      if (const double value = m.maximum.data[k]; std::isnan(value) || value > largest_.data[k])
        largest_.data[k] = value;
    }
    return {mean(m.rmse), mean(m.nrmse), mean(m.boundary), mean(m.conserved), mean(m.maximum)};
  }

 private:
  Values squares_, largest_;  ///< (c,t)
};

const std::map<std::string, std::function<std::unique_ptr<FamilyAccumulator>()>>& makers() {
  static const std::map<std::string, std::function<std::unique_ptr<FamilyAccumulator>()>> map = {
      {"the_well", [] { return std::make_unique<Well>(); }},
      {"pdebench", [] { return std::make_unique<Pdebench>(); }}};
  return map;
}

}  // namespace

void FamilyAccumulator::add(const core::Array& prediction, const core::Array& target, int64_t channels) {
  if (prediction.shape.size() != 5 || target.shape.size() != 5 || prediction.shape.back() < channels ||
      target.shape.back() < channels || channels < 1 ||
      !std::equal(prediction.shape.begin(), prediction.shape.end() - 1, target.shape.begin()))
    throw core::data_error("prediction of shape " + core::to_string(prediction.shape) +
                               " for a target of shape " + core::to_string(target.shape),
                           "(B,T,H,W,C) with " + std::to_string(channels) + " channels");
  for (int64_t b = 0; b < target.shape[0]; ++b)
    rows_.push_back(row(sample_of(prediction, b, channels), sample_of(target, b, channels)));
}

Score FamilyAccumulator::mean_of(size_t column) const {
  double sum = 0;
  for (const auto& values : rows_) sum += values[column];
  return score(columns()[column], sum / static_cast<double>(rows_.size()));
}

std::unique_ptr<FamilyAccumulator> make_family(const std::string& name) {
  const auto it = makers().find(name);
  if (it == makers().end())
    throw core::usage_error("unknown family of metrics '" + name + "'", core::join(family_names(), " or "),
                            core::suggestion(name, family_names()));
  return it->second();
}

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : makers()) names.push_back(name);
  return names;
}

}  // namespace windtunnel::metrics
