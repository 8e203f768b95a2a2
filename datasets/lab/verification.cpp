#include "datasets/lab/verification.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::datasets::lab {
namespace {

const char* kPark = "Park, Kwon, Choi 1998; Liu, Zheng, Sung 1998";
const char* kKouser = "Kouser, Xiong, Yang, Peng 2021";
const char* kOwn = "prototype of this method";

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

VerificationCase cylinder_case(double reynolds, double strouhal) {
  // St of unconfined flow: Williamson's fit up to Re 180.
  VerificationCase test{"Re " + core::number(reynolds) + ", exact wall, D=12, 36x30 D",
                        box(36, 30, 12, reynolds, "bouzidi"),
                        "circle",
                        0,
                        reynolds < 80 ? 200.0 : 110.0,
                        60,
                        {{"strouhal", 0.95 * strouhal, 1.05 * strouhal, strouhal, "Williamson 1988"}}};
  return test;
}

std::vector<VerificationCase> cylinder_cases() {
  std::vector<VerificationCase> list;
  for (const double re : {60.0, 100.0, 150.0})
    list.push_back(cylinder_case(re, -3.3265 / re + 0.1816 + 1.6e-4 * re));
  list.push_back(cylinder_case(200, 0.195));
  list[3].bands[0].source = kPark;
  list[1].bands.push_back({"drag", 1.27, 1.41, 1.34, kPark});
  list[1].bands.push_back({"lift_rms", 0.215, 0.26, 0.237, kPark});
  list[3].bands.push_back({"drag", 1.30, 1.45, 1.325, kPark});
  list[3].bands.push_back({"lift_rms", 0.43, 0.52, 0.474, kPark});
  return list;
}

std::vector<VerificationCase> lock_in_cases() {
  std::vector<VerificationCase> list;
  for (const double f : {0.1539, 0.1881})  // 0.9 and 1.1 times the frequency of the cylinder at rest
    list.push_back({"Re 100, heaving with A/D 0.25, f " + core::number(f),
                    box(24, 16, 12, 100, "penalised"),
                    "heaving",
                    f,
                    60,
                    60,
                    {{"strouhal", 0.99 * f, 1.01 * f, f, "lock-in: Koopmann 1967"}}});
  return list;
}

std::vector<VerificationCase> elastic_cases() {
  struct Point {
    double reduced_velocity, low, high, reference;
  };
  std::vector<VerificationCase> list;
  for (const Point p : {Point{3, 0, 0.15, 0.071}, Point{5, 0.42, 0.58, 0.523}, Point{7, 0.28, 0.42, 0.371},
                        Point{10, 0, 0.2, 0}})
    list.push_back({"Re 150, m* 2.546, U* " + core::number(p.reduced_velocity) + ", D=14",
                    box(24, 16, 14, 150, "penalised"),
                    "elastic",
                    p.reduced_velocity,
                    100,
                    60,
                    {{"amplitude", p.low, p.high, p.reference, "Ahn, Kallinderis 2006"}}});
  return list;
}

std::vector<VerificationCase> foil_cases() {
  std::vector<VerificationCase> list = {
      {"NACA 0012, Re 500, 0 deg, 80 cells",
       box(9, 6, 80, 500, "penalised"),
       "naca0012",
       0,
       12,
       4,
       {{"drag", 0.16, 0.20, 0.174, "Imamura 2005; Lockard 2002"}, {"lift", -0.01, 0.01, 0, ""}}},
      // Lift needs the trailing edge, which a smeared wall loses, and height: 6 chords bend the stream.
      {"NACA 0012, Re 1000, 8 deg, exact, 16x14 c",
       box(16, 14, 60, 1000, "bouzidi"),
       "naca0012",
       8,
       30,
       10,
       {{"lift", 0.304, 0.336, 0.320, kKouser}, {"drag", 0.134, 0.150, 0.1414, kKouser}}}};
  list[1].flow.speed = 0.1;
  struct Point {
    double angle, drag, lift_rms;
  };
  for (const Point p : {Point{0, 0.212, 0.016}, Point{5, 0.223, 0.027}, Point{10, 0.276, 0.083},
                        Point{15, 0.395, 0.170}, Point{20, 0.552, 0.229}})
    list.push_back({"NACA 0025, Re 1000, " + core::number(p.angle) + " deg, 40 cells",
                    box(9, 6, 40, 1000, "penalised"),
                    "naca0025",
                    p.angle,
                    20,
                    20,
                    {{"drag", 0.85 * p.drag, 1.15 * p.drag, p.drag, kOwn},
                     {"lift", -0.1, 0.9, 0, ""},
                     {"lift_rms", 0, 1.5 * p.lift_rms, p.lift_rms, kOwn}}});
  return list;
}

std::vector<VerificationCase> reduced_cases() {
  return {{"cylinder Re 100, penalised, D=10, 24x16 D",
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
}

}  // namespace

std::vector<VerificationCase> verification_cases(const std::string& group) {
  static const std::map<std::string, std::vector<VerificationCase> (*)()> makers = {
      {"reduced", reduced_cases},
      {"cylinder", cylinder_cases},
      {"lock-in", lock_in_cases},
      {"elastic", elastic_cases},
      {"foil", foil_cases}};
  const auto it = makers.find(group);
  if (it == makers.end()) throw core::usage_error("verification group '" + group + "' is unknown");
  return it->second();
}

double work(const VerificationCase& test) {
  const double cells = test.flow.cells;
  return test.flow.length * cells * test.flow.height * cells * (test.settle + test.average) * cells /
         test.flow.speed;
}

double value_of(const VerificationResult& result, const std::string& quantity) {
  const std::pair<const char*, double> known[] = {
      {"drag", result.statistics.drag},         {"lift", result.statistics.lift},
      {"lift_rms", result.statistics.lift_rms}, {"lift_amplitude", result.statistics.lift_amplitude},
      {"strouhal", result.statistics.strouhal}, {"amplitude", result.amplitude}};
  for (const auto& [name, value] : known)
    if (quantity == name) return value;
  throw core::usage_error("verification quantity '" + quantity + "' is unknown");
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

}  // namespace windtunnel::datasets::lab
