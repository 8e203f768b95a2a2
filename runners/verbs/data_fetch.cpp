#include <cstdio>
#include <cstdlib>
#include <memory>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "datasets/fetch/fetch.h"
#include "runners/interrupt.h"
#include "runners/program.h"

namespace windtunnel::runners {
namespace {

using namespace datasets::fetch;

struct Arguments {
  FetchOptions options;
  std::string out, side = "both", token_file;
  bool dry = false, verify = false;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

void require_endpoint(const Arguments& a) {
  if (a.options.hub.endpoint.empty())
    throw usage_error("no endpoint", "the address of the hub that serves the data set",
                      "give --endpoint https://HOST or set HF_ENDPOINT");
}

int fetch(Arguments a) {
  a.options.out = a.out;
  if (a.side != "both") a.options.selection.sides = {a.side};
  if (a.options.hub.endpoint.empty()) a.options.hub.endpoint = environment("HF_ENDPOINT");
  a.options.hub.token =
      a.token_file.empty() ? environment("HF_TOKEN") : core::trim(core::read_file(a.token_file));
  HttpPolicy policy;
  policy.stop = &interrupt_flag();
  if (a.verify) {
    const bool listed = std::filesystem::exists(a.options.out / "fetch-manifest.json");
    if (!listed) require_endpoint(a);
    const auto problems =
        listed ? verify_fetched(a.options.out) : verify_against(plan_fetch(a.options, policy), a.options.out);
    for (const auto& problem : problems) std::printf("%s\n", problem.c_str());
    if (problems.empty()) std::printf("all files have the right content\n");
    return problems.empty() ? 0 : 1;
  }
  require_endpoint(a);
  const FetchPlan plan = plan_fetch(a.options, policy);
  std::printf("%s", plan.text().c_str());
  std::fflush(stdout);
  if (a.dry) return 0;
  run_fetch(a.options, plan, policy);
  std::printf("%s: complete\n", a.options.out.c_str());
  return 0;
}

const VerbRegistration registration(21, [](CLI::App& app, int& exit_code) {
  auto* verb = app.get_subcommand("data")->add_subcommand(
      "fetch", "download the published data: sizes first, resumable, checked by hash");
  auto a = std::make_shared<Arguments>();
  a->options.hub.repository = kRepository;
  auto& options = a->options;
  verb->add_option("scenarios", options.selection.scenarios,
                   "scenarios, or all; none: only the index and parameter files of every scenario");
  verb->add_option("--out", a->out, "data root to fill")->required();
  verb->add_option("--side", a->side, "side to fetch")
      ->check(CLI::IsMember({"real", "numerical", "both"}))
      ->capture_default_str();
  verb->add_option("--trajectories", options.selection.trajectories,
                   "at most so many trajectories of each side, rounded up to whole files; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb->add_option("--files", options.selection.files, "only paths that match one of these patterns");
  verb->add_option("--exclude", options.selection.exclude, "no paths that match one of these patterns");
  verb->add_flag("--surrogate", options.selection.surrogate,
                 "also the training pairs of the surrogate model");
  verb->add_flag("--dry-run", a->dry, "print the sizes and stop");
  verb->add_flag("--verify", a->verify, "hash the files that are there; fetch nothing");
  verb->add_option("--endpoint", options.hub.endpoint, "address of the hub [HF_ENDPOINT]");
  verb->add_option("--repository", options.hub.repository, "owner/name of the data set")
      ->capture_default_str();
  verb->add_option("--revision", options.hub.revision, "branch, tag or commit; it is pinned to a commit")
      ->capture_default_str();
  verb->add_option("--token-file", a->token_file,
                   "file with an access token [HF_TOKEN holds the token itself]");
  verb->add_option("--workers", options.workers, "files fetched at the same time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  verb->callback([=, &exit_code] { exit_code = fetch(*a); });
});

}  // namespace
}  // namespace windtunnel::runners
