#include "metrics/well.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.h"
#include "metrics/field_layout.h"

namespace windtunnel::metrics {
namespace {

/// Moments over space of one (lead, channel) slice.
struct Moments {
  double squared_error = 0, absolute_error = 0, largest_error = 0;
  double target_squares = 0, target_absolute = 0;
  double prediction_variance = 0, target_variance = 0, covariance = 0;  // divisor N
  double points = 1;

  double sample(double variance) const { return variance * points / (points - 1); }
};

Moments moments(const float* x, const float* y, int64_t points, int64_t stride) {
  Moments m;
  m.points = static_cast<double>(points);
  double mean_x = 0, mean_y = 0;
  for (int64_t i = 0; i < points; ++i) {
    const double a = x[i * stride], b = y[i * stride], e = a - b;
    m.squared_error += e * e;
    m.absolute_error += std::abs(e);
    m.largest_error = std::isnan(e) || std::abs(e) > m.largest_error ? std::abs(e) : m.largest_error;
    m.target_squares += b * b;
    m.target_absolute += std::abs(b);
    mean_x += a;
    mean_y += b;
  }
  mean_x /= m.points;
  mean_y /= m.points;
  for (int64_t i = 0; i < points; ++i) {
    const double a = x[i * stride] - mean_x, b = y[i * stride] - mean_y;
    m.prediction_variance += a * a;
    m.target_variance += b * b;
    m.covariance += a * b;
  }
  for (double* value : {&m.squared_error, &m.absolute_error, &m.target_squares, &m.target_absolute,
                        &m.prediction_variance, &m.target_variance, &m.covariance})
    *value /= m.points;
  return m;
}

using Formula = double (*)(const Moments&, double epsilon);

double nmse(const Moments& m, double eps) { return m.squared_error / (m.target_squares + eps); }
double vmse(const Moments& m, double eps) { return m.squared_error / (m.sample(m.target_variance) + eps); }

const std::vector<std::pair<const char*, Formula>>& formulas() {
  static const std::vector<std::pair<const char*, Formula>> list = {
      {"MSE", [](const Moments& m, double) { return m.squared_error; }},
      {"MAE", [](const Moments& m, double) { return m.absolute_error; }},
      {"RMSE", [](const Moments& m, double) { return std::sqrt(m.squared_error); }},
      {"NMSE", nmse},
      {"NRMSE", [](const Moments& m, double eps) { return std::sqrt(nmse(m, eps)); }},
      {"NMAE", [](const Moments& m, double eps) { return m.absolute_error / (m.target_absolute + eps); }},
      {"VMSE", vmse},
      {"VRMSE", [](const Moments& m, double eps) { return std::sqrt(vmse(m, eps)); }},
      {"LInfinity", [](const Moments& m, double) { return m.largest_error; }},
      {"PearsonR",
       [](const Moments& m, double eps) {
         return m.covariance /
                (std::sqrt(m.sample(m.prediction_variance)) * std::sqrt(m.sample(m.target_variance)) + eps);
       }},
  };
  return list;
}

}  // namespace

std::vector<std::string> well_spatial_metrics() {
  std::vector<std::string> names;
  for (const auto& [name, formula] : formulas()) names.push_back(name);
  return names;
}

Values well_metric(const std::string& name, const core::Array& prediction, const core::Array& target,
                   int space, double epsilon) {
  require_same_shape(prediction, target);
  const FieldLayout layout(target, space);
  const auto& list = formulas();
  const auto it =
      std::find_if(list.begin(), list.end(), [&](const auto& entry) { return name == entry.first; });
  if (it == list.end())
    throw core::usage_error("unknown spatial metric '" + name + "'",
                            "one of " + core::join(well_spatial_metrics(), ", "),
                            core::suggestion(name, well_spatial_metrics()));
  Values result(layout.result_shape());
  for (int64_t o = 0; o < layout.outer; ++o)
    for (int64_t c = 0; c < layout.channels; ++c) {
      const int64_t start = o * layout.points * layout.channels + c;
      result.data[static_cast<size_t>(o * layout.channels + c)] = it->second(
          moments(prediction.data.data() + start, target.data.data() + start, layout.points, layout.channels),
          epsilon);
    }
  return result;
}

Values histogram_w1(const core::Array& prediction, const core::Array& target, int space) {
  require_same_shape(prediction, target);
  const FieldLayout layout(target, space);
  layout.require_batch_time(target);
  const int64_t batch = layout.lead[0], n = layout.lead[1] * layout.points, channels = layout.channels;
  Values result({batch, 1, channels});
  std::vector<double> x(static_cast<size_t>(n)), y(x.size());
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t c = 0; c < channels; ++c) {
      double squares = 0;
      for (int64_t i = 0; i < n; ++i) {
        const auto at = static_cast<size_t>((b * n + i) * channels + c);
        x[static_cast<size_t>(i)] = prediction.data[at];
        y[static_cast<size_t>(i)] = target.data[at];
        squares += y[static_cast<size_t>(i)] * y[static_cast<size_t>(i)];
      }
      std::sort(x.begin(), x.end());
      std::sort(y.begin(), y.end());
      double sum = 0;
      for (size_t i = 0; i < x.size(); ++i) sum += std::abs(x[i] - y[i]);
      const auto count = static_cast<double>(n);
      result.data[static_cast<size_t>(b * channels + c)] = sum / count / (squares / count + kWellEpsilon);
    }
  return result;
}

