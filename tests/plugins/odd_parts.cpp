// A metric and a format that do what they must not; how, the environment's WINDTUNNEL_TEST_ODD says.
#include <cstdlib>
#include <stdexcept>

#include "runners/plugin_api.h"

namespace {

namespace core = windtunnel::core;
namespace datasets = windtunnel::datasets;

std::string way() {
  const char* chosen = std::getenv("WINDTUNNEL_TEST_ODD");
  return chosen ? chosen : "";
}

int calls = 0;

double metric(const core::Array& prediction, const core::Array& target) {
  if (way() == "throws") throw std::runtime_error("cannot measure");
  if (way() == "remembers") return ++calls;  // depends on what came before
  const double error = double{prediction.data[1]} - double{target.data[1]};
  return -error * error;  // the wrong direction
}

datasets::FormatInfo format() {
  datasets::FormatInfo info;
  info.name = "odd_format";
  info.summary = "finds everything, opens nothing";
  info.detect = [](const datasets::Scenario&, const std::filesystem::path&, datasets::Side) { return true; };
  info.open = [](const datasets::Scenario&, const std::filesystem::path&,
                 datasets::Side) -> std::unique_ptr<datasets::TrajectoryStore> {
    throw std::runtime_error("cannot read");
  };
  return info;
}

}  // namespace

WINDTUNNEL_PLUGIN("odd_parts", "1.0", "none", host) {
  windtunnel::metrics::MetricCard card;
  card.id = way() == "taken" ? "rmse" : "odd_metric";
  card.name = "Odd metric";
  card.formula = "nothing sensible";
  card.unit = "1";
  host.add_metric(card, metric);
  host.add_format(format());
}
