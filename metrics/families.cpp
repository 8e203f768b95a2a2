#include "metrics/families.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
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

constexpr int64_t kAll = std::numeric_limits<int64_t>::max();

/// A range of predicted frames, the first is number 1; kAll: to the last one.
struct FrameWindow {
  std::string id;
  int64_t first, last;
};

/// VRMSE of all frames and of the windows that the prediction covers, together and per field, then `others`
/// of The Well's metrics over all frames.
class WindowedVrmse : public FamilyAccumulator {
 public:
  WindowedVrmse(std::vector<FrameWindow> windows, std::vector<std::pair<std::string, std::string>> others,
                std::vector<std::string> fields)
      : windows_(std::move(windows)), others_(std::move(others)), fields_(std::move(fields)) {}

  std::vector<std::string> columns() const override {
    std::vector<std::string> ids;
    for (const auto& window : covered()) ids.push_back(window.id);
    for (const auto& [id, name] : others_) ids.push_back(id);
    return ids;
  }
  std::vector<Score> totals() const override {
    std::vector<Score> list;
    for (size_t k = 0; k < columns().size(); ++k) list.push_back(mean_of(k));
    if (fields_.size() != static_cast<size_t>(channels_)) return list;
    for (size_t w = 0; w < sums_.size(); ++w)
      for (size_t c = 0; c < fields_.size(); ++c) {
        Score score =
            windtunnel::metrics::score(covered()[w].id, sums_[w][c] / static_cast<double>(rows_.size()));
        score.field = fields_[c];
        list.push_back(std::move(score));
      }
    return list;
  }

 protected:
  std::vector<double> row(const core::Array& prediction, const core::Array& target) override {
    const Values vrmse = well_metric("VRMSE", prediction, target, 2);  // (1,T,C)
    if (rows_.empty()) {
      steps_ = vrmse.shape.at(1);
      channels_ = vrmse.shape.at(2);
      sums_.assign(covered().size(), std::vector<double>(static_cast<size_t>(channels_), 0.0));
    }
    std::vector<double> values;
    const auto windows = covered();
    for (size_t w = 0; w < windows.size(); ++w) {
      double sum = 0;
      const int64_t last = std::min(windows[w].last, steps_), count = last - windows[w].first + 1;
      for (int64_t c = 0; c < channels_; ++c) {
        double of_field = 0;
        for (int64_t t = windows[w].first - 1; t < last; ++t)
          of_field += vrmse.data[static_cast<size_t>(t * channels_ + c)];
        sums_[w][static_cast<size_t>(c)] += of_field / static_cast<double>(count);
        sum += of_field;
      }
      values.push_back(sum / static_cast<double>(count * channels_));
    }
    for (const auto& [id, name] : others_) values.push_back(mean(well_metric(name, prediction, target, 2)));
    return values;
  }

 private:
  std::vector<FrameWindow> covered() const {
    std::vector<FrameWindow> list;
    for (const auto& window : windows_)
      if (window.last <= steps_ || window.last == kAll) list.push_back(window);
    return list;
  }

  std::vector<FrameWindow> windows_;
  std::vector<std::pair<std::string, std::string>> others_;
  std::vector<std::string> fields_;
  int64_t steps_ = 0, channels_ = 0;
  std::vector<std::vector<double>> sums_;  ///< per window and field
};

std::unique_ptr<FamilyAccumulator> well_family(const std::vector<std::string>& fields) {
  return std::make_unique<WindowedVrmse>(
      std::vector<FrameWindow>{
          {"vrmse", 1, kAll}, {"next_frame_vrmse", 1, 1}, {"vrmse_6_12", 6, 12}, {"vrmse_13_30", 13, 30}},
      std::vector<std::pair<std::string, std::string>>{
          {"nrmse", "NRMSE"}, {"linf", "LInfinity"}, {"pearson_r", "PearsonR"}},
      fields);
}

std::unique_ptr<FamilyAccumulator> physix_family(const std::vector<std::string>& fields) {
  return std::make_unique<WindowedVrmse>(
      std::vector<FrameWindow>{{"vrmse_2_8", 2, 8}, {"vrmse_9_26", 9, 26}, {"vrmse_27_56", 27, 56}},
      std::vector<std::pair<std::string, std::string>>{}, fields);
}

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
    return {"pdebench_rmse", "pdebench_nrmse",     "pdebench_brmse",     "pdebench_crmse",
            "pdebench_max",  "pdebench_frmse_low", "pdebench_frmse_mid", "pdebench_frmse_high"};
  }
  std::vector<Score> totals() const override {
    PdebenchMetrics set;
    set.conserved = root_mean(squares_);
    set.bands = pdebench_bands(root_mean(energy_));
    const auto bands = pdebench_means(set).bands;
    return {mean_of(0),
            mean_of(1),
            mean_of(2),
            score("pdebench_crmse", mean(set.conserved)),
            score("pdebench_max", mean(largest_)),
            score("pdebench_frmse_low", bands[0]),
            score("pdebench_frmse_mid", bands[1]),
            score("pdebench_frmse_high", bands[2])};
  }

 protected:
  std::vector<double> row(const core::Array& prediction, const core::Array& target) override {
    PdebenchOptions options;
    options.initial_step = 0;  // targets hold predicted frames only
    const auto m = pdebench_metrics(time_last(prediction), time_last(target), options);
    if (rows_.empty()) {
      squares_ = largest_ = Values(m.conserved.shape);
      energy_ = Values(m.spectrum.shape);
    }
    add_squares(m.conserved, squares_);
    add_squares(m.spectrum, energy_);
    for (size_t k = 0; k < m.conserved.data.size(); ++k)
      if (const double value = m.maximum.data[k]; std::isnan(value) || value > largest_.data[k])
        largest_.data[k] = value;
    const PdebenchMeans means = pdebench_means(m);
    return {means.rmse,    means.nrmse,    means.boundary, means.conserved,
            means.maximum, means.bands[0], means.bands[1], means.bands[2]};
  }

 private:
  static void add_squares(const Values& from, Values& to) {
    for (size_t k = 0; k < from.data.size(); ++k) to.data[k] += from.data[k] * from.data[k];
  }
  Values root_mean(Values squares) const {
    for (double& value : squares.data) value = std::sqrt(value / static_cast<double>(rows_.size()));
    return squares;
  }

  Values squares_, largest_;  ///< (c,t)
  Values energy_;             ///< (c,r,t): the error's energy by frequency bin
};

using Maker = std::function<std::unique_ptr<FamilyAccumulator>(const std::vector<std::string>& fields)>;

const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> map = {
      {"the_well", well_family}, {"physix", physix_family}, {"pdebench", [](const std::vector<std::string>&) {
                                                               return std::make_unique<Pdebench>();
                                                             }}};
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

std::unique_ptr<FamilyAccumulator> make_family(const std::string& name,
                                               const std::vector<std::string>& fields) {
  const auto it = makers().find(name);
  if (it == makers().end())
    throw core::usage_error("unknown family of metrics '" + name + "'", core::join(family_names(), " or "),
                            core::suggestion(name, family_names()));
  return it->second(fields);
}

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : makers()) names.push_back(name);
  return names;
}

}  // namespace windtunnel::metrics
