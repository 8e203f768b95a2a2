#include "datasets/lab/verification.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::datasets::lab {
namespace {

const char* kPark = "Park, Kwon, Choi 1998; Liu, Zheng, Sung 1998";
const char* kOwn = "this solver";

FlowOptions box(double length, double height, int cells, double reynolds, const char* wall,
                double smagorinsky = 0) {
  FlowOptions flow;
  flow.length = length;
  flow.height = height;
  flow.upstream = length / 3;
  flow.cells = cells;
  flow.reynolds = reynolds;
  flow.wall = wall;
  flow.smagorinsky = smagorinsky;
  return flow;
}

/// Value of one of the quantities that bands name.
double value_of(const VerificationResult& result, const std::string& quantity) {
  const std::pair<const char*, double> known[] = {
      {"drag", result.statistics.drag},         {"lift", result.statistics.lift},
      {"lift_rms", result.statistics.lift_rms}, {"lift_amplitude", result.statistics.lift_amplitude},
      {"strouhal", result.statistics.strouhal}, {"amplitude", result.amplitude}};
  for (const auto& [name, value] : known)
    if (quantity == name) return value;
  throw core::usage_error("verification quantity '" + quantity + "' is unknown");
}

std::vector<Body> make_body(const VerificationCase& test) {
  Body body;
  const std::pair<const char*, std::function<void()>> makers[] = {
      {"circle", [&] { body.shape = std::make_shared<Circle>(1.0); }},
      {"heaving",
       [&] {
         body.shape = std::make_shared<Circle>(1.0);
         body.motion = std::make_shared<Heave>(0.25, test.parameter);
       }},
      {"elastic",
       [&] {
         body.shape = std::make_shared<Circle>(1.0);
         body.motion = std::make_shared<ElasticMount>(2.546, test.parameter, 0.0);
       }},
      {"naca0012", [&] { body.shape = std::make_shared<NacaFoil>(0.12, test.parameter); }},
      {"naca0025", [&] { body.shape = std::make_shared<NacaFoil>(0.25, test.parameter); }},
  };
  for (const auto& [name, make] : makers)
    if (test.body == name) make();
  if (!body.shape) throw core::usage_error("verification body '" + test.body + "' is unknown");
  return {body};
}

}  // namespace

