#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "datasets/lab/lab.h"
#include "datasets/lab/settings.h"

namespace windtunnel::datasets::lab {

/// A float32 array (T,H,W), or (T,H,W,channels), of a stored file; `name` may begin with a group ("group/u").
struct StoredArray {
  std::string name;
  int64_t channels = 0;
};

/// Coordinates in float64, row-major.
struct Coordinate {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<double> values;
};

/// What is known before the computation about one file of a trajectory: it goes to
/// <scenario>/<folder>/<sim_id>.
struct StoredFile {
  std::string folder;
  std::vector<StoredArray> arrays;
  std::vector<std::string> channel_names;  ///< stored as dataset "channel_names" unless empty
  bool aside = false;  ///< beside the data set: HDF5 whatever its format, no reader knows it
};

/// Values of every array of every file, in the order of Recording::files().
using Frame = std::vector<std::vector<float>>;

/// One side of one trajectory, computed frame by frame. Everything random follows from (seed, scenario,
/// sim_id).
class Recording {
 public:
  virtual ~Recording() = default;

  virtual int64_t height() const = 0;  ///< stored grid
  virtual int64_t width() const = 0;
  virtual double work() const = 0;  ///< in cell updates of the flow kernel, from beginning to end
  /// The first file is the one that makes a trajectory of the side.
  virtual std::vector<StoredFile> files() const = 0;

  virtual void spin_up() = 0;
  virtual void next(Frame& frame) = 0;

  virtual std::vector<Coordinate> coordinates() const = 0;  ///< m and s
  /// Origin, solver, grid, parameters, seeds, models, statistics so far.
  virtual core::Json attributes() const = 0;
};

struct RecordingRequest {
  LabOptions options;
  LabSettings settings;
  Configuration configuration;
  bool real = false;
  /// Called every few steps with the work done since the last call; may throw to stop.
  std::function<void(double work)> tick;
};

/// The recording of the solver that settings.solver names ("flow" or "flame"); construction is cheap.
std::unique_ptr<Recording> make_recording(const RecordingRequest& request);

/// Options of which the bytes of this side's files do not depend.
std::vector<std::string> unused_options(const LabOptions& options, const LabSettings& settings, bool real);

}  // namespace windtunnel::datasets::lab
