#include "metrics/physix.h"

#include <algorithm>
#include <cmath>

#include "metrics/field_layout.h"
#include "metrics/well.h"

namespace windtunnel::metrics {
namespace {

/// (..,C,T,H,W) -> (..,T,H,W,C).
core::Array channels_last(const core::Array& field) {
  const size_t axes = field.shape.size();
  if (axes < 4 || field.numel() == 0)
    throw core::data_error("field of shape " + core::to_string(field.shape), "(..,C,T,H,W)");
  const int64_t channels = field.shape[axes - 4];
  const int64_t inner = field.shape[axes - 3] * field.shape[axes - 2] * field.shape[axes - 1];
  core::Shape shape(field.shape);
  std::rotate(shape.end() - 4, shape.end() - 3, shape.end());
  core::Array result(shape);
  const int64_t outer = field.numel() / (channels * inner);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t i = 0; i < inner; ++i)
        result.data[static_cast<size_t>((o * inner + i) * channels + c)] =
            field.data[static_cast<size_t>((o * channels + c) * inner + i)];
  return result;
}

void require_axes(const core::Array& field, size_t axes, const char* expected) {
  if (field.shape.size() != axes)
    throw core::data_error("field of shape " + core::to_string(field.shape), expected);
}

}  // namespace

Values physix_metric(const std::string& name, const core::Array& prediction, const core::Array& target,
                     double epsilon) {
  return well_metric(name, channels_last(prediction), channels_last(target), 2, epsilon);
}

std::vector<double> physix_frame_vrmse(const core::Array& prediction, const core::Array& target,
                                       const std::vector<int64_t>& left_out, double epsilon) {
  require_axes(target, 4, "one sample (C,T,H,W)");
  const Values values = physix_metric("VRMSE", prediction, target, epsilon);  // (T,C)
  const int64_t frames = values.shape[0], channels = values.shape[1];
  std::vector<int64_t> kept;
  for (int64_t c = 0; c < channels; ++c)
    if (std::find(left_out.begin(), left_out.end(), c) == left_out.end()) kept.push_back(c);
  if (kept.empty()) throw core::data_error("every channel is left out", "a channel that varies in time");
  std::vector<double> result;
  for (int64_t t = 0; t < frames; ++t) {
    double sum = 0;
    for (const int64_t c : kept) sum += values.data[static_cast<size_t>(t * channels + c)];
    result.push_back(sum / static_cast<double>(kept.size()));
  }
  return result;
}

double physix_nl1(const core::Array& prediction, const core::Array& target) {
  require_same_shape(prediction, target);
  if (target.shape.size() < 2 || target.numel() == 0)
    throw core::data_error("field of shape " + core::to_string(target.shape), "(..,H,W)");
  const int64_t points = target.shape[target.shape.size() - 2] * target.shape.back();
  double sum = 0;
  for (int64_t o = 0; o < target.numel() / points; ++o) {
    const float* x = prediction.data.data() + o * points;
    const float* y = target.data.data() + o * points;
    double mean = 0, variance = 0, error = 0;
    for (int64_t i = 0; i < points; ++i) mean += y[i];
    mean /= static_cast<double>(points);
    for (int64_t i = 0; i < points; ++i) {
      variance += (y[i] - mean) * (y[i] - mean);
      error += std::abs(double{x[i]} - y[i]);
    }
    sum += error / (std::sqrt(variance / static_cast<double>(points - 1)) + 0.001);
  }
  return sum / static_cast<double>(target.numel());
}

std::vector<int64_t> constant_channels(const core::Array& field) {
  require_axes(field, 4, "one trajectory (C,T,H,W)");
  const int64_t frame = field.shape[2] * field.shape[3], frames = field.shape[1];
  std::vector<int64_t> result;
  for (int64_t c = 0; c < field.shape[0]; ++c) {
    const float* first = field.data.data() + c * frames * frame;
    bool constant = true;
    for (int64_t t = 1; constant && t < frames; ++t)
      constant = std::equal(first, first + frame, first + t * frame);
    if (constant) result.push_back(c);
  }
  return result;
}

namespace legacy {

Values physix_linfinity(const core::Array& prediction, const core::Array& target) {
  require_same_shape(prediction, target);
  const core::Array x = channels_last(prediction), y = channels_last(target);
  const size_t axes = y.shape.size();
  const int64_t channels = y.shape.back(), space = y.shape[axes - 3] * y.shape[axes - 2];
  core::Shape shape(y.shape.begin(), y.shape.end() - 3);
  shape.push_back(space);
  Values result(shape);
  for (size_t i = 0; i < result.data.size(); ++i)
    for (int64_t c = 0; c < channels; ++c) {
      const size_t at = i * static_cast<size_t>(channels) + static_cast<size_t>(c);
      result.data[i] = std::max(result.data[i], std::abs(double{x.data[at]} - y.data[at]));
    }
  return result;
}

double physix_vrmse(const core::Array& prediction, const core::Array& target) {
  require_same_shape(prediction, target);
  require_axes(target, 4, "one sample (C,T,H,W)");
  const int64_t space = target.shape[2] * target.shape[3];
  const int64_t slices = target.numel() / space;
  double sum = 0;
  for (int64_t s = 0; s < slices; ++s) {
    const float* x = prediction.data.data() + s * space;
    const float* y = target.data.data() + s * space;
    double mean = 0, variance = 0, error = 0;
    for (int64_t i = 0; i < space; ++i) mean += y[i];
    mean /= static_cast<double>(space);
    for (int64_t i = 0; i < space; ++i) {
      variance += (y[i] - mean) * (y[i] - mean);
      error += (double{x[i]} - y[i]) * (double{x[i]} - y[i]);
    }
    sum += error / variance;
  }
  return sum / static_cast<double>(slices);
}

double physix_window_vrmse(const core::Array& prediction, const core::Array& target) {
  require_same_shape(prediction, target);
  require_axes(target, 3, "one channel (T,H,W)");
  double mean = 0, error = 0;
  for (size_t i = 0; i < target.data.size(); ++i) {
    mean += target.data[i];
    error += (double{prediction.data[i]} - target.data[i]) * (double{prediction.data[i]} - target.data[i]);
  }
  const auto n = static_cast<double>(target.data.size());
  return std::sqrt(error / n) / (mean / n);
}

}  // namespace legacy
}  // namespace windtunnel::metrics
