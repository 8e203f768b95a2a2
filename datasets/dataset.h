#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/array.h"
#include "datasets/noise.h"
#include "datasets/scenario.h"
#include "datasets/split.h"
#include "datasets/trajectory.h"

namespace windtunnel::datasets {

class Normalizer;

/// Which windows, and how they are altered.
struct WindowOptions {
  Side side = Side::real;
  std::string mode = "train";          ///< train | val | test
  std::string subset = "all";          ///< all | in_dist | out_dist | seen | unseen; acts in val and test
  int64_t rounds = 1;                  ///< rounds of prediction that the target covers
  std::optional<double> mask_prob;     ///< absent: the scenario's
  NoiseOptions noise;                  ///< numerical side only
  uint64_t seed = 0;                   ///< of masks and noise; the split does not depend on it
  std::string protocol = "corrected";  ///< corrected | published
  int64_t at_most = 0;                 ///< keep so many windows, evenly spaced in the list; 0: all
};

/// One window: input (T,h,w,Cin) = fields and, where the scenario asks, parameter planes; target
/// (T*rounds,h,w,C).
struct Sample {
  core::Array input, target;
  std::vector<double> parameters;
  std::string sample_id;   ///< "cylinder/real/1800.h5@40"
  std::string trajectory;  ///< "1800.h5"
  int64_t time = 0;        ///< first frame
};

/// The windows of one side and mode of a scenario. Reading is thread safe and depends only on the options,
/// the sample and the draw number.
///
/// Where the protocols differ:
///   published  the index files as they are (their absence is an error); with rounds > 1 val and test keep
///              time + frames < count; a train window that runs past the stored frames has a shorter target
///   corrected  index files cleaned of shared frames (see without_leaks; the numerical side keeps its train
///              split whole), or else a leak-free split of seed 0 made in memory; with rounds > 1 every mode
///              keeps time + frames <= count; windows must fit the stored frames
class WindowDataset {
 public:
  WindowDataset(Scenario scenario, std::filesystem::path root, WindowOptions options);

  int64_t size() const { return static_cast<int64_t>(windows_.size()); }
  const Scenario& scenario() const { return scenario_; }
  const WindowOptions& options() const { return options_; }
  const Split& split() const { return split_; }
  const std::filesystem::path& root() const { return root_; }
  const std::string& format() const { return format_; }
  const WindowRef& window(int64_t index) const { return windows_.at(static_cast<size_t>(index)); }
  std::string sample_id(int64_t index) const;
  double mask_prob() const { return mask_prob_; }

  /// (T,h,w,Cin) and (T*rounds,h,w,C), from the first trajectory.
  core::Shape input_shape() const;
  core::Shape target_shape() const;

  /// Window `index`; `draw` (for example the epoch) selects another mask and noise.
  Sample sample(int64_t index, uint64_t draw = 0) const;
  /// The same into the caller's buffers of input_shape() and target_shape(). A truncated or differently
  /// shaped window is a data error here.
  /// With a normalizer they are normalised in the same pass.
  void read(int64_t index, uint64_t draw, float* input, float* target,
            const Normalizer* normalizer = nullptr) const;
  /// With the caller's generators instead of the sample's own stream.
  Sample sample(int64_t index, Draws& draws) const;
  /// Without mask and noise.
  Sample clean_sample(int64_t index) const;

  const std::vector<double>& parameters(int64_t index) const;
  /// Bytes of the delivered float32 values of one sample.
  int64_t sample_bytes() const;

 private:
  struct Plan {
    std::shared_ptr<const Trajectory> trajectory;
    int64_t time = 0, target_frames = 0;
  };
  std::vector<ChannelSource> channels(bool hidden) const;
  void choose_windows();
  Sample make(int64_t index, Draws* draws) const;
  std::unique_ptr<Draws> own_draws(int64_t index, uint64_t draw) const;
  std::shared_ptr<const Trajectory> trajectory(const std::string& id) const;
  Plan plan(int64_t index) const;
  void fill(const Plan& plan, Draws* draws, float* input, float* target, const Normalizer* normalizer) const;

  Scenario scenario_;
  std::filesystem::path root_;
  WindowOptions options_;
  double mask_prob_ = 0;
  std::string format_;
  std::unique_ptr<TrajectoryStore> store_;
  Split split_;
  std::vector<WindowRef> windows_;
  std::unordered_map<std::string, std::vector<double>> parameters_;
  std::vector<ChannelSource> shown_, hidden_;  ///< the fields without and with the mask
  int64_t height_ = 0, width_ = 0;             ///< delivered
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, std::shared_ptr<const Trajectory>> open_;
};

/// Ids, parameters and frames of every trajectory of a side, in byte order of the ids: what a split is made
/// from.
std::vector<TrajectoryName> list_trajectories(const Scenario& scenario, const std::filesystem::path& root,
                                              Side side);

/// A split of the trajectories that are there: published_split (ties in byte order of the ids) or
/// leak_free_split. Keep it with write_split.
Split make_split(const Scenario& scenario, const std::filesystem::path& root, Side side,
                 const std::string& protocol, uint64_t seed);

}  // namespace windtunnel::datasets
