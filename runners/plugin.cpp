#include "runners/plugin.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

#include "baselines/exported/exported_module.h"
#include "baselines/exported/package.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/text.h"
#include "datasets/added_scenarios.h"
#include "datasets/scenario.h"
#include "metrics/added.h"
#include "runners/plugin_api.h"
#include "runners/plugin_check.h"
#include "runners/plugin_format.h"

namespace windtunnel::plugin {
std::string program_build_tag() { return WINDTUNNEL_BUILD_TAG; }
}  // namespace windtunnel::plugin

namespace windtunnel::runners {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRebuild = "build the plug-in with this program's `windtunnel plugin flags`";
constexpr const char* kDefaultPresets =
    "presets:\n"
    "  small: {all: {training: {learning_rate: 1.0e-3, updates: 1000, batch_size: 8, seed: 0}}}\n"
    "  tiny: {all: {training: {learning_rate: 1.0e-3, updates: 200, batch_size: 4, seed: 0, "
    "validation_points: 10}}}\n";

std::vector<Plugin>& loaded() {
  static std::vector<Plugin> list;
  return list;
}
std::vector<std::string>& named_plugins() {
  static std::vector<std::string> list;
  return list;
}

class Registrar : public plugin::Host {
 public:
  explicit Registrar(Plugin& about) : about_(about) {}

  void add_baseline(baselines::BaselineInfo info) override {
    info.origin = about_.name + " " + about_.version;
    const std::string who = "baseline '" + info.name + "' of plug-in " + info.origin;
    info.create = [who, create = std::move(info.create)](const baselines::ModelContext& context,
                                                         const core::Options& options) {
      return guarded(who + ": its constructor", [&] { return create(context, options); });
    };
    about_.baselines.push_back(info.name);
    baselines::add_presets(info.name, kDefaultPresets);
    baselines::registry().add(std::move(info));
  }
  void add_presets(const std::string& baseline, const std::string& yaml) override {
    if (std::find(about_.baselines.begin(), about_.baselines.end(), baseline) == about_.baselines.end())
      throw usage_error("presets of '" + baseline + "'", "a baseline that the plug-in added before");
    baselines::add_presets(baseline, yaml);
  }
  void add_scenario(const std::string& yaml) override {
    datasets::add_scenario(yaml, "plug-in " + about_.name);
    about_.scenarios.push_back(fs::path(datasets::added_scenarios().back().name).stem().string());
  }
  void add_metric(const metrics::MetricCard& card, plugin::MetricFunction value) override {
    const std::string origin = about_.name + " " + about_.version,
                      who = "metric '" + card.id + "' of plug-in " + origin;
    metrics::AddedMetric metric{card, origin, {}};
    if (value)
      metric.value = [who, value = std::move(value)](const core::Array& prediction,
                                                     const core::Array& target) {
        return guarded(who, [&] { return value(prediction, target); });
      };
    metrics::add_metric(std::move(metric));
    about_.metrics.push_back(card.id);
  }
  void add_format(datasets::FormatInfo info) override {
    info.origin = about_.name + " " + about_.version;
    const std::string name = info.name;
    datasets::formats().add(guarded_format(std::move(info)));
    about_.formats.push_back(name);
  }

