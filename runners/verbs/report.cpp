#include <cstdio>
#include <memory>

#include "results/check.h"
#include "results/leaderboard.h"
#include "results/report.h"
#include "runners/program.h"

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
    std::printf("%s\n", results::build_leaderboard(build->folder, build->site, build->options).c_str());
  });

  auto checked = std::make_shared<std::string>();
  auto* check_verb = verb->add_subcommand("check", "check a record file or every record in a folder");
  check_verb->add_option("path", *checked, "record.json or a folder")->required();
  check_verb->callback([=, &exit_code] {
    const auto findings = std::filesystem::is_directory(*checked) ? results::check_folder(*checked)
                                                                  : results::check_record(*checked);
    std::printf("%s", findings.empty() ? "no findings\n" : results::describe(findings).c_str());
    exit_code = results::passed(findings) ? 0 : 1;
  });
});

}  // namespace
}  // namespace windtunnel::runners
