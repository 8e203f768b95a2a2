#include "datasets/trajectory.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::datasets {

core::Array Trajectory::read(const std::vector<int64_t>& fields, int64_t begin, int64_t end,
                             int64_t stride) const {
  check_frames(begin, end);
  const auto count = static_cast<int64_t>(fields.size());
  core::Array out({end - begin, (height_ + stride - 1) / stride, (width_ + stride - 1) / stride, count});
  read(fields, begin, end, stride, out.data.data(), count);
  return out;
}

void Trajectory::deliver(const std::vector<ChannelSource>& channels, int64_t begin, int64_t end,
                         int64_t stride, float* out, int64_t step) const {
  deliver_reference(channels, begin, end, stride, out, step);
}

void Trajectory::deliver_reference(const std::vector<ChannelSource>& channels, int64_t begin, int64_t end,
                                   int64_t stride, float* out, int64_t step) const {
  const int64_t points = (end - begin) * ((height_ + stride - 1) / stride) * ((width_ + stride - 1) / stride);
  for (size_t c = 0; c < channels.size();) {
    std::vector<int64_t> fields;  // neighbours are read together
    while (c + fields.size() < channels.size() && channels[c + fields.size()].field >= 0)
      fields.push_back(channels[c + fields.size()].field);
    if (!fields.empty()) read(fields, begin, end, stride, out + c, step);
    const size_t count = std::max<size_t>(1, fields.size());
    for (size_t i = c; i < c + count; ++i) {
      const ChannelSource& s = channels[i];
      for (int64_t k = 0; k < points; ++k) {
        float& value = out[k * step + static_cast<int64_t>(i)];
        value = ((s.field < 0 ? s.value : value) - s.shift) / s.scale;
      }
    }
    c += count;
  }
}

void Trajectory::check_frames(int64_t begin, int64_t end) const {
  if (begin < 0 || begin > end || end > frames_)
    throw data_error(path() + ": window of frames " + std::to_string(begin) + " to " + std::to_string(end) +
                         " is not within the trajectory",
                     "frames 0 to " + std::to_string(frames_));
}

core::Registry<FormatInfo>& formats() {
  static core::Registry<FormatInfo> instance("format");
  return instance;
}

std::unique_ptr<TrajectoryStore> open_trajectories(const Scenario& scenario,
                                                   const std::filesystem::path& root, Side side,
                                                   std::string* format) {
  if (!scenario.has_side(side))
    throw data_error(
        "scenario '" + scenario.name + "' has no " + to_string(side) + " side",
        std::string("a task that uses the ") + (side == Side::real ? "numerical" : "real") + " side only");
  for (const auto& name : scenario.formats) {
    const FormatInfo& info = formats().at(name);
    if (!info.detect(scenario, root, side)) continue;
    if (format) *format = name;
    return info.open(scenario, root, side);
  }
  throw data_error("no " + std::string(to_string(side)) + " trajectories of scenario '" + scenario.name +
                       "' in " + scenario.folder(root, to_string(side)).string(),
                   "trajectory files in one of the formats " + core::join(scenario.formats, ", "),
                   "check the data root, or make a data set with `windtunnel data make`");
}

}  // namespace windtunnel::datasets
