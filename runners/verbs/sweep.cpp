#include <algorithm>
#include <cstdio>
#include <memory>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"
#include "runners/child.h"
#include "runners/jobs.h"
#include "runners/program.h"
#include "runners/run_config.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

/// One run of the sweep: option -> value as on the command line.
using Combination = std::vector<std::pair<std::string, std::string>>;

std::string text_of(const core::Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Every combination of the lists in `grid` (a mapping option: value or list of values), first key slowest.
/// Keys and values are checked against the options of `run`.
std::vector<Combination> combinations(const core::Json& grid, const std::string& origin) {
  if (!grid.is_object() || grid.empty())
    throw usage_error(origin + ": not a sweep",
                      "a mapping from options of `run` to a value or a list of values");
  RunRequest known;
  std::vector<std::string> keys;
  for (const auto& option : core::list_options(known)) keys.push_back(option.key);
  std::vector<Combination> list{{}};
  for (const auto& [key, value] : grid.items()) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end() || key == "out")
      throw usage_error(origin + ": unknown key '" + key + "'", "an option of `run` except out",
                        core::suggestion(key, keys));
    const bool single = !value.is_array() || key == "set";
    std::vector<std::string> values;
    if (key == "set" && value.is_array()) {
      std::vector<std::string> parts;
      for (const auto& item : value) parts.push_back(text_of(item));
      values = {core::join(parts, ",")};
    } else if (single) {
      values = {text_of(value)};
    } else {
      for (const auto& item : value) values.push_back(text_of(item));
    }
    std::vector<Combination> longer;
    for (const auto& combination : list)
      for (const auto& item : values) {
        longer.push_back(combination);
        longer.back().emplace_back(key, item);
      }
    list = std::move(longer);
  }
  return list;
}

/// Folder name of a run: the values that vary, joined.
std::string folder_name(const Combination& combination, const core::Json& grid) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : combination)
    if (grid.at(key).is_array() && key != "set")
      parts.push_back(key == "seed" ? "s" + value : fs::path(value).stem().string());
  return parts.empty() ? "run" : core::join(parts, "-");
}

std::vector<Job> jobs_of(const std::string& file, const fs::path& out) {
  const core::Json grid = core::read_yaml(file);
  std::vector<Job> jobs;
  for (const auto& combination : combinations(grid, file)) {
    Job job;
    job.name = folder_name(combination, grid);
    job.log = out / (job.name + ".log");
    job.arguments = {"run", "--quiet", "--out", (out / job.name).string()};
    for (const auto& [key, value] : combination) {
      std::string flag = key;
      std::replace(flag.begin(), flag.end(), '_', '-');
      job.arguments.push_back("--" + flag);
      job.arguments.push_back(value);
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

/// A Slurm job array of the same runs: task i executes run i.
void write_slurm(const fs::path& path, const std::string& grid, const fs::path& out, size_t runs) {
  const auto quoted = [](const fs::path& p) {
    return "'" + fs::absolute(p).lexically_normal().string() + "'";
  };
  core::write_file_atomic(path, "#!/bin/bash\n#SBATCH --job-name=windtunnel\n#SBATCH --array=0-" +
                                    std::to_string(runs - 1) + "\n#SBATCH --ntasks=1\nexec " +
                                    quoted(own_path()) + " sweep " + quoted(grid) + " --out " + quoted(out) +
                                    " --only \"$SLURM_ARRAY_TASK_ID\"\n");
}

struct SweepOptions {
  std::string grid, out = "runs", slurm;
  int64_t jobs = 1, only = -1;
};

int sweep(const SweepOptions& options) {
  const fs::path out = options.out;
  std::vector<Job> jobs = jobs_of(options.grid, out);
  if (options.only >= static_cast<int64_t>(jobs.size()))
    throw usage_error("--only " + std::to_string(options.only),
                      "a number from 0 to " + std::to_string(jobs.size() - 1));
  if (!options.slurm.empty()) {
    write_slurm(options.slurm, options.grid, out, jobs.size());
    std::printf("%zu runs; submit them with: sbatch %s\n", jobs.size(), options.slurm.c_str());
    return 0;
  }
  if (options.only >= 0) jobs = {jobs[static_cast<size_t>(options.only)]};
  core::make_folder(out);
  const int failed = run_jobs("sweep", jobs, options.jobs);
  std::printf("%zu runs, %d failed, in %s\n", jobs.size(), failed, out.c_str());
  return failed == 0 ? 0 : 1;
}

const VerbRegistration registration(40, [](CLI::App& app, int& exit_code) {
  auto* verb = app.add_subcommand("sweep", "many runs, each in a process of its own; finished ones are kept");
  auto o = std::make_shared<SweepOptions>();
  verb->add_option("grid", o->grid,
                   "YAML: option of `run`: value or list of values; every combination is run")
      ->required();
  verb->add_option("--out", o->out, "folder of the run folders")->capture_default_str();
  verb->add_option("--jobs", o->jobs, "runs at a time")->capture_default_str()->check(CLI::PositiveNumber);
  verb->add_option("--only", o->only, "only run number N, counted from 0")->check(CLI::NonNegativeNumber);
  verb->add_option("--slurm", o->slurm, "write a Slurm job array to this file instead of running");
  verb->callback([=, &exit_code] { exit_code = sweep(*o); });
});

}  // namespace
}  // namespace windtunnel::runners
