#include <cstdio>
#include <memory>

#include "datasets/lab/piv/image_scenario.h"
#include "runners/cli_options.h"
#include "runners/interrupt.h"
#include "runners/program.h"

namespace windtunnel::runners {
namespace {

using namespace datasets::lab::piv;

// After the verb `data` itself, to which it adds.
const VerbRegistration registration(24, [](CLI::App& app, int&) {
  auto* verb = app.get_subcommand("data")->add_subcommand(
      "piv", "velocity fields from particle images, written as a scenario");
  auto images = std::make_shared<std::vector<std::string>>();
  auto options = std::make_shared<ImageOptions>();
  verb->add_option("images", *images, "pictures in the order of time (PNG, BMP, JPEG, binary PGM)")
      ->required();
  add_options(*verb, *options);
  verb->callback([=] {
    const ImageReport r = measure_images(*images, *options, &interrupt_flag());
    for (size_t k = 0; k < r.mean_u.size(); ++k)
      std::printf("frame %zu: mean displacement %.3f px along, %.3f px down\n", k, r.mean_u[k], r.mean_v[k]);
    if (!options->mask.empty())
      std::printf("%.2f %% of the vectors hidden by %s\n", 100 * r.hidden, options->mask.c_str());
    std::printf("%s: %lld frames of %lld x %lld vectors in %s, %.2f %% replaced, median peak ratio %.2f\n",
                r.folder.c_str(), static_cast<long long>(r.frames), static_cast<long long>(r.height),
                static_cast<long long>(r.width), r.unit.c_str(), 100 * r.replaced, r.median_ratio);
  });
});

}  // namespace
}  // namespace windtunnel::runners
