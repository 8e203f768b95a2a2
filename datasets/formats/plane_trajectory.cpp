#include "datasets/formats/plane_trajectory.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/text.h"
#include "datasets/formats/scatter.h"

namespace windtunnel::datasets {

void PlaneTrajectory::set_grid(const std::vector<std::string>& axes, const core::Shape& extent,
                               const Scenario& scenario, const std::vector<std::string>& places) {
  std::vector<size_t> kept;
  bool first = true;
  for (size_t f = 0; f < places.size(); ++f) {
    Field field;
    field.name = scenario.fields[f].name;
    field.at.assign(extent.size(), -1);
    if (const auto rule = scenario.fill.find(field.name); rule != scenario.fill.end())
      field.fill = rule->second;
    if (!places[f].empty()) {
      const auto parts = core::split(places[f], '@');
      field.channel = parts[0];
      std::vector<size_t> left;
      for (size_t d = 0; d < axes.size(); ++d) left.push_back(d);
      for (size_t p = 1; p < parts.size(); ++p) {
        const size_t equals = parts[p].find('=');
        const auto axis = std::find(axes.begin(), axes.end(), parts[p].substr(0, equals));
        int64_t index = -1;
        const std::string text = equals == std::string::npos ? "" : parts[p].substr(equals + 1);
        if (axis != axes.end()) {
          const auto d = static_cast<size_t>(axis - axes.begin());
          std::from_chars(text.data(), text.data() + text.size(), index);
          if (text == "middle") index = extent[d] / 2;
          if (index >= extent[d]) index = -1;
          field.at[d] = index;
          std::erase(left, d);
        }
        if (index < 0)
          throw usage_error(path() + ": field '" + field.name + "' has the source '" + places[f] + "'",
                            "a plane of " + core::join(axes, ", ") + " within " + core::to_string(extent) +
                                ", for example pressure@" + axes.back() + "=middle");
      }
      if (left.size() > 2 || left.empty())
        throw usage_error(path() + ": field '" + field.name + "' has the source '" + places[f] +
                              "' on the grid " + core::to_string(extent),
                          "one or two axes left",
                          "choose a plane: " + places[f] + "@" + axes.back() + "=middle");
      if (first) kept = left;
      if (kept != left)
        throw usage_error(path() + ": field '" + field.name + "' leaves other axes than the field before it",
                          "planes of one direction");
      first = false;
    }
    fields_.push_back(field);
  }
  if (first) throw data_error(path() + " has no field of this side", "a field with a source");
  column_axis_ = static_cast<int64_t>(kept.back());
  width_ = extent[kept.back()];
  row_axis_ = kept.size() > 1 ? static_cast<int64_t>(kept.front()) : -1;
  height_ = kept.size() > 1 ? extent[kept.front()] : 1;
}

std::vector<std::string> PlaneTrajectory::others(const std::vector<std::string>& all) const {
  std::vector<std::string> list;
  for (const auto& name : all)
    if (std::none_of(fields_.begin(), fields_.end(), [&](const Field& f) { return f.channel == name; }))
      list.push_back(name);
  return list;
}

StoredChannel PlaneTrajectory::plane(const Grid& grid, int64_t field) const {
  const int64_t step = grid.steps[static_cast<size_t>(column_axis_)];
  const int64_t row_step = row_axis_ < 0 ? width_ * step : grid.steps[static_cast<size_t>(row_axis_)];
  return {grid.data + source(field).component, step, row_step, grid.frame};
}

void PlaneTrajectory::read(const std::vector<int64_t>& fields, int64_t begin, int64_t end, int64_t stride,
                           float* out, int64_t step) const {
  check_frames(begin, end);
  if (begin == end) return;
  const int64_t rows = (height_ + stride - 1) / stride, columns = (width_ + stride - 1) / stride;
  std::vector<float> values(static_cast<size_t>(height_ * width_)), buffer;
  for (size_t i = 0; i < fields.size(); ++i) {
    const Field& field = fields_.at(static_cast<size_t>(fields[i]));
    if (field.channel.empty()) throw data_error(path() + ": field '" + field.name + "' is not on this side");
    const StoredChannel from =
        plane(load(source(fields[i]).dataset, begin, end, field.at, buffer), fields[i]);
    for (int64_t t = 0; t < end - begin; ++t) {
      for (int64_t row = 0; row < height_; ++row)
        scatter(from.data + t * from.frame + row * from.row_step, width_, from.step,
                values.data() + row * width_, 1);
      const auto give = [&] {
        bool finite = true;
        for (int64_t row = 0; row < rows; ++row)
          finite = scatter(values.data() + row * stride * width_, columns, stride,
                           out + (t * rows + row) * columns * step + static_cast<int64_t>(i), step) &&
                   finite;
        return finite;
      };
      if (give()) continue;
      fill_gaps(field, begin + t, values);
      give();
    }
  }
}

void PlaneTrajectory::deliver(const std::vector<ChannelSource>& channels, int64_t begin, int64_t end,
                              int64_t stride, float* out, int64_t step) const {
  check_frames(begin, end);
  if (begin == end) return;
  thread_local std::vector<std::vector<float>> buffers;
  if (buffers.size() < channels.size()) buffers.resize(channels.size());
  std::vector<Grid> grids(channels.size());
  std::vector<StoredChannel> stored(channels.size());
  for (size_t c = 0; c < channels.size(); ++c) {
    if (channels[c].field < 0) continue;
    const Field& field = fields_.at(static_cast<size_t>(channels[c].field));
    if (field.channel.empty()) throw data_error(path() + ": field '" + field.name + "' is not on this side");
    const int64_t dataset = source(channels[c].field).dataset;
    for (size_t k = 0; k < c && !grids[c].data; ++k)  // components of one plane are read together
      if (grids[k].data && source(channels[k].field).dataset == dataset &&
          fields_[static_cast<size_t>(channels[k].field)].at == field.at)
        grids[c] = grids[k];
    if (!grids[c].data) grids[c] = load(dataset, begin, end, field.at, buffers[c]);
    stored[c] = plane(grids[c], channels[c].field);
  }
  // A missing value follows the field's rule, or is named in the error.
  if (!lay_out(channels, stored, {end - begin, height_, width_, stride}, out, step))
    deliver_reference(channels, begin, end, stride, out, step);
}

void PlaneTrajectory::fill_gaps(const Field& field, int64_t frame, std::vector<float>& values) const {
  double sum = 0;
  int64_t present = 0;
  for (size_t k = 0; k < values.size(); ++k) {
    if (std::isfinite(values[k])) {
      sum += values[k];
      ++present;
    } else if (field.fill.empty() || std::isinf(values[k])) {
      throw data_error(
          path() + ": field '" + field.name + "' is " +
              (std::isnan(values[k]) ? "not a number" : "infinite") + " at frame " + std::to_string(frame) +
              ", row " + std::to_string(static_cast<int64_t>(k) / width_) + ", column " +
              std::to_string(static_cast<int64_t>(k) % width_),
          "finite values",
          std::isnan(values[k]) ? "name a rule under 'fill' in the scenario: zero or frame_mean" : "");
    }
  }
  if (field.fill == "frame_mean" && present == 0)
    throw data_error(
        path() + ": every value of field '" + field.name + "' is missing in frame " + std::to_string(frame),
        "some values, as the fill rule frame_mean needs");
  const float value = field.fill == "zero" ? 0.0f : static_cast<float>(sum / static_cast<double>(present));
  for (auto& v : values)
    if (std::isnan(v)) v = value;
}

}  // namespace windtunnel::datasets
