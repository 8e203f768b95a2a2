#include "runners/plugin_format.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "runners/plugin_check.h"

namespace windtunnel::runners {
namespace {

using datasets::Scenario;
using datasets::Side;
using datasets::Trajectory;
using datasets::TrajectoryStore;

/// guarded(), but what goes wrong is the data's fault or the reader's, not a model's.
template <class F>
auto reading(const std::string& who, const F& f) {
  try {
    return f();
  } catch (const Error&) {
    throw;
  } catch (...) {
    throw data_error(who + " threw: " + thrown_text(), "no exception but Windtunnel's data errors");
  }
}

class GuardedTrajectory : public Trajectory {
 public:
  GuardedTrajectory(std::string who, std::shared_ptr<const Trajectory> inner, const std::string& id,
                    const Scenario& scenario)
      : who_(std::move(who)), inner_(std::move(inner)) {
    if (!inner_) throw data_error(who_ + " opened nothing for '" + id + "'", "a trajectory");
    id_ = inner_->id();
    parameters_ = inner_->parameters();
    frames_ = inner_->frames();
    height_ = inner_->height();
    width_ = inner_->width();
    if (id_ != id) throw data_error(who_ + " opened '" + id_ + "'", "trajectory '" + id + "'");
    if (frames_ < 1 || height_ < 1 || width_ < 1)
      throw data_error(who_ + ": '" + id + "' has " + std::to_string(frames_) + " frames of " +
                           std::to_string(height_) + " x " + std::to_string(width_),
                       "at least one value");
    if (static_cast<int64_t>(parameters_.size()) != scenario.parameter_count())
      throw data_error(who_ + ": '" + id + "' has " + std::to_string(parameters_.size()) + " parameters",
                       std::to_string(scenario.parameter_count()) + " as in the scenario");
  }
  using Trajectory::read;
  void read(const std::vector<int64_t>& fields, int64_t begin, int64_t end, int64_t stride, float* out,
            int64_t step) const override {
    check_frames(begin, end);
    reading(who_ + ": read", [&] { inner_->read(fields, begin, end, stride, out, step); });
  }
  void deliver(const std::vector<datasets::ChannelSource>& channels, int64_t begin, int64_t end,
               int64_t stride, float* out, int64_t step) const override {
    check_frames(begin, end);
    reading(who_ + ": deliver", [&] { inner_->deliver(channels, begin, end, stride, out, step); });
  }
  std::vector<double> times() const override {
    return reading(who_ + ": times", [&] { return inner_->times(); });
  }
  std::vector<datasets::Axis> axes() const override {
    return reading(who_ + ": axes", [&] { return inner_->axes(); });
  }
  std::string path() const override {
    return reading(who_ + ": path", [&] { return inner_->path(); });
  }

 private:
  std::string who_;
  std::shared_ptr<const Trajectory> inner_;
};

class GuardedStore : public TrajectoryStore {
 public:
  GuardedStore(std::string who, std::unique_ptr<TrajectoryStore> inner, const Scenario& scenario)
      : who_(std::move(who)), inner_(std::move(inner)), scenario_(scenario) {
    if (!inner_) throw data_error(who_ + " opened nothing", "a store of trajectories");
  }
  std::vector<std::string> ids() const override {
    auto list = reading(who_ + ": ids", [&] { return inner_->ids(); });
    std::sort(list.begin(), list.end());
    if (const auto twice = std::adjacent_find(list.begin(), list.end()); twice != list.end())
      throw data_error(who_ + " lists '" + *twice + "' twice", "every trajectory once");
    return list;
  }
  std::shared_ptr<const Trajectory> open(const std::string& id) const override {
    return std::make_shared<GuardedTrajectory>(
        who_, reading(who_ + ": open", [&] { return inner_->open(id); }), id, scenario_);
  }
  std::optional<datasets::Split> own_split(const std::string& protocol) const override {
    return reading(who_ + ": own_split", [&] { return inner_->own_split(protocol); });
  }

 private:
  std::string who_;
  std::unique_ptr<TrajectoryStore> inner_;
  Scenario scenario_;
};

}  // namespace

datasets::FormatInfo guarded_format(datasets::FormatInfo info) {
  const std::string who = "format '" + info.name + "' of plug-in " + info.origin;
  if (info.name.empty() || info.summary.empty())
    throw usage_error(who + " says nothing about itself", "a name and a summary");
  if (!info.detect || !info.open) throw usage_error(who + " is incomplete", "detect and open");
  info.detect = [detect = info.detect](const Scenario& scenario, const std::filesystem::path& root,
                                       Side side) {
    try {
      return detect(scenario, root, side);
    } catch (...) {
      return false;
    }
  };
  info.open = [who, open = info.open](const Scenario& scenario, const std::filesystem::path& root,
                                      Side side) -> std::unique_ptr<TrajectoryStore> {
    return std::make_unique<GuardedStore>(who, reading(who, [&] { return open(scenario, root, side); }),
                                          scenario);
  };
  if (info.write)
    info.write = [who, write = info.write](const datasets::ConvertJob& job) {
      reading(who + ": write", [&] { write(job); });
    };
  return info;
}

}  // namespace windtunnel::runners