 private:
  Plugin& about_;
};

const plugin::Table& table_of(const fs::path& path) {
  const std::string where = path.string();
  void* library = ::dlopen(fs::absolute(path).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = ::dlerror();
    throw environment_error(where + ": cannot be loaded: " + (reason ? reason : "unknown"),
                            "a shared library built for this program", kRebuild);
  }
  using Entry = const void* (*)();
  const auto entry = reinterpret_cast<Entry>(::dlsym(library, plugin::kSymbol));
  if (!entry)
    throw environment_error(where + ": no plug-in: it does not export " + plugin::kSymbol,
                            "a library with WINDTUNNEL_PLUGIN(...)",
                            "`windtunnel plugin new NAME` writes one");
  const auto& table = *static_cast<const plugin::Table*>(entry());
  if (table.abi != plugin::kAbi)
    throw environment_error(where + ": plug-in interface " + std::to_string(table.abi),
                            "interface " + std::to_string(plugin::kAbi), kRebuild);
  if (table.struct_size < sizeof(plugin::Table))
    throw environment_error(where + ": its table has " + std::to_string(table.struct_size) + " bytes",
                            std::to_string(sizeof(plugin::Table)), kRebuild);
  if (!table.build || plugin::program_build_tag() != table.build)
    throw environment_error(where + ": built for " + (table.build ? table.build : "nothing known"),
                            plugin::program_build_tag(), kRebuild);
  if (table.layout != plugin::kLayout)
    throw environment_error(where + ": built against other headers of Windtunnel", "those of this program",
                            kRebuild);
  for (const char* text : {table.name, table.version, table.licence})
    if (!text || !*text)
      throw environment_error(where + ": name, version or licence is empty",
                              "a plug-in that says what it is");
  return table;
}

void load_library(const fs::path& path, Plugin& about) {
  const plugin::Table& table = table_of(path);
  about.name = table.name;
  about.version = table.version;
  about.licence = table.licence;
  about.kind = "library";
  about.sha256 = core::sha256_file(path);
  Registrar registrar(about);
  if (table.install(&registrar) != 0)
    throw model_error(
        "plug-in " + about.name + " (" + path.string() + ") failed to register: " + table.last_error(),
        "an installation without exceptions");
}

void load_module(const fs::path& path, Plugin& about) {
  const baselines::ExportedModule module = baselines::read_exported_module(path);
  about.name = module.name;
  about.version = module.version.empty() ? "0" : module.version;
  about.licence = module.licence;
  about.kind = baselines::is_package(module.module) ? "package" : "module";
  about.sha256 = core::sha256(core::sha256_file(path) + core::sha256_file(module.module));
  Registrar registrar(about);
  registrar.add_baseline(baselines::exported_baseline(module));
  if (!module.presets.empty()) registrar.add_presets(module.name, module.presets);
}

bool is_description(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".so" || is_description(entry.path())) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

fs::path user_folder() {
  if (const char* data = std::getenv("XDG_DATA_HOME"); data && *data)
    return fs::path(data) / "windtunnel/plugins";
  if (const char* home = std::getenv("HOME"); home && *home)
    return fs::path(home) / ".local/share/windtunnel/plugins";
  return {};
}

}  // namespace

const Plugin& load_plugin(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path))
    throw usage_error("no plug-in " + path.string(), "a shared library or the YAML description of a module");
  for (const auto& known : loaded())
    if (fs::equivalent(known.path, path, ignored)) return known;
  Plugin about;
  about.path = path;
  is_description(path) ? load_module(path, about) : load_library(path, about);
  loaded().push_back(about);
  return loaded().back();
}

void load_plugins(const std::vector<std::string>& named) {
  for (const auto& path : named) load_plugin(path);
  std::vector<fs::path> found;
  if (const char* list = std::getenv("WINDTUNNEL_PLUGIN_PATH"))
    for (const auto& part : core::split(list, ':')) {
      if (part.empty()) continue;
      if (fs::is_directory(part)) {
        for (auto& file : files_in(part)) found.push_back(std::move(file));
      } else {
        found.emplace_back(part);
      }
    }
  if (const fs::path folder = user_folder(); !folder.empty())
    for (auto& file : files_in(folder)) found.push_back(std::move(file));
  for (const auto& path : found) try {
      load_plugin(path);
    } catch (const Error& problem) {
      core::log_warning("left out: " + problem.found() +
                        (problem.expected().empty() ? "" : " (expected: " + problem.expected() + ")"));
    }
}

const std::vector<Plugin>& plugins() { return loaded(); }

bool runs_package(const std::string& origin) {
  return std::any_of(loaded().begin(), loaded().end(), [&](const Plugin& plugin) {
    return plugin.kind == "package" && origin == plugin.name + " " + plugin.version;
  });
}

core::Json loaded_plugins() {
  core::Json list = core::Json::array();
  for (const auto& plugin : loaded())
    list.push_back({{"name", plugin.name},
                    {"version", plugin.version},
                    {"abi", plugin::kAbi},
                    {"sha256", plugin.sha256}});
  return list;
}

std::string plugins_to_repeat(const std::string& origin, const std::string& scenario,
                              const std::filesystem::path& data_root) {
  std::vector<std::string> formats;
  try {
    formats = datasets::load_scenario(scenario, data_root).formats;
  } catch (const Error&) {  // said where the scenario is used
  }
  const auto holds = [](const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  std::string text;
  for (const auto& plugin : loaded())
    if (origin == plugin.name + " " + plugin.version || !plugin.metrics.empty() ||
        holds(plugin.scenarios, scenario) ||
        std::any_of(formats.begin(), formats.end(), [&](const auto& f) { return holds(plugin.formats, f); }))
      text += " --plugin " + plugin.path.filename().string();
  return text;
}

std::vector<std::string> plugin_arguments() {
  std::vector<std::string> arguments;
  for (const auto& path : named_plugins()) {
    arguments.push_back("--plugin");
    arguments.push_back(path);
  }
  return arguments;
}

void remember_plugins(const std::vector<std::string>& named) { named_plugins() = named; }

}  // namespace windtunnel::runners
