#include <unistd.h>

#include <cmath>
#include <limits>

#include "core/array.h"
#include "core/error.h"
#include "core/text.h"
#include "datasets/trajectory.h"
#include "metrics/added.h"
#include "runners/plugin_check.h"

namespace windtunnel::runners {
namespace {

/// A travelling wave over (T,H,W,C), plus `error` times another one.
core::Array wave(const baselines::SampleShape& shape, double error, double phase) {
  core::Array field({shape.frames, shape.height, shape.width, shape.channels});
  for (int64_t k = 0; k < field.numel(); ++k) {
    const int64_t c = k % shape.channels, x = k / shape.channels % shape.width,
                  y = k / shape.channels / shape.width % shape.height,
                  t = k / shape.channels / shape.width / shape.height;
    const double at = 0.7 * static_cast<double>(x) + 0.4 * static_cast<double>(y) -
                      0.3 * static_cast<double>(t) + static_cast<double>(c) + phase;
    field.data[static_cast<size_t>(k)] =
        static_cast<float>(1.5 + std::sin(at) + error * std::cos(2.3 * at + 0.9 * static_cast<double>(y)));
  }
  return field;
}

}  // namespace

std::vector<CheckLine> check_metric(const std::string& id, const baselines::SampleShape& shape) {
  const metrics::AddedMetric* metric = metrics::find_added(id);
  if (!metric) throw usage_error("no metric '" + id + "' of a plug-in", "one that was loaded");
  const core::Array target = wave(shape, 0, 0), close = wave(shape, 0.05, 0), far = wave(shape, 0.5, 0);
  const double sign = metric->card.higher_is_better ? -1 : 1;
  std::vector<CheckLine> lines;
  lines.push_back(checked("card", [&] {
    return "(" + metric->card.name + " [" + metric->card.unit + "], " +
           (metric->card.higher_is_better ? "higher" : "lower") + " is better: " + metric->card.formula + ")";
  }));
  double value = 0;
  lines.push_back(checked("finite", [&] {
    value = metric->value(close, target);
    const double perfect = metric->value(target, target);
    return std::isfinite(value) && std::isfinite(perfect)
               ? std::string()
               : "gives " + core::number(value) + ", for a perfect forecast " + core::number(perfect);
  }));
  lines.push_back(checked("determinism", [&] {
    metric->value(wave(shape, 0.2, 1), wave(shape, 0, 1));
    const double again = metric->value(close, target);
    return again == value ? std::string()
                          : "the same window gives " + core::number(value) + ", then " + core::number(again);
  }));
  lines.push_back(checked("direction", [&] {
    const double perfect = sign * metric->value(target, target), near = sign * metric->value(close, target),
                 worse = sign * metric->value(far, target);
    return perfect <= near && near < worse
               ? std::string()
               : "perfect, close and far forecasts score " + core::number(sign * perfect) + ", " +
                     core::number(sign * near) + ", " + core::number(sign * worse);
  }));
  lines.push_back(checked("not finite", [&] {
    core::Array broken = close;
    for (float& v : broken.data) v = std::numeric_limits<float>::quiet_NaN();
    const double score = metric->value(broken, target);
    return std::isfinite(score) ? "a forecast of NaN scores " + core::number(score) : std::string();
  }));
  return lines;
}

std::vector<CheckLine> check_format(const std::string& name) {
  const datasets::FormatInfo& format = datasets::formats().at(name);
  const auto folder =
      std::filesystem::temp_directory_path() / ("windtunnel-format-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  struct Remove {
    std::filesystem::path path;
    ~Remove() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  } const remove{folder};
  datasets::Scenario scenario;
  scenario.name = "nothing";
  scenario.formats = {name};
  scenario.folders = {{"real", "nothing/real"}, {"numerical", "nothing/numerical"}};
  std::vector<CheckLine> lines;
  lines.push_back(checked("summary", [&] { return "(" + format.summary + ")"; }));
  lines.push_back(checked("empty folder", [&] {
    return format.detect(scenario, folder, datasets::Side::real) ? "finds data in an empty folder"
                                                                 : std::string();
  }));
  lines.push_back(checked("no trajectories", [&]() -> std::string {
    try {
      const size_t found = format.open(scenario, folder, datasets::Side::real)->ids().size();
      return found == 0 ? std::string() : "lists " + std::to_string(found) + " of an empty folder";
    } catch (const Error& problem) {
      return "(" + problem.found() + ")";
    }
  }));
  return lines;
}

}  // namespace windtunnel::runners
