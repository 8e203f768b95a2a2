#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>

#include "baselines/baseline.h"
#include "baselines/presets.h"
#include "core/text.h"
#include "datasets/scenario.h"
#include "datasets/trajectory.h"
#include "metrics/added.h"
#include "runners/conformance/suite.h"
#include "runners/plugin.h"
#include "runners/program.h"
#include "tasks/protocol.h"
#include "tasks/setting.h"

namespace windtunnel::runners {
namespace {

struct Line {
  std::string name, origin, what;
};

std::string origin_of_scenario(const std::string& name) {
  for (const auto& plugin : plugins())
    if (std::find(plugin.scenarios.begin(), plugin.scenarios.end(), name) != plugin.scenarios.end())
      return plugin.name + " " + plugin.version;
  return "built in";
}

std::vector<Line> scenarios() {
  std::vector<Line> lines;
  for (const auto& name : datasets::scenario_names()) {
    const auto scenario = datasets::load_scenario(name);
    std::vector<std::string> fields;
    for (const auto& field : scenario.fields)
      if (field.measured) fields.push_back(field.name);
    lines.push_back(
        {name, origin_of_scenario(name), scenario.title + " (scored: " + core::join(fields, ", ") + ")"});
  }
  return lines;
}

std::vector<Line> models() {
  std::vector<Line> lines;
  for (const auto& name : baselines::registry().names()) {
    const auto& info = baselines::registry().at(name);
    lines.push_back({name, info.origin,
                     info.summary + (info.trainable ? "" : " (no training)") + "; presets " +
                         core::join(baselines::preset_names(name), ", ")});
  }
  return lines;
}

std::vector<Line> task_parts() {
  std::vector<Line> lines;
  for (const auto& setting : tasks::settings())
    lines.push_back({"setting " + setting.name, "built in", setting.title});
  for (const auto& name : tasks::protocol_names())
    lines.push_back({"protocol " + name, "built in", tasks::protocol(name).about});
  return lines;
}

std::string origin_of(const metrics::MetricCard& card) {
  const metrics::AddedMetric* added = metrics::find_added(card.id);
  return added ? added->origin : "built in";
}

std::vector<Line> metric_cards() {
  std::vector<Line> lines;
  for (const auto& card : metrics::catalogue())
    lines.push_back({card.id, origin_of(card), card.name + ": " + card.formula + " [" + card.unit + "]"});
  return lines;
}

std::vector<Line> format_readers() {
  std::vector<Line> lines;
  for (const auto& name : datasets::formats().names()) {
    const auto& info = datasets::formats().at(name);
    lines.push_back({name, info.origin, info.summary});
  }
  return lines;
}

std::vector<Line> suite_parts() {
  std::vector<Line> lines;
  for (const auto& suite : suites()) lines.push_back({suite.name, "built in", suite.part});
  return lines;
}

const std::vector<std::pair<std::string, std::vector<Line> (*)()>> kKinds = {
    {"scenarios", scenarios},  {"baselines", models},       {"tasks", task_parts},
    {"metrics", metric_cards}, {"formats", format_readers}, {"suites", suite_parts}};

void print_options(const std::string& name) {
  const auto& info = baselines::registry().at(name);
  std::printf("%s: %s\n  %s\noptions (--set model.KEY=VALUE)\n", name.c_str(), info.summary.c_str(),
              info.paper.c_str());
  const auto options = info.options();
  for (const auto& option : core::list_options(*options))
    std::printf("  %-26s %-18s %-14s %s\n", option.key.c_str(), option.type.c_str(),
                option.default_value.c_str(), option.doc.c_str());
}

const VerbRegistration registration(10, [](CLI::App& app, int&) {
  auto* verb = app.add_subcommand("ls", "list scenarios, baselines, tasks, metrics, formats, suites");
  auto kind = std::make_shared<std::string>();
  auto name = std::make_shared<std::string>();
  auto as_json = std::make_shared<bool>(false);
  std::vector<std::string> kinds;
  for (const auto& entry : kKinds) kinds.push_back(entry.first);
  verb->add_option("kind", *kind, "what to list (all if absent)")->check(CLI::IsMember(kinds));
  verb->add_option("name", *name, "with kind baselines: the options of one model");
  verb->add_flag("--json", *as_json, "machine-readable");
  verb->callback([=] {
    if (!name->empty()) {
      if (*kind != "baselines") throw usage_error("ls " + *kind + " " + *name, "ls baselines NAME");
      print_options(*name);
      return;
    }
    core::Json all = core::Json::object();
    for (const auto& [title, list] : kKinds) {
      if (!kind->empty() && *kind != title) continue;
      if (!*as_json) std::printf("%s\n", title.c_str());
      for (const auto& line : list()) {
        if (*as_json)
          all[title].push_back({{"name", line.name}, {"origin", line.origin}, {"what", line.what}});
        else
          std::printf("  %-22s %-9s %s\n", line.name.c_str(), line.origin.c_str(), line.what.c_str());
      }
    }
    if (*as_json) std::cout << all.dump(2) << "\n";
  });
});

}  // namespace
}  // namespace windtunnel::runners
