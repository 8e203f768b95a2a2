#include <algorithm>
#include <cstdio>
#include <iostream>

#include "baselines/baseline.h"
#include "core/error.h"
#include "core/text.h"
#include "metrics/metric.h"
#include "runners/cli_options.h"
#include "runners/plugin.h"
#include "runners/program.h"
#include "runners/run.h"
#include "runners/verbs/print_record.h"

namespace windtunnel::runners {
namespace {

std::string value_text(const core::Json& metric) {
  if (metric.at("value").is_null()) return metric.value("reason", "undefined");
  char text[32];
  std::snprintf(text, sizeof text, "%.5g", metric.at("value").get<double>());
  return text;
}

const core::Json* entry(const core::Json& list, const std::string& id) {
  for (const auto& metric : list)
    if (metric.at("id") == id && metric.at("field") == "all") return &metric;
  return nullptr;
}

}  // namespace

void print_record(const core::Json& record, const std::string& folder) {
  const bool synthetic = record.at("synthetic").at("is_synthetic");
  std::printf("%s, %s, protocol %s%s\n", record.at("model").at("name").get<std::string>().c_str(),
              record.at("task").at("id").get<std::string>().c_str(),
              record.at("task").at("protocol").get<std::string>().c_str(),
              synthetic ? ", SYNTHETIC data" : "");
  std::printf("  %-22s %12s %12s %12s  %s\n", "metric", "model", "persistence", "mean", "unit");
  const auto cell = [&](const std::string& baseline, const std::string& id) -> std::string {
    if (!record.at("baselines").contains(baseline)) return "";
    const core::Json* found = entry(record.at("baselines").at(baseline), id);
    return found ? value_text(*found) : "";
  };
  for (const auto& metric : record.at("metrics")) {
    if (metric.at("field") != "all") continue;  // in the record and the report
    const std::string id = metric.at("id");
    const std::string name = metrics::has_card(id) ? metrics::card(id).name : id;
    std::printf("  %-22s %12s %12s %12s  %s\n", name.c_str(), value_text(metric).c_str(),
                cell("persistence", id).c_str(), cell("mean", id).c_str(),
                metric.at("unit").get<std::string>().c_str());
  }
  std::printf("record %s/record.json\nreport %s/report.html\n", folder.c_str(), folder.c_str());
}

namespace {

struct Arguments {
  RunRequest request;
  bool json = false;
};

/// The command line that repeats the run, from the options that differ from the defaults.
std::string repeat_command(const std::string& verb, const RunRequest& request) {
  RunRequest given = request, plain;
  const core::Json now = core::write_options(given), defaults = core::write_options(plain);
  std::string text =
      "windtunnel" +
      plugins_to_repeat(baselines::registry().at(request.baseline).origin, request.scenario, request.data) +
      " " + verb;
  for (const char* key : {"scenario", "baseline", "setting"})
    text += std::string(" --") + key + " " + now.at(key).get<std::string>();
  for (const auto& [key, value] : now.items()) {
    if (key == "scenario" || key == "baseline" || key == "setting" || key == "out" ||
        value == defaults.at(key))
      continue;
    std::string flag = key;
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (key == "data") {
      text += " --data DATA";  // records carry no path of a machine
    } else if (key == "pretrained" || key == "real_run" || key == "weights") {
      text += " --" + flag + " " + std::filesystem::path(value.get<std::string>()).filename().string();
    } else if (value.is_array()) {
      std::vector<std::string> parts;
      for (const auto& item : value) parts.push_back(item.get<std::string>());
      text += " --" + flag + " " + core::join(parts, ",");
    } else {
      text += " --" + flag + " " + (value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return text;
}

void add_verb(CLI::App& app, int&, const char* name, const char* what, RunUntil until) {
  auto* verb = app.add_subcommand(name, what);
  auto arguments = std::make_shared<Arguments>();
  add_options(*verb, arguments->request);
  verb->add_flag("--json", arguments->json, "print the record as JSON");
  const std::string verb_name = name;
  verb->callback([=] {
    const RunRequest& request = arguments->request;
    const bool trainable = baselines::registry().at(request.baseline).trainable;
    if (until == RunUntil::trained && !trainable)
      throw usage_error("train: there is nothing to train in '" + request.baseline + "'",
                        "a model that learns", "`windtunnel eval` scores it as it is");
    if (verb_name == "eval" && request.weights.empty() && trainable)
      throw usage_error("eval without weights", "--weights FILE", "`windtunnel run` trains first");
    const core::Json record = run(request, until, repeat_command(verb_name, request));
    const std::string folder = resolve(request).folder.string();
    if (record.is_null())
      std::printf("weights %s/weights.safetensors\n", folder.c_str());
    else if (arguments->json)
      std::cout << record.dump(2) << "\n";
    else
      print_record(record, folder);
  });
}

const VerbRegistration registration(30, [](CLI::App& app, int& exit_code) {
  add_verb(app, exit_code, "train", "train a model under a setting", RunUntil::trained);
  add_verb(app, exit_code, "eval", "score given weights on the test windows", RunUntil::recorded);
  add_verb(app, exit_code, "run", "a whole task: train, test, record, report", RunUntil::recorded);
});

}  // namespace
}  // namespace windtunnel::runners
