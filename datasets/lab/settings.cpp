#include "datasets/lab/settings.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/error.h"
#include "core/text.h"
#include "datasets/lab/measurement.h"

namespace windtunnel::datasets::lab {

using core::Json;

void LabOptions::describe(core::OptionVisitor& v) {
  v.choice("scenario", scenario, lab_scenarios(), "what flows past what");
  v("out", out, "dataset root; files go to <out>/<scenario>");
  v.choice("size", size, {"tiny", "demo", "small", "published"}, "preset of every option below");
  v.choice("format", format, {"hdf5", "arrow", "netcdf"}, "of the files; the values are the same");
  v("seed", seed, "seed of every random deviation", core::kNotNegative);
  v("threads", threads, "trajectories computed at once; 0 = all processors", core::kNotNegative);
  v("trajectories", trajectories, "pairs of trajectories", core::kPositive);
  v("frames", frames, "frames of a trajectory", core::kPositive);
  v("frame_interval", frame_interval, "time between frames in D/U; 0 = the published step in seconds",
    core::kNotNegative);
  v("spin_up", spin_up, "time before the first frame in D/U", core::kNotNegative);
  v("height", height, "delivered rows", core::kPositive);
  v("width", width, "delivered columns", core::kPositive);
  v("real_stride", real_stride, "stored rows per delivered row, real side", core::kPositive);
  v("numerical_stride", numerical_stride, "stored rows per delivered row, numerical side", core::kPositive);
  v("pixels", pixels, "delivered vectors per D", core::kPositive);
  v("simulated_cells", simulated_cells, "solver cells per D, numerical side", {4, 1000});
  v("measured_cells", measured_cells, "solver cells per D, real side", {4, 1000});
  v("smagorinsky", smagorinsky, "closure constant C_s of the numerical side", {0, 2});
  v("mixing_length", mixing_length, "mixing length of the real side's closure in D", {0, 0.2});
  v.choice(
      "instrument", instrument, measurement_names(),
      "of the real side: ideal; noise (simple error model); piv (particle images and their correlation); "
      "piv_low (the same with less noise)");
  v.choice("turbulence", turbulence, {"off", "kinematic"},
           "unresolved three-dimensional turbulence of the real side");
  v("gap_resolution", gap_resolution, "false: real side solved with simulated_cells");
  v("gap_closure", gap_closure, "false: real side closed with smagorinsky");
  v("gap_inflow", gap_inflow, "Reynolds number error, uneven and turbulent free stream, random time origin");
  v("gap_geometry", gap_geometry, "body offset, motion errors and camera tilt");
  v("truth", truth, "also write the real side before the measurement to <out>/<scenario>/truth");
  v("in_step", in_step, "input frames of a window", core::kPositive);
  v("out_step", out_step, "output frames of a window", core::kPositive);
  v("interval", interval, "frames between windows", core::kPositive);
  v.choice("kernels", kernels, {"fast", "reference"}, "solver kernel");
}

std::vector<std::string> lab_scenarios() {
  std::vector<std::string> names;
  for (const auto& file : embedded_files()) names.push_back(file.name.substr(0, file.name.rfind('.')));
  return names;
}

LabSettings lab_settings(const std::string& scenario) {
  const auto& files = embedded_files();
  const auto file =
      std::find_if(files.begin(), files.end(), [&](const auto& f) { return f.name == scenario + ".yaml"; });
  if (file == files.end())
    throw core::usage_error("the virtual laboratory has no scenario '" + scenario + "'",
                            "one of " + core::join(lab_scenarios(), ", "),
                            core::suggestion(scenario, lab_scenarios()));
  const Json y = core::parse_yaml(file->text, file->name);
  LabSettings s;
  s.name = y.at("name");
  s.summary = y.at("summary");
  s.solver = y.value("solver", "flow");
  s.instruments = y.value("instruments", measurement_names());
  s.body = y.value("body", "");
  s.body_settings = y.value("body_settings", Json::object());
  s.length = y.at("length");
  s.height = y.at("height");
  s.upstream = y.at("upstream");
  s.diameter = y.at("diameter");
  s.viscosity = y.at("viscosity");
  s.density = y.at("density");
  s.reynolds = y.value("reynolds", 0.0);
  s.flame = y.value("flame", Json::object());
  s.pixels = y.at("frame").at("pixels");
  s.centre = {y.at("frame").at("center_x"), y.at("frame").at("center_y")};
  s.published_step = y.at("published_step");
  for (const Json& p : y.at("parameters")) {
    GridParameter g;
    g.name = p.at("name");
    g.low = p.value("low", 0.0);
    g.high = p.value("high", 0.0);
    if (p.contains("values")) g.values = p.at("values").get<std::vector<double>>();
    g.decimals = p.value("decimals", 0);
    g.suffix = p.value("suffix", "");
    g.repeat = p.value("repeat", false);
    s.parameters.push_back(std::move(g));
  }
  const Json gap = y.value("gap", Json::object());
  const std::pair<const char*, double*> members[] = {{"reynolds", &s.gap.reynolds},
                                                     {"offset", &s.gap.offset},
                                                     {"tilt", &s.gap.tilt},
                                                     {"intensity", &s.gap.intensity},
                                                     {"amplitude", &s.gap.amplitude},
                                                     {"frequency", &s.gap.frequency},
                                                     {"mass", &s.gap.mass},
                                                     {"damping", &s.gap.damping},
                                                     {"nonuniformity", &s.gap.nonuniformity}};
  for (const auto& [key, member] : members) *member = gap.value(key, 0.0);
  s.sizes = y.at("sizes");
  return s;
}

LabOptions lab_options(const Json& values, const std::string& where) {
  if (!values.is_object() && !values.is_null())
    throw core::usage_error(where + ": options are " + std::string(values.type_name()), "keys and values");
  LabOptions options;
  // The two keys that select the preset are read first, the whole again on top of it.
  Json selection = Json::object();
  for (const char* key : {"scenario", "size"})
    if (values.is_object() && values.contains(key)) selection[key] = values.at(key);
  core::read_options(options, selection, where);
  const LabSettings settings = lab_settings(options.scenario);
  core::read_options(options, settings.sizes.value(options.size, Json::object()),
                     "preset " + options.size + " of " + options.scenario);
  core::read_options(options, values, where);

  const auto need = [&](bool good, const std::string& found, const std::string& expected) {
    if (!good) throw core::usage_error(where + ": " + found, expected);
  };
  need(std::count(settings.instruments.begin(), settings.instruments.end(), options.instrument) > 0,
       "instrument '" + options.instrument + "' cannot see " + options.scenario,
       "one of " + core::join(settings.instruments, ", "));
  need(!settings.body.empty() || options.turbulence == "off",
       "turbulence '" + options.turbulence + "' of " + options.scenario, "off: there is no wake");
  need(options.pixels > 0, "pixels is " + core::number(options.pixels), "more than 0");
  need(options.height >= 8 && options.width >= 8,
       "a delivered grid of " + std::to_string(options.height) + " x " + std::to_string(options.width),
       "at least 8 x 8");
  need(options.frames >= options.in_step + options.out_step,
       std::to_string(options.frames) + " frames for windows of " +
           std::to_string(options.in_step + options.out_step),
       "at least one window per trajectory");
  return options;
}

std::vector<Configuration> configurations(const LabSettings& settings, int64_t count) {
  const auto& grid = settings.parameters;
  const auto most = [](const GridParameter& p) -> int64_t {
    return !p.values.empty()            ? static_cast<int64_t>(p.values.size())
           : p.repeat || p.low < p.high ? 1000000
                                        : 1;
  };
  // A grid as square as the lists allow: inner parameters take the rounded root, the first one the rest.
  std::vector<int64_t> counts(grid.size(), 1);
  int64_t product = 1;
  for (size_t i = 1; i < grid.size(); ++i) {
    if (grid[i].repeat || most(grid[i]) == 1) continue;
    counts[i] =
        std::min(most(grid[i]), static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(count)))));
    product *= counts[i];
  }
  counts[0] = std::min(most(grid[0]), (count + product - 1) / product);
  product *= counts[0];
  for (size_t i = 1; i < grid.size(); ++i) {
    const int64_t more = std::min(most(grid[i]), counts[i] * ((count + product - 1) / product));
    product = product / counts[i] * more;
    counts[i] = more;
  }
  if (product < count)
    throw core::usage_error(std::to_string(count) + " trajectories of " + settings.name,
                            "at most " + std::to_string(product));

  std::vector<Configuration> list;
  for (int64_t n = 0; n < count; ++n) {
    Configuration c;
    c.reynolds = settings.reynolds;
    c.values.resize(grid.size());
    int64_t rest = count == 1 ? 0
                              : std::llround(static_cast<double>(n) * static_cast<double>(product - 1) /
                                             static_cast<double>(count - 1));
    for (size_t i = grid.size(); i-- > 0;) {
      const int64_t k = rest % counts[i];
      rest /= counts[i];
      const GridParameter& p = grid[i];
      const double share = counts[i] == 1 ? 0.5 : static_cast<double>(k) / static_cast<double>(counts[i] - 1);
      double value = p.low + share * (p.high - p.low);
      if (!p.values.empty())
        value = p.values[static_cast<size_t>(std::lround(share * static_cast<double>(p.values.size() - 1)))];
      if (p.repeat) value = static_cast<double>(k + 1);
      const double unit = p.decimals == 0 ? 1 : p.decimals == 1 ? 10 : 1000;
      c.values[i] = std::round(value * unit) / unit;
    }
    for (size_t i = 0; i < grid.size(); ++i) {
      char text[32];
      std::snprintf(text, sizeof text, "%.*f", std::max(0, grid[i].decimals), c.values[i]);
      c.sim_id += (i ? "_" : "") + (grid[i].decimals < 0 ? core::number(c.values[i]) : text) + grid[i].suffix;
      if (grid[i].name == "Re") c.reynolds = c.values[i];
    }
    c.sim_id += ".h5";
    list.push_back(std::move(c));
  }
  return list;
}

double frame_interval(const LabOptions& options, const LabSettings& settings, double reynolds) {
  if (options.frame_interval > 0) return options.frame_interval;
  return settings.published_step * settings.velocity(reynolds) / settings.diameter;
}

}  // namespace windtunnel::datasets::lab
