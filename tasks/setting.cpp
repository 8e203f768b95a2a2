#include "tasks/setting.h"

#include <algorithm>

#include "core/embedded.h"
#include "core/error.h"
#include "core/options.h"
#include "core/text.h"

namespace windtunnel::tasks {

const std::vector<core::EmbeddedFile>& embedded_files();

namespace {

constexpr const char* kFile = "settings.yaml";

const char* word(Side side) { return side == Side::numerical ? "simulated" : "measured"; }

struct StageOptions : core::Options {
  std::string name, train, start, validate;
  void describe(core::OptionVisitor& v) override {
    v("name", name, "name of the stage");
    v.choice("train", train, {"numerical", "real"}, "side of the training split");
    v.choice("start", start, {"scratch", "previous"}, "where the weights come from");
    v.choice("validate", validate, {"numerical", "real"}, "side that chooses the checkpoint");
  }
};

struct SettingOptions : core::Options {
  std::string name, title, test;
  std::vector<std::string> aliases;
  bool one_sided = false;
  void describe(core::OptionVisitor& v) override {
    v("name", name, "name of the setting");
    v("title", title, "for people");
    v("aliases", aliases, "other names");
    v.choice("test", test, {"numerical", "real"}, "side that is scored");
    v("one_sided", one_sided, "every side is the scenario's only one");
  }
};

Setting read(core::Json values) {
  const core::Json stages = values.at("stages");
  values.erase("stages");
  SettingOptions options;
  core::read_options(options, values, kFile);
  Setting result{options.name,     options.title, options.aliases, {}, datasets::parse_side(options.test),
                 options.one_sided};
  for (const auto& item : stages) {
    StageOptions stage;
    core::read_options(stage, item, kFile);
    result.stages.push_back({stage.name, datasets::parse_side(stage.train), stage.start == "previous",
                             datasets::parse_side(stage.validate)});
  }
  return result;
}

void require_side(const Setting& setting, Side side, const datasets::Scenario& scenario) {
  if (scenario.has_side(side)) return;
  const Side other = side == Side::real ? Side::numerical : Side::real;
  throw core::usage_error(std::string("setting '") + setting.name + "' needs a " + word(side) +
                              " side; scenario '" + scenario.name + "' has only " + word(other) + " data",
                          "a scenario with both sides", "use the setting 'single'");
}

}  // namespace

core::Json Setting::json() const {
  core::Json list = core::Json::array();
  for (const auto& stage : stages)
    list.push_back({{"name", stage.name},
                    {"train", to_string(stage.train)},
                    {"start", stage.from_previous ? "previous" : "scratch"},
                    {"validate", to_string(stage.validate)}});
  return {{"name", name}, {"stages", list}, {"test", to_string(test)}};
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> list = [] {
    std::vector<Setting> result;
    for (const auto& file : embedded_files())
      if (file.name == kFile)
        for (const auto& item : core::parse_yaml(file.text, kFile)) result.push_back(read(item));
    return result;
  }();
  return list;
}

const Setting& setting(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& candidate : settings()) {
    if (candidate.name == name ||
        std::find(candidate.aliases.begin(), candidate.aliases.end(), name) != candidate.aliases.end())
      return candidate;
    names.push_back(candidate.name);
  }
  throw core::usage_error("unknown setting '" + name + "'", "one of " + core::join(names, ", "),
                          core::suggestion(name, names));
}

Setting resolve_setting(const Setting& setting, const datasets::Scenario& scenario) {
  Setting result = setting;
  if (setting.one_sided) {
    const Side side = scenario.has_side(Side::real) ? Side::real : Side::numerical;
    result.test = side;
    for (auto& stage : result.stages) stage.train = stage.validate = side;
  }
  // Simulated data that nobody measured are trained and tested among themselves.
  const bool simulated = std::all_of(result.stages.begin(), result.stages.end(),
                                     [](const Stage& stage) { return stage.train == Side::numerical; });
  if (simulated && !scenario.has_side(Side::real)) {
    result.test = Side::numerical;
    for (auto& stage : result.stages) stage.validate = Side::numerical;
  }
  for (const auto& stage : result.stages) {
    require_side(result, stage.train, scenario);
    require_side(result, stage.validate, scenario);
  }
  require_side(result, result.test, scenario);
  return result;
}

}  // namespace windtunnel::tasks
