#include "datasets/trajectory.h"

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
