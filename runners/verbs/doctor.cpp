#include <ATen/Parallel.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "datasets/inspect.h"
#include "datasets/loader_probe.h"
#include "results/environment.h"
#include "runners/program.h"
#include "runners/version.h"

namespace windtunnel::runners {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Single-precision matrix product rate, GFLOP/s: best of five 1024^3 products.
double gemm_rate() {
  const at::Tensor a = at::randn({1024, 1024}), b = at::randn({1024, 1024});
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const double start = now();
    const at::Tensor c = at::mm(a, b);
    best = std::max(best, 2.0 * 1024 * 1024 * 1024 / (now() - start) / 1e9);
  }
  return best;
}

/// Plain copy rate, GB/s read plus written: best of five 64 MB copies.
double copy_rate() {
  std::vector<char> from(64 << 20, 1), to(64 << 20);
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const double start = now();
    std::memcpy(to.data(), from.data(), from.size());
    best = std::max(best, 2.0 * static_cast<double>(from.size()) / (now() - start) / 1e9);
  }
  return best;
}

/// Lines "ok" and "warning"; returns the number of errors found in the data.
int doctor(const std::string& scenario_name, const std::string& data) {
  int errors = 0;
  const auto line = [](const char* state, const std::string& text) {
    std::printf("%-8s %s\n", state, text.c_str());
  };
  results::EnvironmentFacts facts;
  facts.threads = at::get_num_threads();
  const core::Json environment = results::environment_block(facts);
  line("ok", "windtunnel " + std::string(kVersion) + ", " + kBuildType + ", " + kCompiler + ", LibTorch " +
                 kTorchVersion);
  line("ok", environment.value("cpu_model", core::Json("unknown processor")).dump() + ", " +
                 std::to_string(at::get_num_threads()) + " compute threads");
  if (std::strcmp(kBuildType, "Release") != 0) line("warning", "not a Release build: timings mean nothing");
  const char* allocator = std::getenv("WINDTUNNEL_ALLOCATOR");
  if (allocator && std::strcmp(allocator, "default") == 0)
    line("warning", "WINDTUNNEL_ALLOCATOR=default: training is two to three times slower");
  char text[96];
  std::snprintf(text, sizeof text, "matrix products %.0f GFLOP/s, memory copy %.1f GB/s", gemm_rate(),
                copy_rate());
  line("ok", text);
  std::error_code code;
  const auto space = std::filesystem::space(".", code);
  if (!code) {
    std::snprintf(text, sizeof text, "%.1f GB free in this folder",
                  static_cast<double>(space.available) / 1e9);
    line(space.available < 2'000'000'000 ? "warning" : "ok", text);
  }
  if (!scenario_name.empty()) {
    const auto scenario = datasets::load_scenario(scenario_name, data);
    for (const auto& finding : datasets::verify(data, scenario)) {
      line(finding.severity.c_str(), finding.place + ": " + finding.message);
      errors += finding.severity == "error";
    }
    if (errors == 0) {
      line("ok", "data of " + scenario.name);
      for (const auto side : {datasets::Side::real, datasets::Side::numerical}) {
        if (!scenario.has_side(side) || !datasets::is_there(scenario, data, side)) continue;
        datasets::WindowOptions options;
        options.side = side;
        const datasets::WindowDataset windows(scenario, data, options);
        if (windows.size() > 0)
          line("ok", std::string("loading ") + datasets::to_string(side) + ": " +
                         datasets::probe_loader(windows).text());
      }
    }
  }
  return errors;
}

const VerbRegistration registration(95, [](CLI::App& app, int& exit_code) {
  auto* verb = app.add_subcommand("doctor", "say what is wrong with this machine, build or data");
  auto scenario = std::make_shared<std::string>();
  auto data = std::make_shared<std::string>();
  auto* named = verb->add_option("--scenario", *scenario, "also check the data of this scenario");
  auto* placed = verb->add_option("--data", *data, "folder that holds the scenario's folder");
  named->needs(placed);
  placed->needs(named);
  verb->callback([=, &exit_code] { exit_code = doctor(*scenario, *data) == 0 ? 0 : 1; });
});

}  // namespace
}  // namespace windtunnel::runners
