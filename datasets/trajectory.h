#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/json.h"
#include "core/registry.h"
#include "datasets/scenario.h"
#include "datasets/split.h"

namespace windtunnel::datasets {

/// Coordinates of the grid: "x" or "y", (H,W), or (W) and (H).
struct Axis {
  std::string name;
  core::Shape shape;
  std::vector<double> values;
};

/// Where a channel of a sample comes from: a field of the scenario, or (field < 0) the same `value`
/// everywhere; delivered as (value - shift) / scale.
struct ChannelSource {
  int64_t field = -1;
  float value = 0, shift = 0, scale = 1;
};

/// One run of one side: named fields over (T,H,W), read lazily. Reading is safe from several threads at once.
class Trajectory {
 public:
  virtual ~Trajectory() = default;

  const std::string& id() const {
    return id_;
  }  ///< file name with extension, the same on both sides of a pair
  const std::vector<double>& parameters() const { return parameters_; }
  /// Stored extent, before any stride.
  int64_t frames() const { return frames_; }
  int64_t height() const { return height_; }
  int64_t width() const { return width_; }

  /// Frames [begin, end) of the fields (indices into Scenario::fields, all present on this side), every
  /// stride-th row and column from 0. Field number i of point k (frame-major, then row, then column) goes to
  /// out[k * step + i]. Stored values are converted to float32 once. Errors (data): unreadable, window beyond
  /// the end, missing values.
  virtual void read(const std::vector<int64_t>& fields, int64_t begin, int64_t end, int64_t stride,
                    float* out, int64_t step) const = 0;

  /// Frames [begin, end) as a whole sample, in one pass where the format can: channel c of point k goes to
  /// out[k * step + c], normalised. Same errors as read().
  virtual void deliver(const std::vector<ChannelSource>& channels, int64_t begin, int64_t end, int64_t stride,
                       float* out, int64_t step) const;
  /// deliver() by way of read(), for every format.
  void deliver_reference(const std::vector<ChannelSource>& channels, int64_t begin, int64_t end,
                         int64_t stride, float* out, int64_t step) const;

  /// Convenience: the fields as (T, ceil(H/stride), ceil(W/stride), fields).
  core::Array read(const std::vector<int64_t>& fields, int64_t begin, int64_t end, int64_t stride = 1) const;

  /// Times of the frames in seconds, if the file stores them; otherwise empty.
  virtual std::vector<double> times() const { return {}; }
  /// Coordinates x and y, if the file stores them.
  virtual std::vector<Axis> axes() const { return {}; }
  /// What the file says about itself and how it was made: texts, numbers, lists of numbers, by name.
  virtual core::Json attributes() const { return core::Json::object(); }
  /// Fields in the file that the scenario does not name, as the file calls them.
  virtual std::vector<std::string> unnamed() const { return {}; }
  /// The file that error messages name.
  virtual std::string path() const = 0;

 protected:
  /// A data error unless [begin, end) lies within the trajectory.
  void check_frames(int64_t begin, int64_t end) const;

  std::string id_;
  std::vector<double> parameters_;
  int64_t frames_ = 0, height_ = 0, width_ = 0;
};

/// All trajectories of one side of a scenario.
class TrajectoryStore {
 public:
  virtual ~TrajectoryStore() = default;
  /// Sorted by bytes.
  virtual std::vector<std::string> ids() const = 0;
  /// A data error naming folder and id if there is no such trajectory. Thread safe.
  virtual std::shared_ptr<const Trajectory> open(const std::string& id) const = 0;
  /// The division into train, val and test that the format itself defines, for data without index files;
  /// nothing if it defines none. `protocol`: published | corrected.
  virtual std::optional<Split> own_split(const std::string& protocol) const { return {}; }
};

struct ConvertJob;
class Appender;

/// A way to store trajectories, registered beside its implementation.
struct FormatInfo {
  std::string name, summary, origin = "built in";
  /// True if this side of the scenario below `root` is stored in this format. Never throws.
  std::function<bool(const Scenario&, const std::filesystem::path& root, Side)> detect;
  std::function<std::unique_ptr<TrajectoryStore>(const Scenario&, const std::filesystem::path& root, Side)>
      open;
  /// Writes trajectories in this format (see convert.h); none: the format is only read.
  std::function<void(const ConvertJob&)> write = {};
  std::string extension = ".h5";  ///< of ids that `write` gives
  /// Adds trajectories one by one to a side below `root` (see convert.h); none: the format cannot.
  std::function<std::unique_ptr<Appender>(const Scenario&, const std::filesystem::path& root, Side)> append =
      {};
};
core::Registry<FormatInfo>& formats();

struct FormatRegistration {
  explicit FormatRegistration(FormatInfo info) { formats().add(std::move(info)); }
};

/// The first of scenario.formats that finds data. A side that the scenario lacks, an absent folder or no
/// matching file is a data error that says where it looked.
std::unique_ptr<TrajectoryStore> open_trajectories(const Scenario& scenario,
                                                   const std::filesystem::path& root, Side side,
                                                   std::string* format = nullptr);

}  // namespace windtunnel::datasets
