#include "datasets/lab/recording.h"

#include <map>

#include "core/error.h"
#include "core/text.h"
#include "datasets/lab/flame_run.h"
#include "datasets/lab/side.h"

namespace windtunnel::datasets::lab {
namespace {

struct Solver {
  std::unique_ptr<Recording> (*make)(const RecordingRequest&);
  bool numerical_side_is_drawn;  ///< the idealised side, too, has a random inflow
};

const std::map<std::string, Solver>& solvers() {
  static const std::map<std::string, Solver> map = {
      {"flow",
       {[](const RecordingRequest& r) -> std::unique_ptr<Recording> { return std::make_unique<SideRun>(r); },
        false}},
      {"flame",
       {[](const RecordingRequest& r) -> std::unique_ptr<Recording> { return std::make_unique<FlameRun>(r); },
        true}}};
  return map;
}

const Solver& solver(const LabSettings& settings) {
  const auto it = solvers().find(settings.solver);
  if (it != solvers().end()) return it->second;
  std::vector<std::string> names;
  for (const auto& [name, entry] : solvers()) names.push_back(name);
  throw core::usage_error("unknown solver '" + settings.solver + "' of " + settings.name,
                          "one of " + core::join(names, ", "));
}

}  // namespace

std::unique_ptr<Recording> make_recording(const RecordingRequest& request) {
  return solver(request.settings).make(request);
}

std::vector<std::string> unused_options(const LabOptions& options, const LabSettings& settings, bool real) {
  if (real)
    return {"numerical_stride", options.gap_resolution ? "simulated_cells" : "measured_cells",
            options.gap_closure ? "smagorinsky" : "mixing_length"};
  std::vector<std::string> unused = {"real_stride",  "measured_cells", "mixing_length", "instrument",
                                     "turbulence",   "gap_resolution", "gap_closure",   "gap_inflow",
                                     "gap_geometry", "truth"};
  if (!solver(settings).numerical_side_is_drawn) unused.push_back("seed");
  return unused;
}

}  // namespace windtunnel::datasets::lab
