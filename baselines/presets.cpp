#include "baselines/presets.h"

#include <map>

#include "core/embedded.h"
#include "core/error.h"
#include "core/text.h"

namespace windtunnel::baselines {

const std::vector<core::EmbeddedFile>& embedded_files();

namespace {

std::map<std::string, core::Json>& added() {
  static std::map<std::string, core::Json> instance;
  return instance;
}

core::Json load(const std::string& model) {
  if (const auto it = added().find(model); it != added().end()) return it->second;
  std::vector<std::string> known;
  for (const auto& file : embedded_files()) {
    if (file.name == model + ".yaml") return core::parse_yaml(file.text, file.name);
    known.push_back(file.name.substr(0, file.name.size() - 5));
  }
  throw usage_error("no presets for model '" + model + "'", "a model with a presets file",
                    core::suggestion(model, known));
}

}  // namespace

core::Json preset(const std::string& model, const std::string& preset_name, const std::string& scenario) {
  const core::Json file = load(model);
  const core::Json& presets = file.at("presets");
  if (!presets.contains(preset_name))
    throw usage_error("model '" + model + "' has no preset '" + preset_name + "'", "a declared preset",
                      core::suggestion(preset_name, preset_names(model)));
  const core::Json& chosen = presets.at(preset_name);
  core::Json settings = chosen.value("all", core::Json::object());
  const std::string section = chosen.contains(scenario) ? scenario : file.value("default", "");
  if (chosen.contains(section)) settings = core::merged(settings, chosen.at(section));
  for (const char* block : {"model", "training", "data", "evaluation"})
    if (!settings.contains(block)) settings[block] = core::Json::object();
  return settings;
}

void add_presets(const std::string& model, const std::string& yaml) {
  const core::Json file = core::parse_yaml(yaml, "presets of " + model);
  if (!file.is_object() || !file.contains("presets") || !file.at("presets").is_object())
    throw usage_error("presets of " + model + " lack the key 'presets'", "presets: {<name>: {all: {...}}}");
  added()[model] = file;
}

std::vector<std::string> preset_names(const std::string& model) {
  std::vector<std::string> names;
  const core::Json file = load(model);
  for (const auto& [name, settings] : file.at("presets").items()) names.push_back(name);
  return names;
}

}  // namespace windtunnel::baselines
