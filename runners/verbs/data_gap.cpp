#include <cstdio>
#include <memory>

#include "core/file.h"
#include "metrics/probe.h"
#include "runners/gap_page.h"
#include "runners/program.h"

namespace windtunnel::runners {
namespace {

struct Choice {
  std::string scenario, data, out = "gap";
  datasets::GapOptions options;
  int64_t pictured = 4;
};

void gap(Choice choice) {
  const auto scenario = datasets::load_scenario(choice.scenario, choice.data);
  if (scenario.geometry) {
    // The probes of the mean velocity profile error stand at these places of the delivered grid.
    const auto& g = *scenario.geometry;
    const auto store = datasets::open_trajectories(scenario, choice.data, datasets::Side::real);
    const auto first = store->open(store->ids().front());
    const int64_t stride = scenario.side_stride(datasets::Side::real);
    const int64_t height = (first->height() + stride - 1) / stride,
                  width = (first->width() + stride - 1) / stride;
    const auto layout = metrics::probe_layout({static_cast<int64_t>(g.d), static_cast<int64_t>(g.center_x),
                                               static_cast<int64_t>(g.center_y), stride},
                                              height, width, metrics::ProbeRule::four_diameters);
    if (layout.outside(height, width).empty()) {
      choice.options.stations.assign(layout.x.begin(), layout.x.end());
      choice.options.probes.assign(layout.y.begin(), layout.y.end());
    }
  }
  const auto gaps = datasets::measure_gap(scenario, choice.data, choice.options);
  const std::filesystem::path out = choice.out;
  core::make_folder(out);
  core::write_file_atomic(out / "gap.html", gap_page(scenario, gaps, static_cast<size_t>(choice.pictured)));
  core::write_file_atomic(out / "gap.json", gap_json(scenario, gaps).dump(2) + "\n");
  std::printf("%spage %s\n", gap_table(scenario, gaps).c_str(), (out / "gap.html").c_str());
}

// After the verb `data` itself, to which it adds.
const VerbRegistration registration(23, [](CLI::App& app, int&) {
  auto* verb = app.get_subcommand("data")->add_subcommand(
      "gap", "how measured and simulated side differ: numbers and one HTML page");
  auto choice = std::make_shared<Choice>();
  verb->add_option("scenario", choice->scenario, "name of a scenario or path of a scenario file")->required();
  verb->add_option("--data", choice->data, "folder that holds the scenario's folder")->required();
  verb->add_option("--out", choice->out, "folder of the page and of gap.json")->capture_default_str();
  verb->add_option("--trajectories", choice->options.trajectories, "at most so many (0: all)")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--frames", choice->options.frames, "at most so many of each (0: all)")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--pictured", choice->pictured, "trajectories with pictures")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  verb->callback([choice] { gap(*choice); });
});

}  // namespace
}  // namespace windtunnel::runners
