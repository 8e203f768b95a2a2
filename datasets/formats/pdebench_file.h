#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/array.h"
#include "datasets/formats/hdf5_file.h"

namespace windtunnel::datasets {

/// One HDF5 file of PDEBench, of any of its families, told apart by content (N samples, T frames, space x
/// first):
///   scalar          tensor (N,T,X..)                                           channel tensor
///   Darcy           nu (N,X,Y), tensor (N,1,X,Y): two pseudo-frames nu, tensor  channel tensor
///   flow            density, pressure, Vx[, Vy[, Vz]] (N,T,X..)                 channels of these names
///   incompressible  velocity (N,T,X,Y,2), particles (N,T,X,Y,1), force (N,X,Y,2)
///                                        channels velocity[0], velocity[1], particles[0], force[0], force[1]
///   seed groups     0000/data (T,X..,C), grid/x, ...                            channels data[0], ...
/// Data errors name file and dataset.
class PdebenchFile {
 public:
  explicit PdebenchFile(const std::filesystem::path& path);

  const std::string& path() const { return file_->path(); }
  bool seed_groups() const { return !groups_.empty(); }
  int64_t samples() const { return samples_; }
  int64_t frames() const { return frames_; }
  bool darcy() const { return darcy_; }
  const core::Shape& extent() const { return extent_; }  ///< (X..)
  std::vector<std::string> axes() const;                 ///< x, y, z
  const std::vector<std::string>& channels() const { return channels_; }
  /// "0007": name of the group, or the number of the sample.
  std::string sample_name(int64_t sample) const;

  /// Frames [begin, end) of a channel, (T,X..). Usage error for an unknown channel.
  std::vector<float> read(const std::string& channel, int64_t sample, int64_t begin, int64_t end) const;
  /// Where a channel lies: its dataset, by name, and the component.
  std::pair<std::string, int64_t> place(const std::string& channel) const;
  /// The dataset of one sample; keep it while its frames are read, for its chunks stay decoded as long.
  std::shared_ptr<const Hdf5Array> open(const std::string& dataset, int64_t sample) const;
  /// Frames [begin, end) of a sample where they lie, with all components: steps of time (0: constant) and of
  /// each axis. `at`: by axis the only index that is needed, which becomes index 0, or -1 for all. `array` is
  /// what open() gave.
  Hdf5Block block(const std::string& dataset, const Hdf5Array& array, int64_t sample, int64_t begin,
                  int64_t end, const std::vector<int64_t>& at, std::vector<float>& buffer) const;
  /// Coordinates along an axis; 0, 1, ... if the file has none.
  std::vector<double> coordinates(size_t axis) const;
  /// Times of the frames (surplus entries cut); empty if the file has none.
  std::vector<double> times(int64_t sample) const;
  /// An attribute of the file: beta, Nu, rho, eta, zeta, M. Data error if absent.
  double parameter(const std::string& name) const;

 private:
  struct Source {
    std::string dataset;     ///< below the group for seed groups
    int64_t components = 0;  ///< of the last axis; 0: there is none
    int64_t component = 0;
    bool constant = false;  ///< no time axis
  };
  void add(const std::string& dataset, bool components, bool constant);
  Hdf5Block darcy_frames(int64_t sample, int64_t begin, int64_t end, const std::vector<int64_t>& at,
                         std::vector<float>& buffer) const;
  std::vector<float> read_array(const Hdf5Array& array, const Source& source,
                                const std::vector<int64_t>& prefix, int64_t begin, int64_t end) const;

  std::shared_ptr<const Hdf5File> file_;
  std::vector<std::string> groups_, channels_;
  std::map<std::string, Source> sources_;
  std::map<std::string, std::shared_ptr<const Hdf5Array>> arrays_;
  int64_t samples_ = 0, frames_ = 0;
  core::Shape extent_;
  bool darcy_ = false;
};

/// The published loaders' arguments.
struct PdebenchOptions {
  int64_t initial_step = 10, reduced_resolution = 1, reduced_resolution_t = 1, reduced_batch = 1;
  double test_ratio = 0.1;
  bool test = false;
  int64_t num_samples_max = 0;  ///< 0: all
  /// Test part: the last samples (loader of seed groups) instead of the first (loader of single files).
  bool test_last = false;
};

/// Items of the published loaders: xx (X.., initial_step, C), yy (X.., T, C), grid (X.., d).
class PdebenchSamples {
 public:
  PdebenchSamples(const std::filesystem::path& path, PdebenchOptions options);
  int64_t size() const { return end_ - begin_; }
  std::map<std::string, core::Array> item(int64_t index) const;

 private:
  PdebenchFile file_;
  PdebenchOptions options_;
  int64_t begin_ = 0, end_ = 0;  ///< samples after reduced_batch
};

}  // namespace windtunnel::datasets
