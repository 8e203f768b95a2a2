#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "runners/child.h"
#include "runners/interrupt.h"
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

int sweep(const std::string& file, const fs::path& out) {
  const core::Json grid = core::read_yaml(file);
  const auto runs = combinations(grid, file);
  core::make_folder(out);
  int failed = 0;
  core::Progress progress("sweep", static_cast<int64_t>(runs.size()), 0);
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::string name = folder_name(runs[i], grid);
    std::vector<std::string> arguments{"run", "--quiet", "--out", (out / name).string()};
    for (const auto& [key, value] : runs[i]) {
      std::string flag = key;
      std::replace(flag.begin(), flag.end(), '_', '-');
      arguments.push_back("--" + flag);
      arguments.push_back(value);
    }
    const fs::path log = out / (name + ".log");
    const int code = run_child(arguments, log);
    throw_if_interrupted("run the same command again to continue");
    if (code != 0) {
      ++failed;
      std::printf("failed (exit code %d): %s, see %s\n", code, name.c_str(), log.c_str());
    }
    progress.update(static_cast<int64_t>(i) + 1, name);
  }
  std::printf("%zu runs, %d failed, in %s\n", runs.size(), failed, out.c_str());
  return failed == 0 ? 0 : 1;
}

const VerbRegistration registration(40, [](CLI::App& app, int& exit_code) {
  auto* verb = app.add_subcommand("sweep", "many runs, each in a process of its own; finished ones are kept");
  auto file = std::make_shared<std::string>();
  auto out = std::make_shared<std::string>("runs");
  verb->add_option("grid", *file, "YAML: option of `run`: value or list of values; every combination is run")
      ->required();
  verb->add_option("--out", *out, "folder of the run folders")->capture_default_str();
  verb->callback([=, &exit_code] { exit_code = sweep(*file, *out); });
});

}  // namespace
}  // namespace windtunnel::runners
