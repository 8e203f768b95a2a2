#include "datasets/lab/physics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/text.h"
#include "datasets/lab/flame.h"
#include "datasets/lab/piv/piv.h"
#include "datasets/lab/taylor_green.h"
#include "datasets/lab/verification.h"

namespace windtunnel::datasets::lab {
namespace {

using Report = std::function<void(const PhysicsRow&)>;
using Stop = const std::atomic<bool>*;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<VerificationResult> run_cases(const std::string& group, const Report& report, Stop stop) {
  std::vector<VerificationResult> results;
  for (const auto& test : verification_cases(group)) {
    results.push_back(verify(test, stop));
    for (const auto& band : test.bands)
      report({test.name, band.quantity, value_of(results.back(), band.quantity), band.low, band.high,
              band.source.empty() ? kNone : band.reference, band.source});
  }
  return results;
}

/// The smallest rise from angle to angle of the NACA 0025.
void foil(const Report& report, Stop stop) {
  const auto results = run_cases("foil", report, stop);
  const auto rise = [&](const char* quantity, double sign) {
    double least = 1e9;
    for (size_t i = 3; i < results.size(); ++i)
      least = std::min(least, sign * (value_of(results[i], quantity) - value_of(results[i - 1], quantity)));
    return least;
  };
  report({"NACA 0025, 0 to 20 deg", "least rise of drag", rise("drag", 1), 0, 1, kNone, ""});
  report({"NACA 0025, 0 to 20 deg", "least rise of lift_rms", rise("lift_rms", 1), 0, 1, kNone, ""});
  report({"NACA 0025, 5 to 20 deg", "lift slope per radian",
          (value_of(results[6], "lift") - value_of(results[3], "lift")) / (15 * kPi / 180), 1, 4, 2 * kPi,
          "thin-foil theory, inviscid; a thick foil at Re 1000 has less"});
}

void flame(const Report& report, Stop) {
  ReactionOptions o;
  for (const double beta : {8.0, 10.0}) {
    o.beta = beta;
    report({"flat flame, beta " + core::number(beta) + ", Le 1", "speed / S_L", planar_flame_speed(o), 0.85,
            1, 1, "large-beta asymptotics, a limit from above"});
  }
  FlameOptions burner;
  burner.cells = 12;
  Flame f(burner, 1);
  while (f.time() < 12) f.step();
  double worst = 0;
  for (int y = 0; y < f.height(); ++y)
    for (int x = 0; x < f.width(); ++x)
      worst = std::max(worst, std::abs(double{f.scalars().row(Scalars::kTemperature, y)[x]} +
                                       f.scalars().row(Scalars::kFuel, y)[x] - 1));
  report({"burner, Le 1", "largest |T + Y - 1|", worst, 0, 5e-5, 0, "exact invariant"});
}

void solver(const Report& report, Stop) {
  TaylorGreen last, before;
  for (const int n : {16, 32, 64, 128}) {
    before = last;
    last = taylor_green(n);
    report({"Taylor-Green vortices, " + std::to_string(n) + " cells", "relative error", last.error, 0,
            6.0 / n / n * 4, 0, "exact solution"});
    if (n == 64)
      report({"Taylor-Green vortices, 32 to 64 cells", "order of convergence",
              std::log2(before.error / last.error), 1.8, 2.2, 2, "theory"});
    if (n == 64) {
      report(
          {"Taylor-Green vortices, 64 cells", "drift of mass", last.mass_drift, 0, 1e-6, 0, "conservation"});
      report({"Taylor-Green vortices, 64 cells", "drift of momentum", last.momentum_drift, 0, 1e-5, 0,
              "conservation, single precision"});
    }
  }
}

void piv_error(const Report& report, Stop) {
  piv::BenchOptions bench;
  piv::ParticleImageVelocimetry instrument(bench);
  Picture p;
  p.refine = instrument.refine();
  p.margin = instrument.margin();
  const int height = 32, width = 48;
  p.height = (height + 2 * p.margin) * p.refine;
  p.width = (width + 2 * p.margin) * p.refine;
  p.spacing = 1.0 / 36;
  const auto points = static_cast<size_t>(p.height) * p.width;
  p.v.assign(points, 0);
  p.distance.assign(points, 5);
  NormalStream random(1);
  std::vector<float> u, v;
  for (int eighth = 0; eighth <= 8; ++eighth) {
    const double d = 3 + eighth / 8.0;
    p.u.assign(points, static_cast<float>(d / bench.displacement));
    double sum = 0, squares = 0;
    int count = 0;
    for (int repeat = 0; repeat < 4; ++repeat) {
      instrument.measure(p, {}, random, u, v);
      for (const float value : u) {
        const double error = value * bench.displacement - d;
        sum += error;
        squares += error * error;
        ++count;
      }
    }
    const double bias = sum / count;
    const std::string name = "uniform flow, " + core::number(d) + " px";
    report({name, "bias, px", bias, -0.06, 0.06, 0, "peak locking bends this curve"});
    report({name, "random error, px", std::sqrt(squares / count - bias * bias), 0, 0.12, kNone, ""});
  }
}

}  // namespace

std::vector<PhysicsGroup> physics_groups() {
  const auto flow_work = [](const char* group) {
    double sum = 0;
    for (const auto& test : verification_cases(group)) sum += work(test);
    return sum;
  };
  const auto flow_group = [&](const char* name, const char* summary) {
    return PhysicsGroup{name, summary, flow_work(name),
                        [name](const Report& report, Stop stop) { run_cases(name, report, stop); }};
  };
  return {{"solver", "order of convergence and conservation", 1e9, solver},
          {"flame", "laminar flame speed and invariant", 1e8, flame},
          {"piv", "bias and random error of the image velocimetry", 1e8, piv_error},
          flow_group("cylinder", "Strouhal number, drag and lift of the fixed cylinder"),
          flow_group("lock-in", "frequency of the wake of an oscillating cylinder"),
          flow_group("elastic", "amplitude of an elastically mounted cylinder"),
          {"foil", "forces on foils", flow_work("foil"), foil}};
}

std::string physics_header() {
  char line[256];
  std::snprintf(line, sizeof line, "%-44s %-22s %10s  %-20s %10s  %s", "case", "quantity", "measured",
                "tolerance", "literature", "source");
  return line;
}

std::string physics_line(const PhysicsRow& row) {
  char line[320], band[48], reference[24] = "";
  std::snprintf(band, sizeof band, "%.4g to %.4g", row.low, row.high);
  if (!std::isnan(row.reference)) std::snprintf(reference, sizeof reference, "%.4g", row.reference);
  std::snprintf(line, sizeof line, "%-44s %-22s %10.4g  %-20s %10s  %s%s", row.name.c_str(),
                row.quantity.c_str(), row.value, band, reference, row.source.c_str(),
                row.good() ? "" : "  OUTSIDE");
  return line;
}

}  // namespace windtunnel::datasets::lab
