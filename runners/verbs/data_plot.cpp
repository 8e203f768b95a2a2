#include <cstdio>
#include <memory>

#include "datasets/plot.h"
#include "runners/program.h"

namespace windtunnel::runners {
namespace {

struct Choice {
  std::string scenario, data, out = "plots", side = "both";
  datasets::PlotOptions options;
};

// After the verb `data` itself, to which it adds.
const VerbRegistration registration(25, [](CLI::App& app, int&) {
  auto* verb = app.get_subcommand("data")->add_subcommand(
      "plot", "pictures of a trajectory, measured side on the left: PNG frames and an animation");
  auto c = std::make_shared<Choice>();
  auto& options = c->options;
  verb->add_option("scenario", c->scenario, "name of a scenario or path of a scenario file")->required();
  verb->add_option("--data", c->data, "folder that holds the scenario's folder")->required();
  verb->add_option("--out", c->out, "folder for the pictures")->capture_default_str();
  verb->add_option("--side", c->side, "side to show")
      ->check(CLI::IsMember({"real", "numerical", "both"}))
      ->capture_default_str();
  verb->add_option("--trajectory", options.trajectory, "id; the first if absent");
  verb->add_option(
          "--fields", options.fields,
          "names of fields, or vorticity; if absent, up to four fields and the vorticity of a velocity")
      ->delimiter(',');
  verb->add_option("--start", options.start, "first frame")->capture_default_str();
  verb->add_option("--frames", options.frames, "number of pictures")->capture_default_str();
  verb->add_option("--every", options.every, "frames from one picture to the next")->capture_default_str();
  verb->add_option("--scale", options.scale, "pixels per point; 0: chosen")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  verb->add_option("--delay", options.delay_ms, "milliseconds per frame of the animation")
      ->check(CLI::Range(1, 60000))
      ->capture_default_str();
  verb->callback([c] {
    if (c->side != "both") c->options.sides = {datasets::parse_side(c->side)};
    const auto scenario = datasets::load_scenario(c->scenario, c->data);
    for (const auto& path : datasets::write_plots(scenario, c->data, c->options, c->out))
      std::printf("%s\n", path.c_str());
  });
});

}  // namespace
}  // namespace windtunnel::runners
