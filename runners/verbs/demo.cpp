#include <cstdio>
#include <memory>

#include "core/file.h"
#include "core/log.h"
#include "datasets/lab/lab.h"
#include "results/leaderboard.h"
#include "runners/cost.h"
#include "runners/interrupt.h"
#include "runners/program.h"
#include "runners/run.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

/// The whole path on a small paired data set of the virtual laboratory: models that learn run under all three
/// settings, the others once.
void demo(const fs::path& out, int64_t seed) {
  const Stopwatch watch;
  const fs::path data = out / "data";
  core::log_info("1/3 making paired cylinder data (synthetic) in " + data.string());
  datasets::lab::LabControl control;
  control.stop = &interrupt_flag();
  datasets::lab::make_dataset(
      datasets::lab::lab_options(
          {{"scenario", "cylinder"}, {"size", "demo"}, {"out", data.string()}, {"seed", seed}}, "demo"),
      control);

  core::log_info("2/3 training and testing");
  const fs::path runs = out / "runs";
  const auto one = [&](const std::string& baseline, const std::string& setting) {
    RunRequest request;
    request.baseline = baseline;
    request.setting = setting;
    request.preset = "tiny";
    request.data = data.string();
    request.seed = seed;
    request.out = (runs / (baseline + "-" + setting)).string();
    std::string command = "windtunnel run --scenario cylinder --baseline " + baseline + " --setting " +
                          setting + " --preset tiny --seed " + std::to_string(seed) + " --data DATA";
    if (setting == "finetune") {
      request.pretrained = (runs / (baseline + "-simulated")).string();
      request.real_run = (runs / (baseline + "-real")).string();
      command += " --pretrained " + baseline + "-simulated --real-run " + baseline + "-real";
    }
    core::log_info(baseline + ", " + setting);
    run(request, RunUntil::recorded, command);
  };
  for (const char* baseline : {"persistence", "mean", "dmd"}) one(baseline, "real");
  for (const char* baseline : {"fno", "unet"})
    for (const char* setting : {"simulated", "real", "finetune"}) one(baseline, setting);

  core::log_info("3/3 leaderboard");
  results::LeaderboardOptions options;
  options.title = "Windtunnel demo: cylinder wake, synthetic data";
  options.published = false;
  const auto page = results::build_leaderboard(runs, out / "leaderboard", options);
  std::printf(
      "%s\n",
      results::leaderboard_text(results::make_leaderboard(results::find_records(runs), false)).c_str());
  std::printf(
      "all numbers above are from SYNTHETIC data made by the virtual laboratory\nleaderboard %s\n%.0f s\n",
      page.c_str(), watch.wall());
}

const VerbRegistration registration(5, [](CLI::App& app, int&) {
  auto* verb =
      app.add_subcommand("demo", "the whole path on made data: from a flow solver to a leaderboard page");
  auto out = std::make_shared<std::string>("demo");
  auto seed = std::make_shared<int64_t>(0);
  verb->add_option("--out", *out, "folder for data, runs and the page")->capture_default_str();
  verb->add_option("--seed", *seed, "seed of data and training")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  verb->callback([=] { demo(*out, *seed); });
});

}  // namespace
}  // namespace windtunnel::runners
