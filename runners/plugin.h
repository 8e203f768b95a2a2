#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::runners {

/// What was brought from outside: a shared library (baselines/plugin.h) or the YAML description of an
/// exported module (baselines/exported/exported_module.h).
struct Plugin {
  std::string name, version, licence;
  std::filesystem::path path;
  std::string kind;    ///< "library" or "module"
  std::string sha256;  ///< of the library, or of description and module together
  std::vector<std::string> baselines, scenarios;
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

/// The record's list: {name, version, abi, sha256}.
core::Json loaded_plugins();

/// "--plugin PATH ..." for a child process, from the command line's.
std::vector<std::string> plugin_arguments();
void remember_plugins(const std::vector<std::string>& named);

/// Compiler options for a plug-in: include folders, language version, library interface.
std::string plugin_compile_flags();

/// Writes NAME/: source with a small convolution, CMakeLists.txt, test, README; never over files. Usage error
/// for a name that is no identifier of lower-case letters, digits and '_'.
std::vector<std::filesystem::path> new_plugin(const std::string& name, const std::filesystem::path& folder);

}  // namespace windtunnel::runners
