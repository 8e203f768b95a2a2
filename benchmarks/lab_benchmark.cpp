// Speed of the virtual laboratory: cell updates per second of each kernel variant, and time per frame of what
// follows the solver. The physics is checked by `windtunnel data physics`.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "datasets/lab/flow.h"
#include "datasets/lab/measurement.h"
#include "datasets/lab/turbulence.h"

namespace {

using namespace windtunnel::datasets::lab;

/// 12 x 8 D with a cylinder, `cells` per D: 7 776 cells at 9, 124 416 at 36.
void flow_steps(benchmark::State& state, const std::string& variant, int cells) {
  FlowOptions options;
  options.cells = cells;
  options.reynolds = 3000;
  options.smagorinsky = 0.14;
  options.kernels = variant;
  Flow flow(options, {{std::make_shared<Circle>(1.0), {}, nullptr}});
  flow.start();
  for (auto _ : state) flow.step();
  const auto updates = static_cast<double>(state.iterations()) * flow.width() * flow.height();
  state.counters["MLUPS"] = benchmark::Counter(1e-6 * updates, benchmark::Counter::kIsRate);
}

/// A wake-like picture of 64 x 128 vectors behind a cylinder.
Picture picture_for(const Measurement& instrument) {
  Picture p;
  p.refine = instrument.refine();
  p.margin = instrument.margin();
  p.height = (64 + 2 * p.margin) * p.refine;
  p.width = (128 + 2 * p.margin) * p.refine;
  p.spacing = 1.0 / (18 * p.refine);
  for (int r = 0; r < p.height; ++r)
    for (int c = 0; c < p.width; ++c) {
      const double x = (p.coordinate(c) - 32) / 18, y = (p.coordinate(r) - 32) / 18;
      const double wake = x > 0 ? std::exp(-2 * y * y) : 0;
      p.u.push_back(static_cast<float>(1 - 0.6 * wake));
      p.v.push_back(static_cast<float>(0.4 * wake * std::sin(1.5 * x)));
      p.p.push_back(0);
      p.distance.push_back(static_cast<float>(std::hypot(x, y) - 0.5));
    }
  return p;
}

void turbulence(benchmark::State& state) {
  const Picture calm = picture_for(*make_measurement("noise"));
  Turbulence model(1);
  for (auto _ : state) {
    Picture picture = calm;
    model.advance(picture, 0.1);
    model.add_to(picture);
    benchmark::DoNotOptimize(picture.u.data());
  }
}

void instrument(benchmark::State& state, const std::string& name) {
  const auto measurement = make_measurement(name);
  const Picture picture = picture_for(*measurement);
  NormalStream random(1);
  std::vector<float> u, v;
  for (auto _ : state) {
    measurement->measure(picture, {}, random, u, v);
    benchmark::DoNotOptimize(u.data());
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto& k : kernels())
    for (const int cells : {9, 36})
      benchmark::RegisterBenchmark(("flow_" + k.name + "_" + std::to_string(cells) + "_cells_per_D").c_str(),
                                   [&k, cells](benchmark::State& state) { flow_steps(state, k.name, cells); })
          ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("turbulence_frame_64x128", turbulence)->Unit(benchmark::kMillisecond);
  for (const auto& name : measurement_names())
    benchmark::RegisterBenchmark(("measurement_frame_64x128_" + name).c_str(), [name](
                                                                                   benchmark::State& state) {
      instrument(state, name);
    })->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
