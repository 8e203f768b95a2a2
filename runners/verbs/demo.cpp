#include <cstdio>
#include <memory>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "datasets/lab/lab.h"
#include "results/leaderboard.h"
#include "runners/cost.h"
#include "runners/interrupt.h"
#include "runners/jobs.h"
#include "runners/program.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

/// Models that learn run under all three settings, the others once. The finetuning starts from the weights of
/// the simulated run and compares itself with the real one. Costly runs come first.
std::vector<Job> demo_jobs(const fs::path& data, const fs::path& runs, int64_t seed) {
  std::vector<Job> jobs;
  const auto add = [&](const std::string& baseline, const std::string& setting, std::vector<size_t> after) {
    Job job;
    job.name = baseline + "-" + setting;
    job.log = runs / (job.name + ".log");
    job.arguments = {"run",
                     "--scenario",
                     "cylinder",
                     "--baseline",
                     baseline,
                     "--preset",
                     "tiny",
                     "--setting",
                     setting,
                     "--seed",
                     std::to_string(seed),
                     "--data",
                     data.string(),
                     "--out",
                     (runs / job.name).string()};
    if (setting == "finetune")
      for (const auto& [option, source] :
           {std::pair{"--pretrained", "-simulated"}, {"--real-run", "-real"}}) {
        job.arguments.push_back(option);
        job.arguments.push_back((runs / (baseline + source)).string());
      }
    job.after = std::move(after);
    jobs.push_back(std::move(job));
    return jobs.size() - 1;
  };
  for (const char* baseline : {"unet", "fno"}) {
    const size_t simulated = add(baseline, "simulated", {}), real = add(baseline, "real", {});
    add(baseline, "finetune", {simulated, real});
  }
  for (const char* baseline : {"persistence", "mean", "dmd"}) add(baseline, "real", {});
  return jobs;
}

/// The whole path on a small paired data set of the virtual laboratory.
void demo(const fs::path& out, int64_t seed) {
  const Stopwatch watch;
  const fs::path data = out / "data";
  core::log_info("1/3 making paired cylinder data (synthetic) in " + data.string());
  datasets::lab::LabControl control;
  control.stop = &interrupt_flag();
  datasets::lab::make_dataset(datasets::lab::lab_options({{"scenario", "cylinder"},
                                                          {"size", "demo"},
                                                          {"instrument", "piv"},
                                                          {"out", data.string()},
                                                          {"seed", seed}},
                                                         "demo"),
                              control);

  core::log_info("2/3 training and testing, two runs at a time");
  const fs::path runs = out / "runs";
  core::make_folder(runs);
  if (const int failed = run_jobs("runs", demo_jobs(data, runs, seed), 2); failed > 0)
    throw model_error(std::to_string(failed) + " runs of the demo failed", "",
                      "their output is in " + (runs / "*.log").string());

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
