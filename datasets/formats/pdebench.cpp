#include "datasets/formats/pdebench.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/text.h"
#include "datasets/formats/file_parameters.h"
#include "datasets/formats/pdebench_file.h"
#include "datasets/formats/plane_trajectory.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFormat = "pdebench";
constexpr double kTestShare = 0.1;  // of the published loaders

bool is_hdf5(const fs::path& path) { return path.extension() == ".h5" || path.extension() == ".hdf5"; }

class PdebenchTrajectory : public PlaneTrajectory {
 public:
  PdebenchTrajectory(const Scenario& scenario, Side side, std::string id,
                     std::shared_ptr<const PdebenchFile> file, int64_t sample)
      : file_(std::move(file)), sample_(sample) {
    id_ = std::move(id);
    parameters_ =
        file_parameters(scenario, id_, [&](const std::string& name) { return file_->parameter(name); });
    frames_ = file_->frames();
    std::vector<std::string> places;
    for (const auto& field : scenario.fields)
      places.push_back(field.on(side) ? field.place(kFormat, side) : std::string());
    set_grid(file_->axes(), file_->extent(), scenario, places);
    const auto& known = file_->channels();
    for (size_t f = 0; f < places.size(); ++f) {
      const std::string& name = channel(static_cast<int64_t>(f));
      if (!places[f].empty() && std::find(known.begin(), known.end(), name) == known.end())
        throw data_error(path() + " has no channel '" + name + "'", "one of " + core::join(known, ", "),
                         core::suggestion(name, known));
      sources_.push_back({});
      if (!places[f].empty()) sources_.back() = find(name);
    }
  }

  std::string path() const override {
    return file_->path() + " (sample " + file_->sample_name(sample_) + ")";
  }
  std::vector<double> times() const override { return file_->times(sample_); }
  std::vector<std::string> unnamed() const override { return others(file_->channels()); }

 protected:
  Source source(int64_t field) const override { return sources_[static_cast<size_t>(field)]; }
  Grid load(int64_t dataset, int64_t begin, int64_t end, const std::vector<int64_t>& at,
            std::vector<float>& buffer) const override {
    const auto& [name, array] = arrays_[static_cast<size_t>(dataset)];
    auto block = file_->block(name, *array, sample_, begin, end, at, buffer);
    const int64_t frame = block.steps.front();
    block.steps.erase(block.steps.begin());
    return {block.data, frame, std::move(block.steps)};
  }

 private:
  Source find(const std::string& channel) {
    const auto [dataset, component] = file_->place(channel);
    const auto known = std::find_if(arrays_.begin(), arrays_.end(),
                                    [&, &name = dataset](const auto& a) { return a.first == name; });
    const auto index = static_cast<int64_t>(known - arrays_.begin());
    if (known == arrays_.end()) arrays_.emplace_back(dataset, file_->open(dataset, sample_));
    return {index, component};
  }

  std::shared_ptr<const PdebenchFile> file_;
  int64_t sample_;
  std::vector<std::pair<std::string, std::shared_ptr<const Hdf5Array>>> arrays_;
  std::vector<Source> sources_;  ///< by field of the scenario
};

class PdebenchStore : public TrajectoryStore {
 public:
  PdebenchStore(const Scenario& scenario, const fs::path& root, Side side)
      : scenario_(scenario), side_(side), folder_(scenario.folder(root, to_string(side))) {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(folder_))
      if (is_hdf5(entry.path()) && scenario_.parse_name(entry.path().filename().string(), side_))
        paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      files_.push_back(std::make_shared<const PdebenchFile>(path));
      for (int64_t s = 0; s < files_.back()->samples(); ++s)
        samples_[id_of(*files_.back(), s)] = {files_.back(), s};
    }
    if (samples_.empty())
      throw data_error("no file in " + folder_.string() + " matches " + scenario_.pattern(side_),
                       "PDEBench files named like that");
  }

  std::vector<std::string> ids() const override {
    std::vector<std::string> list;
    for (const auto& [id, sample] : samples_) list.push_back(id);
    return list;
  }

  std::shared_ptr<const Trajectory> open(const std::string& id) const override {
    const auto it = samples_.find(id);
    if (it == samples_.end())
      throw data_error("trajectory '" + id + "' is not in " + folder_.string(), "<file>#<sample>");
    return std::make_shared<PdebenchTrajectory>(scenario_, side_, id, it->second.first, it->second.second);
  }

  std::optional<Split> own_split(const std::string& protocol) const override {
    const bool published = protocol == "published";
    std::vector<TrajectoryName> train, val, test;
    for (const auto& file : files_) {
      std::vector<TrajectoryName> names;
      for (int64_t s = 0; s < file->samples(); ++s) {
        const std::string id = id_of(*file, s);
        names.push_back(
            {id,
             file_parameters(scenario_, id, [&](const std::string& name) { return file->parameter(name); }),
             file->frames()});
      }
      if (file->seed_groups()) std::reverse(names.begin(), names.end());  // the test part comes first now
      const auto n = static_cast<double>(names.size());
      auto held = file->seed_groups() ? static_cast<int64_t>(n) - static_cast<int64_t>(n * (1 - kTestShare))
                                      : static_cast<int64_t>(n * kTestShare);
      if (!published && names.size() >= 3) held = std::max<int64_t>(1, held);
      const auto first = names.begin() + held,
                 second = published ? first : first + std::min<int64_t>(held, names.end() - first);
      test.insert(test.end(), names.begin(), first);
      if (published)
        val.insert(val.end(), names.begin(), first);
      else
        val.insert(val.end(), first, second);
      train.insert(train.end(), second, names.end());
    }
    Split split = split_of_parts(scenario_, train, val, test);
    split.origin = folder_.string() + ": a tenth of each file for test";
    return split;
  }

 private:
  static std::string id_of(const PdebenchFile& file, int64_t sample) {
    return fs::path(file.path()).filename().string() + "#" + file.sample_name(sample);
  }

  Scenario scenario_;
  Side side_;
  fs::path folder_;
  std::vector<std::shared_ptr<const PdebenchFile>> files_;
  std::map<std::string, std::pair<std::shared_ptr<const PdebenchFile>, int64_t>> samples_;
};

bool detect(const Scenario& scenario, const fs::path& root, Side side) {
  std::error_code error;
  const fs::directory_iterator list(scenario.folder(root, to_string(side)), error);
  return !error &&
         std::any_of(begin(list), end(list), [](const auto& entry) { return is_hdf5(entry.path()); });
}

const FormatRegistration registration{{kFormat,
                                       "HDF5 files of PDEBench, samples of every family, planes of 3-D data",
                                       "built in", detect, open_pdebench}};

}  // namespace

std::unique_ptr<TrajectoryStore> open_pdebench(const Scenario& scenario, const fs::path& root, Side side) {
  return std::make_unique<PdebenchStore>(scenario, root, side);
}

}  // namespace windtunnel::datasets
