#include "datasets/formats/the_well.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "core/error.h"
#include "core/text.h"
#include "datasets/formats/file_parameters.h"
#include "datasets/formats/plane_trajectory.h"
#include "datasets/formats/well_file.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFormat = "the_well";
constexpr const char* kFolders[] = {"train", "valid", "test"};

bool is_hdf5(const fs::path& path) { return path.extension() == ".h5" || path.extension() == ".hdf5"; }

class WellTrajectory : public PlaneTrajectory {
 public:
  WellTrajectory(const Scenario& scenario, Side side, std::string id, std::shared_ptr<const WellFile> file,
                 int64_t run)
      : file_(std::move(file)), run_(run) {
    id_ = std::move(id);
    parameters_ =
        file_parameters(scenario, id_, [&](const std::string& name) { return file_->parameter(name, run_); });
    frames_ = file_->steps();
    std::vector<std::string> places;
    for (const auto& field : scenario.fields)
      places.push_back(field.on(side) ? field.place(kFormat, side) : std::string());
    set_grid(file_->dims(), file_->resolution(), scenario, places);
    std::vector<std::string> names;
    std::map<std::string, Source> known;
    for (size_t q = 0; q < file_->fields().size(); ++q) {
      int64_t component = 0;
      for (const auto& name : file_->channel_names(file_->fields()[q])) {
        names.push_back(name);
        known[name] = {static_cast<int64_t>(q), component++};
      }
    }
    for (size_t f = 0; f < places.size(); ++f) {
      sources_.push_back({});
      if (places[f].empty()) continue;
      const std::string& name = channel(static_cast<int64_t>(f));
      const auto it = known.find(name);
      if (it == known.end())
        throw data_error(path() + " has no channel '" + name + "'", "one of " + core::join(names, ", "),
                         core::suggestion(name, names));
      sources_.back() = it->second;
    }
  }

  std::string path() const override { return file_->path() + " (run " + std::to_string(run_) + ")"; }
  std::vector<double> times() const override { return file_->times(run_); }
  std::vector<std::string> unnamed() const override {
    std::vector<std::string> all;
    for (const auto& quantity : file_->fields())
      for (const auto& name : file_->channel_names(quantity)) all.push_back(name);
    return others(all);
  }

 protected:
  Source source(int64_t field) const override { return sources_[static_cast<size_t>(field)]; }
  Grid load(int64_t dataset, int64_t begin, int64_t end, const std::vector<int64_t>& at,
            std::vector<float>& buffer) const override {
    auto block = file_->block(file_->fields()[static_cast<size_t>(dataset)], run_, begin, end, at, buffer);
    const int64_t frame = block.steps.front();
    block.steps.erase(block.steps.begin());
    return {block.data, frame, std::move(block.steps)};
  }

 private:
  std::shared_ptr<const WellFile> file_;
  int64_t run_;
  std::vector<Source> sources_;
};

class WellStore : public TrajectoryStore {
 public:
  WellStore(const Scenario& scenario, const fs::path& root, Side side)
      : scenario_(scenario), side_(side), folder_(scenario.folder(root, "data")) {
    std::error_code error;
    for (const char* part : kFolders)
      for (const auto& entry : fs::directory_iterator(folder_ / part, error)) {
        const std::string name = std::string(part) + "/" + entry.path().filename().string();
        if (!is_hdf5(entry.path()) || !scenario_.parse_name(name)) continue;
        const auto file = std::make_shared<const WellFile>(entry.path());
        for (int64_t run = 0; run < file->trajectories(); ++run)
          runs_[numbered(name, run, file->trajectories())] = {part, file, run};
      }
  }

  std::vector<std::string> ids() const override {
    std::vector<std::string> list;
    for (const auto& [id, run] : runs_) list.push_back(id);
    return list;
  }

  std::shared_ptr<const Trajectory> open(const std::string& id) const override {
    const auto it = runs_.find(id);
    if (it == runs_.end())
      throw data_error("trajectory '" + id + "' is not in " + folder_.string(), "<part>/<file>#<run>");
    return std::make_shared<WellTrajectory>(scenario_, side_, id, it->second.file, it->second.index);
  }

  std::optional<Split> own_split(const std::string&) const override {
    std::map<std::string, std::vector<TrajectoryName>> parts;
    for (const auto& [id, run] : runs_)
      parts[run.part].push_back({id,
                                 file_parameters(scenario_, id,
                                                 [&, &r = run](const std::string& name) {
                                                   return r.file->parameter(name, r.index);
                                                 }),
                                 run.file->steps()});
    Split split = split_of_parts(scenario_, parts["train"], parts["valid"], parts["test"]);
    split.origin = folder_.string() + "/{train,valid,test}";
    return split;
  }

 private:
  struct Run {
    std::string part;
    std::shared_ptr<const WellFile> file;
    int64_t index = 0;
  };
  Scenario scenario_;
  Side side_;
  fs::path folder_;
  std::map<std::string, Run> runs_;
};

bool detect(const Scenario& scenario, const fs::path& root, Side) {
  for (const char* part : kFolders) {
    std::error_code error;
    const fs::directory_iterator list(scenario.folder(root, "data") / part, error);
    if (!error &&
        std::any_of(begin(list), end(list), [](const auto& entry) { return is_hdf5(entry.path()); }))
      return true;
  }
  return false;
}

const FormatRegistration registration{
    {kFormat, "HDF5 files of The Well in <scenario>/data/{train,valid,test}, planes of 3-D data", "built in",
     detect, open_the_well}};

}  // namespace

std::unique_ptr<TrajectoryStore> open_the_well(const Scenario& scenario, const fs::path& root, Side side) {
  return std::make_unique<WellStore>(scenario, root, side);
}

}  // namespace windtunnel::datasets
