#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>

#include "core/file.h"
#include "core/image.h"
#include "core/log.h"
#include "datasets/inspect.h"
#include "datasets/lab/maker.h"
#include "datasets/plot.h"
#include "runners/interrupt.h"
#include "runners/program.h"

namespace windtunnel::runners {
namespace {

struct Place {
  std::string scenario, data;
};

std::shared_ptr<Place> add_place(CLI::App* verb) {
  auto place = std::make_shared<Place>();
  verb->add_option("scenario", place->scenario, "name of a scenario or path of a scenario file")->required();
  verb->add_option("--data", place->data, "folder that holds the scenario's folder")->required();
  return place;
}

/// Options of the laboratory as --key value; only those given override the preset of --size.
void add_make(CLI::App& data) {
  auto* verb = data.add_subcommand("make", "make data with the virtual laboratory");
  auto given = std::make_shared<std::map<std::string, std::string>>();
  auto dry = std::make_shared<bool>(false);
  for (const auto& option : datasets::lab::job_options()) {
    std::string flag = option.key;
    std::replace(flag.begin(), flag.end(), '_', '-');
    const std::string name = option.key == "scenario" ? "scenario" : "--" + flag;
    verb->add_option(name, (*given)[option.key], option.doc)
        ->type_name(option.type)
        ->default_str(option.default_value);
  }
  verb->get_option("scenario")->required();
  verb->get_option("--out")->required();
  verb->add_flag("--estimate", *dry, "print time and disk space, make nothing");
  verb->callback([=] {
    core::Json values = core::Json::object();
    for (const auto& [key, text] : *given)
      if (!text.empty()) values[key] = key == "out" ? core::Json(text) : core::parse_yaml(text, "--" + key);
    const auto job = datasets::lab::make_job(values, "windtunnel data make");
    core::log_info(job->estimate().text);
    if (*dry) return;
    datasets::lab::LabControl control;
    control.stop = &interrupt_flag();
    const auto report = job->make(control);
    std::printf("%s: %lld files made, %lld kept, %.1f MB, %.1f s\n", report.folder.c_str(),
                static_cast<long long>(report.made), static_cast<long long>(report.kept),
                static_cast<double>(report.bytes) / 1e6, report.seconds);
  });
}

/// first_<side>.png for every side that is there.
void plot_first_frames(const datasets::Scenario& scenario, const std::string& data,
                       const std::string& folder) {
  core::make_folder(folder);
  for (const auto side : {datasets::Side::real, datasets::Side::numerical}) {
    if (!scenario.has_side(side) || !datasets::is_there(scenario, data, side)) continue;
    datasets::PlotOptions options;
    options.sides = {side};
    options.frames = 1;
    const std::filesystem::path path =
        std::filesystem::path(folder) / (std::string("first_") + datasets::to_string(side) + ".png");
    core::write_png(path, datasets::plot_frames(scenario, data, options).at(0));
    core::log_info("wrote " + path.string());
  }
}

const VerbRegistration registration(20, [](CLI::App& app, int& exit_code) {
  auto* verb = app.add_subcommand("data", "make, describe and check data");
  verb->require_subcommand(1);
  add_make(*verb);

  auto* info = verb->add_subcommand("info", "fields, units, ranges, parameters and splits, as JSON");
  auto described = add_place(info);
  auto pictures = std::make_shared<std::string>();
  info->add_option("--plot", *pictures, "folder for a picture of the first frame of each side");
  info->callback([=] {
    const auto scenario = datasets::load_scenario(described->scenario, described->data);
    std::cout << datasets::describe(described->data, scenario).dump(2) << "\n";
    if (!pictures->empty()) plot_first_frames(scenario, described->data, *pictures);
  });

  auto* verify = verb->add_subcommand("verify", "check structure, values, pairing, splits and hashes");
  auto verified = add_place(verify);
  verify->callback([=, &exit_code] {
    const auto scenario = datasets::load_scenario(verified->scenario, verified->data);
    const auto findings = datasets::verify(verified->data, scenario);
    bool bad = false;
    for (const auto& finding : findings) {
      std::printf("%s: %s: %s\n", finding.severity.c_str(), finding.place.c_str(), finding.message.c_str());
      bad = bad || finding.severity == "error";
    }
    if (findings.empty()) std::printf("no findings\n");
    exit_code = bad ? 1 : 0;
  });
});

}  // namespace
}  // namespace windtunnel::runners
