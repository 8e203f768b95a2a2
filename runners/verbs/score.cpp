#include "runners/score.h"

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>

#include "runners/cli_options.h"
#include "runners/plugin.h"
#include "runners/program.h"
#include "runners/verbs/print_record.h"

namespace windtunnel::runners {
namespace {

const VerbRegistration score_registration(35, [](CLI::App& app, int&) {
  auto* verb = app.add_subcommand("score", "score forecasts that any program wrote to a file");
  auto request = std::make_shared<ScoreRequest>();
  auto json = std::make_shared<bool>(false);
  add_options(*verb, *request);
  verb->get_option("--task")->required();
  verb->get_option("--predictions")->required();
  verb->get_option("--name")->required();
  verb->get_option("--data")->required();
  verb->add_flag("--json", *json, "print the record as JSON");
  verb->callback([=] {
    std::string command =
        "windtunnel" +
        plugins_to_repeat("", request->task.substr(0, request->task.rfind('/')), request->data) +
        " score --task " + request->task + " --predictions " +
        std::filesystem::path(request->predictions).filename().string() + " --name " + request->name +
        " --data DATA";
    if (request->protocol != "corrected") command += " --protocol " + request->protocol;
    if (request->rounds != 1) command += " --rounds " + std::to_string(request->rounds);
    if (request->subset != "all") command += " --subset " + request->subset;
    const core::Json record = score(*request, command);
    if (*json)
      std::cout << record.dump(2) << "\n";
    else
      print_record(record, request->folder().string());
  });
});

const VerbRegistration task_registration(36, [](CLI::App& app, int&) {
  auto* verb = app.add_subcommand("task", "tasks for programs outside");
  verb->require_subcommand(1);
  auto* exported =
      verb->add_subcommand("export", "official inputs and sample ids, without the test's targets");
  auto request = std::make_shared<ExportRequest>();
  exported->add_option("id", request->task, "scenario/setting: cylinder/real")->required();
  add_options(*exported, *request);
  exported->get_option("--data")->required();
  exported->callback([=] {
    const core::Json task = export_task(*request);
    for (const auto& [name, split] : task.at("splits").items())
      std::printf("%-18s %zu windows, %s\n", name.c_str(), split.at("sample_ids").size(),
                  split.at("files").dump().c_str());
  });
});

}  // namespace
}  // namespace windtunnel::runners