std::vector<int64_t> time_windows(int64_t steps, bool keep_last_step) {
  if (steps < 2) return {};
  const int64_t count = std::min<int64_t>(steps, 5);
  const double last = std::log(static_cast<double>(steps));
  const double step = last / static_cast<double>(count - 1);
  std::vector<int64_t> edges = {0};
  for (int64_t k = 0; k < count; ++k)
    edges.push_back(static_cast<int64_t>(std::exp(k + 1 == count ? last : static_cast<double>(k) * step)));
  if (keep_last_step) edges.back() = steps;
  return edges;
}

std::map<std::string, double> windowed_means(const Values& per_step, bool keep_last_step) {
  if (per_step.shape.size() != 3 || per_step.data.empty())
    throw core::data_error("metric values of shape " + core::to_string(per_step.shape), "(B,T,C)");
  const int64_t batch = per_step.shape[0], steps = per_step.shape[1], channels = per_step.shape[2];
  const auto window = [&](int64_t from, int64_t to) {
    if (to <= from) return std::numeric_limits<double>::quiet_NaN();
    double sum = 0;
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t t = from; t < to; ++t)
        for (int64_t c = 0; c < channels; ++c)
          sum += per_step.data[static_cast<size_t>((b * steps + t) * channels + c)];
    return sum / static_cast<double>(batch * (to - from) * channels);
  };
  std::map<std::string, double> means = {{"T=all", window(0, steps)}};
  const auto edges = time_windows(steps, keep_last_step);
  for (size_t k = 0; k + 1 < edges.size(); ++k)
    means["T=" + std::to_string(edges[k]) + ":" + std::to_string(edges[k + 1])] =
        window(edges[k], edges[k + 1]);
  return means;
}

void StepMeans::add(const Values& per_step) {
  if (per_step.shape.size() != 3 || per_step.data.empty())
    throw core::data_error("metric values of shape " + core::to_string(per_step.shape), "(B,T,C)");
  const int64_t batch = per_step.shape[0], steps = per_step.shape[1], channels = per_step.shape[2];
  if (sum_.data.empty()) sum_ = Values({1, steps, channels});
  if (sum_.shape[1] != steps || sum_.shape[2] != channels)
    throw core::data_error("metric values of shape " + core::to_string(per_step.shape),
                           "the steps and channels of the first batch");
  const double scale = equal_batches_ ? 1.0 / static_cast<double>(batch) : 1.0;
  const size_t n = sum_.data.size();
  for (size_t i = 0; i < n; ++i) {
    if (!equal_batches_) {
      for (int64_t b = 0; b < batch; ++b) sum_.data[i] += per_step.data[static_cast<size_t>(b) * n + i];
      continue;
    }
    double batch_sum = 0;
    for (int64_t b = 0; b < batch; ++b) batch_sum += per_step.data[static_cast<size_t>(b) * n + i];
    sum_.data[i] += batch_sum * scale;
  }
  weight_ += equal_batches_ ? 1.0 : static_cast<double>(batch);
}

Values StepMeans::mean() const {
  Values result = sum_;
  for (double& value : result.data) value /= weight_;
  return result;
}

}  // namespace windtunnel::metrics
