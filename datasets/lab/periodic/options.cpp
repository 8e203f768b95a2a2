#include "datasets/lab/periodic/options.h"

#include "core/embedded.h"
#include "core/error.h"
#include "datasets/lab/periodic/system.h"

namespace windtunnel::datasets::lab {
namespace periodic {
const std::vector<core::EmbeddedFile>& embedded_files();
}

using core::Json;

void PeriodicOptions::describe(core::OptionVisitor& v) {
  v("scenario", scenario, "the system");
  v("out", out, "dataset root; files go to <out>/<scenario>");
  v.choice("size", size, {"tiny", "small", "published"}, "preset of every option below");
  v("seed", seed, "seed of the initial states", core::kNotNegative);
  v("threads", threads, "trajectories computed at once; 0 = all processors", core::kNotNegative);
  v("train", train, "training trajectories per combination of parameters", core::kPositive);
  v("valid", valid, "validation trajectories per combination", core::kPositive);
  v("test", test, "test trajectories per combination", core::kPositive);
  v("frames", frames, "frames of a trajectory", {2, 1e6});
  v("frame_interval", frame_interval, "time between frames", {1e-9, 1e9});
  v("skip_frames", skip_frames, "frames computed before the first one that is kept", core::kNotNegative);
  v("step", step, "longest time step of the solver", {1e-9, 1e9});
  v("height", height, "delivered points along x", {4, 1e5});
  v("width", width, "delivered points along y", {4, 1e5});
  v("refinement", refinement, "solver points per delivered point, in each direction", {1, 16});
  v("length_x", length_x, "extent along x", {1e-9, 1e9});
  v("length_y", length_y, "extent along y", {1e-9, 1e9});
  v("in_step", in_step, "input frames of a window", core::kPositive);
  v("out_step", out_step, "output frames of a window", core::kPositive);
  v("interval", interval, "frames between windows", core::kPositive);
}

Json periodic_settings(const std::string& system) {
  for (const auto& file : periodic::embedded_files())
    if (file.name == system + ".yaml") return core::parse_yaml(file.text, file.name);
  throw core::environment_error("the settings of " + system + " are missing from this build");
}

std::unique_ptr<PeriodicOptions> periodic_options(const Json& values, const std::string& where) {
  const std::string system = values.value("scenario", "");
  const SystemInfo& info = periodic_systems().at(system);
  auto options = info.options();
  options->scenario = system;
  Json selection = Json::object();
  if (values.contains("size")) selection["size"] = values.at("size");
  core::read_options(*options, selection, where);
  core::read_options(*options, periodic_settings(system).at("sizes").value(options->size, Json::object()),
                     "preset " + options->size + " of " + system);
  core::read_options(*options, values, where);
  if (options->frames < options->in_step + options->out_step)
    throw core::usage_error(where + ": " + std::to_string(options->frames) + " frames for windows of " +
                                std::to_string(options->in_step + options->out_step),
                            "at least one window per trajectory");
  return options;
}

}  // namespace windtunnel::datasets::lab
