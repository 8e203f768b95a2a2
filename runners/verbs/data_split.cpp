#include <cstdio>
#include <memory>

#include "datasets/dataset.h"
#include "runners/program.h"

namespace windtunnel::runners {
namespace {

struct Choice {
  std::string scenario, data, side = "real", protocol = "corrected";
  uint64_t seed = 0;
  bool replace = false;
};

void make(const Choice& choice) {
  const auto scenario = datasets::load_scenario(choice.scenario, choice.data);
  const auto side = datasets::parse_side(choice.side);
  if (datasets::has_split(scenario, choice.data, side) && !choice.replace)
    throw usage_error(
        scenario.home(choice.data).string() + " already has index files of the " + choice.side + " side",
        "a side without index files", "--replace writes new ones that come before them");
  const auto split = datasets::make_split(scenario, choice.data, side, choice.protocol, choice.seed);
  datasets::write_split(split, scenario, choice.data, side);
  std::printf("%s: %zu train, %zu val, %zu test windows; %zu + %zu of %zu trajectories held out\n",
              choice.side.c_str(), split.train.size(), split.val.size(), split.test.size(),
              split.in_dist.size(), split.out_dist.size(),
              split.in_dist.size() + split.out_dist.size() + split.remain.size());
}

// After the verb `data` itself, to which it adds.
const VerbRegistration registration(21, [](CLI::App& app, int&) {
  auto* verb = app.get_subcommand("data")->add_subcommand("split", "make the index files of one side");
  auto choice = std::make_shared<Choice>();
  verb->add_option("scenario", choice->scenario, "name of a scenario or path of a scenario file")->required();
  verb->add_option("--data", choice->data, "folder that holds the scenario's folder")->required();
  verb->add_option("--side", choice->side, "real | numerical")->capture_default_str();
  verb->add_option("--protocol", choice->protocol,
                   "corrected: no shared frames; published: as the published programs")
      ->capture_default_str();
  verb->add_option("--seed", choice->seed, "of the draws")->capture_default_str();
  verb->add_flag("--replace", choice->replace, "even if there are index files");
  verb->callback([choice] { make(*choice); });
});

}  // namespace
}  // namespace windtunnel::runners
