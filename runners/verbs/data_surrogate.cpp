#include <cstdio>
#include <memory>

#include "runners/cli_options.h"
#include "runners/program.h"
#include "runners/surrogate.h"

namespace windtunnel::runners {
namespace {

// After the verb `data` itself, to which it adds.
const VerbRegistration registration(22, [](CLI::App& app, int&) {
  auto* verb = app.get_subcommand("data")->add_subcommand(
      "surrogate", "derive the measured-like intensity of simulated trajectories with a trained model");
  auto options = std::make_shared<SurrogateOptions>();
  add_options(*verb, *options);
  verb->get_option("--data")->required();
  verb->callback([options] {
    const auto report = make_surrogate(*options);
    std::printf("validation: RMSE %.6g, MAE %.6g, relative L2 %.4f, normalised MSE %.4f (update %lld)\n",
                report.scores.rmse, report.scores.mae, report.scores.relative_l2,
                report.scores.normalised_mse, static_cast<long long>(report.best_update));
    std::printf("%lld surrogate files written, %lld kept; model in %s\n",
                static_cast<long long>(report.written), static_cast<long long>(report.kept),
                report.weights.parent_path().c_str());
  });
});

}  // namespace
}  // namespace windtunnel::runners
