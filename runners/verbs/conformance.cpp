#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "core/error.h"
#include "core/text.h"
#include "runners/conformance/suite.h"
#include "runners/program.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

struct Totals {
  int passed = 0, failed = 0;
};

void print_case(const std::string& suite, const CaseResult& result) {
  std::printf("%-4s %-10s %-44s ", result.passed() ? "ok" : "FAIL", suite.c_str(), result.name.c_str());
  if (!result.failure.empty())
    std::printf("%s", result.failure.c_str());
  else if (result.comparisons == 0)
    std::printf("nothing was compared");
  else
    std::printf("max deviation %.2e of tolerance %.2e (%s; %d compared)", result.worst, result.tolerance,
                result.where.empty() ? "exact" : result.where.c_str(), result.comparisons);
  std::printf("\n");
  std::fflush(stdout);
}

int conform(const fs::path& root, const std::vector<std::string>& chosen) {
  if (!fs::is_directory(root))
    throw data_error("no folder " + root.string(), "a folder with the layout of the golden data");
  std::map<std::string, std::vector<const SuiteInfo*>> known;
  for (const auto& suite : suites()) known[suite.name].push_back(&suite);
  std::vector<std::string> names;
  for (const auto& [name, parts] : known) names.push_back(name);

  std::vector<std::string> wanted = chosen;
  std::vector<std::string> unsupported;
  if (wanted.empty()) {
    for (const auto& entry : fs::directory_iterator(root))
      if (entry.is_directory()) wanted.push_back(entry.path().filename().string());
    std::sort(wanted.begin(), wanted.end());
  }
  std::map<std::string, Totals> totals;
  for (const auto& name : wanted) {
    if (!known.count(name)) {
      if (!chosen.empty())
        throw usage_error("unknown suite '" + name + "'", "a supported suite", core::suggestion(name, names));
      unsupported.push_back(name);
      continue;
    }
    if (!fs::is_directory(root / name))
      throw data_error("no folder " + (root / name).string(), "the golden data of suite " + name);
    for (const auto* part : known[name]) {
      const auto report = [&](const CaseResult& result) {
        print_case(name, result);
        ++(result.passed() ? totals[name].passed : totals[name].failed);
      };
      try {
        part->run(root / name, report);
      } catch (const std::exception& e) {
        CaseResult broken;
        broken.name = part->part;
        broken.failure = std::string(e.what());
        report(broken);
      }
    }
  }
  int failed = 0;
  std::printf("\n");
  for (const auto& [name, total] : totals) {
    std::printf("%s: %d passed, %d failed\n", name.c_str(), total.passed, total.failed);
    failed += total.failed;
  }
  for (const auto& name : unsupported) std::printf("%s: not supported by this build\n", name.c_str());
  if (totals.empty())
    throw data_error(root.string() + " holds no supported suite", "folders " + core::join(names, ", "));
  return failed == 0 ? 0 : 1;
}

const VerbRegistration registration(90, [](CLI::App& app, int& exit_code) {
  auto* verb = app.add_subcommand("conformance", "compare this build with golden data, one line per case");
  auto root = std::make_shared<std::string>();
  auto chosen = std::make_shared<std::vector<std::string>>();
  verb->add_option("folder", *root, "folder with the golden suites")->required();
  verb->add_option("--suite", *chosen, "only these suites (repeatable)")->delimiter(',');
  verb->callback([=, &exit_code] { exit_code = conform(*root, *chosen); });
});

}  // namespace
}  // namespace windtunnel::runners
