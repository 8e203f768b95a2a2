#include <algorithm>
#include <cctype>

#include "core/embedded.h"
#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "runners/build_paths.h"
#include "runners/plugin.h"

namespace windtunnel::runners {

namespace skeleton {
const std::vector<core::EmbeddedFile>& embedded_files();
}

namespace fs = std::filesystem;

namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// "my_net" -> "MyNet".
std::string class_name(const std::string& name) {
  std::string result;
  for (const auto& part : core::split(name, '_')) {
    if (part.empty()) continue;
    result += static_cast<char>(std::toupper(static_cast<unsigned char>(part[0])));
    result += part.substr(1);
  }
  return result;
}

}  // namespace

std::string plugin_compile_flags() {
  if (!fs::exists(fs::path(kSourceFolder) / "runners/plugin_api.h"))
    throw environment_error(
        "the headers that this program was built from are not at " + std::string(kSourceFolder),
        "Windtunnel's source folder", "build Windtunnel where the plug-in is compiled");
  std::string flags = std::string("-std=c++20 -fPIC -fvisibility=hidden -I") + kSourceFolder;
  for (const auto& folder : core::split(kTorchIncludes, ';'))
    if (!folder.empty() && folder != "/usr/include")  // named again it would hide the compiler's own
      flags += " -isystem" + folder;                  // joined: CMake drops repeated words
  return flags;
}

std::vector<fs::path> new_plugin(const std::string& name, const fs::path& folder) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (name.empty() || !std::all_of(name.begin(), name.end(), letter) || name[0] < 'a')
    throw usage_error("plug-in name '" + name + "'",
                      "lower-case letters, digits and '_', beginning with a letter");
  const fs::path home = folder / name;
  if (fs::exists(home))
    throw usage_error(home.string() + " exists", "a new folder", "choose another name or --out");
  std::vector<fs::path> written;
  for (const auto& file : skeleton::embedded_files()) {
    const std::string to = replaced(file.name.substr(0, file.name.rfind(".in")), "NAME", name);
    std::string text = replaced(file.text, "@name@", name);
    text = replaced(text, "@Class@", class_name(name));
    core::make_folder(home);
    core::write_file_atomic(home / to, text);
    written.push_back(home / to);
  }
  return written;
}

}  // namespace windtunnel::runners
