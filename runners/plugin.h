#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::runners {

/// What was brought from outside: a shared library (runners/plugin_api.h) or the YAML description of an
/// exported module (baselines/exported/exported_module.h).
struct Plugin {
  std::string name, version, licence;
  std::filesystem::path path;
  std::string kind;    ///< "library", "module" (TorchScript) or "package" (AOTInductor)
  std::string sha256;  ///< of the library, or of description and module together
  std::vector<std::string> baselines, scenarios, metrics, formats;
};

/// Loads one file. Errors: not there, not a library, no entry point, another interface version or build, an
/// installation that throws, a name that exists already. What is loaded stays loaded.
const Plugin& load_plugin(const std::filesystem::path& path);

/// Files named on the command line, then those of WINDTUNNEL_PLUGIN_PATH (files and folders, separated by
/// ':'), then the user's folder ($XDG_DATA_HOME or ~/.local/share)/windtunnel/plugins. A named one that fails
/// is an error; one found in a folder is a warning, so that it does not stop everything else.
void load_plugins(const std::vector<std::string>& named);

/// Those loaded, in order.
const std::vector<Plugin>& plugins();

/// True if the model of this origin ("name version") runs a package: compiled code that no profiler sees
/// into.
bool runs_package(const std::string& origin);

/// The record's list: {name, version, abi, sha256}.
core::Json loaded_plugins();

/// " --plugin FILE ..." of the plug-ins without which a run cannot be repeated: they bring its model (named
/// by its origin), scenario, format, or metrics. File names without folders, as records carry them.
std::string plugins_to_repeat(const std::string& origin, const std::string& scenario,
                              const std::filesystem::path& data_root);

/// "--plugin PATH ..." for a child process, from the command line's.
std::vector<std::string> plugin_arguments();
void remember_plugins(const std::vector<std::string>& named);

/// Compiler options for a plug-in: include folders, language version, library interface.
std::string plugin_compile_flags();

/// Writes NAME/: source with a small convolution, CMakeLists.txt, test, README; never over files. Usage error
/// for a name that is no identifier of lower-case letters, digits and '_'.
std::vector<std::filesystem::path> new_plugin(const std::string& name, const std::filesystem::path& folder);

}  // namespace windtunnel::runners
