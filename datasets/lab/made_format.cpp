#include "datasets/lab/made_format.h"

#include "core/error.h"
#include "datasets/lab/dataset_files.h"
#include "datasets/trajectory.h"

namespace windtunnel::datasets::lab {

namespace fs = std::filesystem;

namespace {

const std::map<std::string, std::string>& format_names() {
  static const std::map<std::string, std::string> names = {
      {"hdf5", "realpdebench_hdf5"}, {"arrow", "realpdebench_arrow"}, {"netcdf", "netcdf_cf"}};
  return names;
}

void refuse_other_formats(const Scenario& scenario, const fs::path& root, const std::string& wanted) {
  for (const auto& [option, name] : format_names())
    for (const Side side : {Side::real, Side::numerical})
      if (name != wanted && formats().at(name).detect(scenario, root, side))
        throw core::usage_error(scenario.home(root).string() + " holds " + name + " data already",
                                "format " + option + ", or a folder without data",
                                "choose another folder; `windtunnel data convert` changes a format");
}

}  // namespace

MadeFormat::MadeFormat(const LabOptions& options, const LabSettings& settings)
    : root_(options.out),
      made_(made_scenario(options, settings)),
      written_(made_),
      format_(&formats().at(format_names().at(options.format))) {
  refuse_other_formats(made_, root_, format_->name);
  if (!format_->append) return;
  written_ = in_format(made_, *format_);
  for (const Side side : {Side::real, Side::numerical})
    appenders_[side] = format_->append(written_, root_, side);
}

fs::path MadeFormat::staging(Side side, const std::string& sim_id) const {
  return made_.home(root_) / "making" / (std::string(to_string(side)) + "-" + sim_id);
}

fs::path MadeFormat::folder(Side side, const std::string& sim_id) const {
  return native() ? made_.home(root_) : made_.home(staging(side, sim_id));
}

bool MadeFormat::has(Side side, const std::string& sim_id, const std::string& key) const {
  return appenders_.at(side)->has(name_in_format(sim_id, *format_), key);
}

void MadeFormat::take(Side side, const std::string& sim_id) const {
  if (native()) return;
  const auto store = open_trajectories(made_, staging(side, sim_id), side);
  appenders_.at(side)->add(name_in_format(sim_id, *format_), *store->open(sim_id));
  std::error_code ignored;
  fs::remove_all(staging(side, sim_id), ignored);
}

void MadeFormat::finish(const std::vector<std::string>& sim_ids) const {
  std::vector<std::string> names;
  for (const auto& id : sim_ids) names.push_back(name_in_format(id, *format_));
  for (const auto& [side, appender] : appenders_) appender->finish(names);
}

void MadeFormat::clean() const {
  std::error_code ignored;
  fs::remove_all(made_.home(root_) / "making", ignored);
}

}  // namespace windtunnel::datasets::lab
