#include <cstdio>
#include <memory>

#include "core/text.h"
#include "datasets/convert.h"
#include "runners/program.h"

namespace windtunnel::runners {
namespace {

struct Request {
  std::string scenario, data, out, to, side, shard_size = "500MB";
};

// After the verb `data` itself, to which it adds.
const VerbRegistration registration(23, [](CLI::App& app, int&) {
  auto* verb = app.get_subcommand("data")->add_subcommand("convert", "write the data in another format");
  auto request = std::make_shared<Request>();
  verb->add_option("scenario", request->scenario, "name of a scenario or path of a scenario file")
      ->required();
  verb->add_option("--data", request->data, "folder that holds the scenario's folder")->required();
  verb->add_option("--to", request->to, "realpdebench_hdf5 | realpdebench_arrow | netcdf_cf")->required();
  verb->add_option("--out", request->out, "another folder for the result")->required();
  verb->add_option("--side", request->side, "real | numerical (default: all that is there)");
  verb->add_option("--shard-size", request->shard_size, "of Arrow files, with a unit")->capture_default_str();
  verb->callback([request] {
    const auto scenario = datasets::load_scenario(request->scenario, request->data);
    datasets::ConvertOptions options;
    options.format = request->to;
    options.shard_bytes = datasets::parse_size(request->shard_size);
    if (!request->side.empty()) options.sides = {datasets::parse_side(request->side)};
    const auto result = datasets::convert(scenario, request->data, request->out, options);
    std::printf("%lld trajectories written to %s\n", static_cast<long long>(result.trajectories),
                scenario.home(request->out).c_str());
    for (const auto& [side, fields] : result.left_behind)
      std::printf("left behind on the %s side, because the scenario does not name them: %s\n",
                  datasets::to_string(side), core::join(fields, ", ").c_str());
  });
});

}  // namespace
}  // namespace windtunnel::runners
