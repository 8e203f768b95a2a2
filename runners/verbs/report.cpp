#include <cstdio>
#include <memory>

#include "results/check.h"
#include "results/leaderboard.h"
#include "results/record_export.h"
#include "results/report.h"
#include "results/submission.h"
#include "runners/program.h"
#include "runners/stored_predictions.h"

namespace windtunnel::runners {
namespace {

const VerbRegistration report_registration(50, [](CLI::App& app, int&) {
  auto* verb = app.add_subcommand("report", "one HTML page of a run");
  auto folder = std::make_shared<std::string>();
  verb->add_option("run", *folder, "run folder")->required();
  verb->callback([=] { std::printf("%s\n", results::write_report(*folder).c_str()); });
});

const VerbRegistration leaderboard_registration(51, [](CLI::App& app, int& exit_code) {
  auto* verb = app.add_subcommand("leaderboard", "pages and files from records");
  verb->require_subcommand(1);

  struct Build {
    std::string folder, site = "site";
    results::LeaderboardOptions options;
    bool without_published = false;
  };
  auto build = std::make_shared<Build>();
  auto* build_verb =
      verb->add_subcommand("build", "static page, CSV, JSON and Markdown from every record in a folder");
  build_verb->add_option("folder", build->folder, "folder with run folders or records")->required();
  build_verb->add_option("--out", build->site, "folder of the page")->capture_default_str();
  build_verb->add_option("--title", build->options.title, "title of the page")->capture_default_str();
  build_verb->add_flag("--without-published", build->without_published,
                       "leave out the figures of the papers");
  build_verb->callback([=] {
    build->options.published = !build->without_published;
    build->options.checks = full_checks();
    std::printf("%s\n", results::build_leaderboard(build->folder, build->site, build->options).c_str());
  });

  auto checked = std::make_shared<std::string>();
  auto* check_verb = verb->add_subcommand("check", "check a record file or every record in a folder");
  check_verb->add_option("path", *checked, "record.json or a folder")->required();
  auto as_board = std::make_shared<bool>(false);
  check_verb->add_flag("--board", *as_board,
                       "the folder is a board: names of folders must agree with the records");
  check_verb->callback([=, &exit_code] {
    results::CheckOptions options = full_checks();
    options.board = *as_board;
    const auto findings = std::filesystem::is_directory(*checked) ? results::check_folder(*checked, options)
                                                                  : results::check_record(*checked, options);
    std::printf("%s", findings.empty() ? "no findings\n" : results::describe(findings).c_str());
    exit_code = results::passed(findings) ? 0 : 1;
  });

  struct Add {
    std::string run, board = "leaderboard";
    results::Submitter submitter;
    std::vector<std::string> supersedes;
  };
  auto add = std::make_shared<Add>();
  auto* add_verb = verb->add_subcommand("add", "check a run and put its record on a board, a folder in git");
  add_verb->add_option("run", add->run, "run folder or record file")->required();
  add_verb->add_option("--to", add->board, "folder of the board")->capture_default_str();
  add_verb->add_option("--submitter", add->submitter.name, "who publishes it");
  add_verb->add_option("--organisation", add->submitter.organisation, "where they work");
  add_verb->add_option("--relationship", add->submitter.relationship, "of the submitter to the model")
      ->check(CLI::IsMember({"first_party", "third_party", "maintainers"}));
  add_verb->add_option("--licence", add->submitter.licence, "of weights and results");
  add_verb->add_option("--code-url", add->submitter.code_url, "where the model's source is");
  add_verb->add_option("--supersedes", add->supersedes, "id of a record that this one replaces");
  add_verb->callback([=, &exit_code] {
    const auto result =
        results::add_to_board(add->run, add->board, full_checks(), add->submitter, add->supersedes);
    std::printf("%s", results::describe(result.findings).c_str());
    if (result.folder.empty())
      std::printf("refused: nothing was added to %s\n", add->board.c_str());
    else
      std::printf("added %s\n", (result.folder / (result.record_id + ".json")).c_str());
    exit_code = result.folder.empty() ? 1 : 0;
  });

  struct Export {
    std::string folder, target, out;
  };
  auto exported = std::make_shared<Export>();
  auto* export_verb = verb->add_subcommand("export", "records in the form of other programs");
  export_verb->add_option("folder", exported->folder, "folder with records")->required();
  export_verb->add_option("--to", exported->target, "form")
      ->required()
      ->check(CLI::IsMember(results::export_targets()));
  export_verb->add_option("--out", exported->out, "file, or folder for mlflow")->required();
  export_verb->callback([=] {
    const auto records = results::find_records(exported->folder);
    std::printf("%s: %zu records\n",
                results::export_records(records, exported->target, exported->out).c_str(), records.size());
  });
});

}  // namespace
}  // namespace windtunnel::runners
