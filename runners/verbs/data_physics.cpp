#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

#include "core/error.h"
#include "core/text.h"
#include "datasets/lab/physics.h"
#include "runners/interrupt.h"
#include "runners/program.h"

namespace windtunnel::runners {
namespace {

/// Exit code 1 if a value lies outside its tolerance.
int physics(const std::vector<std::string>& wanted) {
  const auto groups = datasets::lab::physics_groups();
  std::vector<std::string> names;
  for (const auto& group : groups) names.push_back(group.name);
  for (const auto& name : wanted)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw usage_error("unknown group '" + name + "'", "some of " + core::join(names, ", "),
                        core::suggestion(name, names));
  int rows = 0, outside = 0;
  std::printf("%s\n", datasets::lab::physics_header().c_str());
  for (const auto& group : groups) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), group.name) == wanted.end()) continue;
    const auto begin = std::chrono::steady_clock::now();
    std::printf("%s: %s\n", group.name.c_str(), group.summary.c_str());
    group.run(
        [&](const datasets::lab::PhysicsRow& row) {
          std::printf("  %s\n", datasets::lab::physics_line(row).c_str());
          std::fflush(stdout);
          ++rows;
          outside += !row.good();
        },
        &interrupt_flag());
    std::printf("  %.0f s\n",
                std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::printf("%d of %d values within tolerance\n", rows - outside, rows);
  return outside ? 1 : 0;
}

const VerbRegistration registration(22, [](CLI::App& app, int& exit_code) {
  auto* verb = app.get_subcommand("data")->add_subcommand(
      "physics", "compare the virtual laboratory with the literature (all groups: about ten minutes)");
  auto wanted = std::make_shared<std::vector<std::string>>();
  verb->add_option("groups", *wanted, "solver, flame, piv, cylinder, lock-in, elastic, foil; none: all");
  verb->callback([wanted, &exit_code] { exit_code = physics(*wanted); });
});

}  // namespace
}  // namespace windtunnel::runners