std::vector<VerificationCase> verification_cases(bool full) {
  std::vector<VerificationCase> list = {
      {"cylinder Re 100, penalised, D=10, 24x16 D",
       box(24, 16, 10, 100, "penalised"),
       "circle",
       0,
       70,
       60,
       {{"drag", 1.45, 1.70, 1.578, kOwn}, {"strouhal", 0.160, 0.178, 0.169, kOwn}}},
      {"cylinder Re 200, penalised, D=10, 24x16 D",
       box(24, 16, 10, 200, "penalised"),
       "circle",
       0,
       70,
       60,
       {{"drag", 1.30, 1.75, 0, ""}, {"strouhal", 0.185, 0.210, 0.195, kPark}}}};
  if (!full) return list;
  const std::vector<VerificationCase> more = {
      {"cylinder Re 100, exact wall, D=20, 30x20 D",
       box(30, 20, 20, 100, "bouzidi"),
       "circle",
       0,
       100,
       80,
       {{"drag", 1.36, 1.44, 1.403, kOwn},
        {"lift_amplitude", 0.32, 0.36, 0.343, kOwn},
        {"strouhal", 0.165, 0.173, 0.169, kOwn}}},
      {"cylinder Re 100, exact wall, D=20, 45x40 D",
       box(45, 40, 20, 100, "bouzidi"),
       "circle",
       0,
       120,
       80,
       {{"drag", 1.30, 1.38, 1.34, kPark},
        {"lift_amplitude", 0.31, 0.35, 0.335, kPark},
        {"strouhal", 0.161, 0.168, 0.1645, kPark}}},
      {"cylinder Re 200, exact wall, D=20, 30x20 D",
       box(30, 20, 20, 200, "bouzidi"),
       "circle",
       0,
       100,
       80,
       {{"drag", 1.30, 1.45, 1.325, kPark},
        {"lift_amplitude", 0.60, 0.72, 0.67, kPark},
        {"strouhal", 0.19, 0.205, 0.195, kPark}}},
      {"cylinder Re 5000, C_s 0.14, D=20, 12x8 D",
       box(12, 8, 20, 5000, "penalised", 0.14),
       "circle",
       0,
       40,
       60,
       {{"strouhal", 0.20, 0.26, 0.234, kOwn}}},
      {"heaving cylinder Re 100, A/D 0.25, f 0.1539",
       box(24, 16, 16, 100, "penalised"),
       "heaving",
       0.1539,
       60,
       60,
       {{"strouhal", 0.1524, 0.1554, 0.1539, "lock-in, Koopmann 1967"}}},
      {"elastic cylinder Re 150, U* 3, m* 2.546",
       box(24, 16, 20, 150, "penalised"),
       "elastic",
       3,
       100,
       60,
       {{"amplitude", 0, 0.15, 0.071, "Ahn, Kallinderis 2006"}}},
      {"elastic cylinder Re 150, U* 5, m* 2.546",
       box(24, 16, 20, 150, "penalised"),
       "elastic",
       5,
       100,
       60,
       {{"amplitude", 0.42, 0.58, 0.523, "Ahn, Kallinderis 2006"}}},
      {"elastic cylinder Re 150, U* 10, m* 2.546",
       box(24, 16, 20, 150, "penalised"),
       "elastic",
       10,
       100,
       60,
       {{"amplitude", 0, 0.2, 0.07, "Ahn, Kallinderis 2006"}}},
      {"NACA 0012 Re 500, 0 deg, 100 cells",
       box(9, 6, 100, 500, "penalised"),
       "naca0012",
       0,
       12,
       4,
       {{"drag", 0.16, 0.20, 0.174, "Imamura 2005; Lockard 2002"}, {"lift", -0.01, 0.01, 0, ""}}},
      {"NACA 0025 Re 1000, 10 deg, 60 cells",
       box(9, 6, 60, 1000, "penalised"),
       "naca0025",
       10,
       20,
       15,
       {{"drag", 0.24, 0.31, 0.276, kOwn}, {"lift", 0.07, 0.17, 0.122, kOwn}}},
  };
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

VerificationResult verify(const VerificationCase& test, const std::atomic<bool>* stop) {
  Flow flow(test.flow, make_body(test));
  flow.start();
  const auto steps = static_cast<int64_t>((test.settle + test.average) / flow.step_length());
  const auto settled = static_cast<int64_t>(test.settle / flow.step_length());
  std::vector<Vec2> forces;
  double low = 1e9, high = -1e9;
  const auto begin = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < steps; ++i) {
    if (stop && *stop) throw Error(ErrorKind::interrupted, "interrupted during the verification");
    flow.step();
    if (i < settled) continue;
    forces.push_back(flow.force());
    if (const auto& motion = flow.bodies()[0].motion) {
      low = std::min(low, motion->offset.y);
      high = std::max(high, motion->offset.y);
    }
  }
  VerificationResult result;
  result.name = test.name;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  result.million_updates_per_second =
      1e-6 * static_cast<double>(steps) * flow.width() * flow.height() / result.seconds;
  result.statistics = wake_statistics(forces, flow.step_length());
  if (high > low) result.amplitude = (high - low) / 2;
  for (const auto& band : test.bands) {
    const double value = value_of(result, band.quantity);
    if (!(value >= band.low && value <= band.high))
      result.failures.push_back(band.quantity + " " + core::number(value) + " outside " +
                                core::number(band.low) + " to " + core::number(band.high));
  }
  return result;
}

std::string verification_table(const std::vector<VerificationCase>& cases,
                               const std::vector<VerificationResult>& results) {
  std::string table =
      "case                                          Cd      Cd'     Cl'     St      A/D    s     MLUPS\n";
  char line[256];
  for (size_t i = 0; i < results.size(); ++i) {
    const auto& r = results[i];
    const auto& s = r.statistics;
    std::snprintf(line, sizeof line, "%-44s %7.4f %7.4f %7.4f %7.4f %6.3f %6.1f %6.0f\n", r.name.c_str(),
                  s.drag, s.drag_amplitude, s.lift_amplitude, s.strouhal, r.amplitude, r.seconds,
                  r.million_updates_per_second);
    table += line;
    for (const auto& band : cases[i].bands) {
      const double value = value_of(r, band.quantity);
      std::snprintf(line, sizeof line, "    %-16s %8.4f  band %.4g to %.4g%s\n", band.quantity.c_str(), value,
                    band.low, band.high, value >= band.low && value <= band.high ? "" : "  OUTSIDE");
      table += line;
      if (band.reference != 0) {
        table.pop_back();
        std::snprintf(line, sizeof line, "  reference %.4g (%s)\n", band.reference, band.source.c_str());
        table += line;
      }
    }
  }
  return table;
}

}  // namespace windtunnel::datasets::lab
