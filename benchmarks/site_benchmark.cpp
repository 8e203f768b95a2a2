// How long a leaderboard takes to build: site_benchmark FOLDER [--records N]. Writes N made-up runs (5
// scenarios, 3 settings, 11 models, seeds) to FOLDER/runs and the site to FOLDER/site, which the browser test
// opens.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "results/leaderboard.h"
#include "tests/results/fixtures.h"

namespace {

namespace fs = std::filesystem;
using windtunnel::results::fixtures::RunSpec;

constexpr const char* kScenarios[] = {"cylinder", "controlled_cylinder", "fsi", "foil", "combustion"};
constexpr const char* kSettings[] = {"simulated", "real", "finetune"};
constexpr const char* kModels[] = {"fno",   "unet",           "cno",        "deeponet", "wdno",
                                   "mwt",   "gk_transformer", "transolver", "dpot_s",   "dpot_l",
                                   "physix"};

/// One persistence per scenario, then models by seed, setting and scenario.
std::vector<RunSpec> specs(int64_t count) {
  std::vector<RunSpec> list;
  for (const char* scenario : kScenarios) {
    RunSpec spec;
    spec.scenario = scenario;
    spec.model = "persistence";
    spec.setting = "inference";
    spec.rel_l2 = 0.45;
    spec.parameters = 0;
    spec.trainable = false;
    list.push_back(spec);
  }
  for (int64_t seed = 0; static_cast<int64_t>(list.size()) < count; ++seed)
    for (size_t m = 0; m < std::size(kModels); ++m)
      for (const char* scenario : kScenarios)
        for (size_t s = 0; s < std::size(kSettings); ++s) {
          RunSpec spec;
          spec.scenario = scenario;
          spec.model = kModels[m];
          spec.setting = kSettings[s];
          spec.rel_l2 = 0.08 + 0.02 * static_cast<double>(m) - 0.01 * static_cast<double>(s);
          spec.seed = seed;
          spec.parameters = 500000 * static_cast<int64_t>(m + 1);
          list.push_back(spec);
        }
  list.resize(static_cast<size_t>(count));
  return list;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("builds the leaderboard of many made-up records and says how long it took");
  std::string folder;
  int64_t count = 500;
  app.add_option("folder", folder, "new or empty folder")->required();
  app.add_option("--records", count, "number of records")
      ->check(CLI::Range(5, 100000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const fs::path root(folder);
  int64_t number = 0;
  for (const auto& spec : specs(count))
    windtunnel::results::fixtures::make_run(root / "runs" / std::to_string(number++), spec);
  const auto start = std::chrono::steady_clock::now();
  const fs::path page = windtunnel::results::build_leaderboard(root / "runs", root / "site");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%lld records: site built in %.2f s, index.html %.1f MB\n", static_cast<long long>(count),
              seconds, static_cast<double>(fs::file_size(page)) / 1e6);
  return 0;
}
