#include <cstdio>
#include <iostream>
#include <memory>

#include "core/error.h"
#include "core/text.h"
#include "results/levels.h"
#include "results/record.h"
#include "runners/program.h"
#include "runners/run.h"
#include "runners/stored_predictions.h"

namespace windtunnel::runners {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string record, data, out, pretrained, real_run, weights, relationship = "third_party", submitter;
  bool rerun = false, json = false;
  int64_t at_least = 0;
  double tolerance = 0.02;
};

/// The request that repeats a run, from the configuration in its record.
RunRequest request_of(const core::Json& record, const Arguments& arguments) {
  const core::Json config = record.at("training").value("config", core::Json());
  if (!config.is_object() || !config.contains("baseline"))
    throw data_error("the record holds no configuration that can be run again",
                     "a record made by `windtunnel run`",
                     "stored rows and predictions can still be recomputed: leave out --rerun");
  RunRequest request;
  request.scenario = config.at("scenario");
  request.baseline = config.at("baseline");
  request.setting = config.at("setting");
  request.protocol = config.at("protocol");
  request.preset = config.at("preset");
  request.compat = config.at("compat");
  request.data = arguments.data;
  request.out = arguments.out;
  request.pretrained = arguments.pretrained;
  request.real_run = arguments.real_run;
  request.weights = arguments.weights;
  for (const char* block : {"model", "training", "data", "evaluation"})
    for (const auto& [key, value] : config.at(block).items())
      request.set.push_back(std::string(block) + "." + key + "=" + value.dump());
  const core::Json from = record.at("model").value("pretrained_from", core::Json());
  if (from.is_object() && arguments.pretrained.empty() && arguments.weights.empty())
    throw usage_error("the run started from given weights (" + from.at("name").get<std::string>() + ")",
                      "--pretrained or --weights with them");
  return request;
}

int verify(const Arguments& arguments) {
  const fs::path path = fs::is_directory(arguments.record) ? fs::path(arguments.record) / "record.json"
                                                           : fs::path(arguments.record);
  results::Verification verified = results::verify_record(path, full_checks());
  std::string rerun;
  if (verified.level != results::Level::none && arguments.rerun) {
    const core::Json record = results::read_record(path);
    if (arguments.out.empty()) throw usage_error("--rerun without --out", "a new folder for the re-run");
    core::Json again = run(request_of(record, arguments), RunUntil::recorded, record.at("command"));
    rerun = results::disagreement(record, again, arguments.tolerance);
    if (rerun.empty()) {
      again["confirms"] = {record.at("record_id")};
      again["submission"]["relationship"] = arguments.relationship;
      if (!arguments.submitter.empty()) again["submission"]["submitter"] = arguments.submitter;
      again["record_id"] = results::record_id(again);
      results::write_record(fs::path(arguments.out) / "record.json", again);
      verified.level = results::confirmed_level(verified.level, record, {&again});
      verified.next = "add the re-run to the board: windtunnel leaderboard add " + arguments.out;
    } else {
      verified.next = "the re-run does not confirm it: " + rerun;
    }
  }
  if (arguments.json) {
    core::Json findings = core::Json::array();
    for (const auto& f : verified.findings)
      findings.push_back({{"severity", results::to_string(f.severity)},
                          {"code", f.code},
                          {"place", f.place},
                          {"reason", f.reason}});
    std::cout << core::Json{{"level", static_cast<int>(verified.level)},
                            {"name", results::level_name(verified.level)},
                            {"next", verified.next},
                            {"findings", findings}}
                     .dump(2)
              << "\n";
  } else {
    std::printf("%slevel %d: %s (%s)\n", results::describe(verified.findings).c_str(),
                static_cast<int>(verified.level), results::level_name(verified.level).c_str(),
                results::level_note(verified.level).c_str());
    if (!verified.next.empty()) std::printf("not higher: %s\n", verified.next.c_str());
  }
  return verified.level == results::Level::none || !rerun.empty() ||
                 static_cast<int>(verified.level) < arguments.at_least
             ? 1
             : 0;
}

const VerbRegistration registration(52, [](CLI::App& app, int& exit_code) {
  auto* verb = app.add_subcommand("verify", "recompute the scores of a record and say which level holds");
  auto given = std::make_shared<Arguments>();
  verb->add_option("record", given->record, "record file or run folder")->required();
  verb->add_flag("--rerun", given->rerun, "also repeat the run and compare");
  verb->add_option("--data", given->data, "with --rerun: folder that holds the scenario's folder");
  verb->add_option("--out", given->out, "with --rerun: folder of the new run");
  verb->add_option("--pretrained", given->pretrained, "with --rerun: weights that the run started from");
  verb->add_option("--real-run", given->real_run, "with --rerun: run folder for the Update Ratio");
  verb->add_option("--weights", given->weights, "with --rerun: score these weights instead of training");
  verb->add_option("--relationship", given->relationship, "who re-runs")
      ->check(CLI::IsMember({"first_party", "third_party", "maintainers"}))
      ->capture_default_str();
  verb->add_option("--submitter", given->submitter, "name for the confirming record");
  verb->add_option("--tolerance", given->tolerance, "relative difference of a score that still confirms")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--at-least", given->at_least, "exit with 1 below this level")->check(CLI::Range(0, 4));
  verb->add_flag("--json", given->json, "machine-readable");
  verb->callback([=, &exit_code] { exit_code = verify(*given); });
});

}  // namespace
}  // namespace windtunnel::runners
