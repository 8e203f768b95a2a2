// Speed of the virtual laboratory: cell updates per second of each kernel variant, and time per frame of what
// follows the solver. The physics is checked by `windtunnel data physics`.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "datasets/lab/flow.h"
#include "datasets/lab/measurement.h"
#include "datasets/lab/piv/multi_pass.h"
#include "datasets/lab/piv/particle_image.h"
#include "datasets/lab/turbulence.h"

namespace {

using namespace windtunnel::datasets::lab;

/// 12 x 8 D with a cylinder, `cells` per D: 7 776 cells at 9, 124 416 at 36, 1 382 400 (100 MB) at 120.
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

/// Two pictures of 560 x 1072 px with particles that move 5 px along the rows.
/// `passes` 0: only one correlation of 32 x 32 px every 16 px, without validation.
void velocimetry(benchmark::State& state, int passes) {
  piv::GreyImage a, b;
  a.height = b.height = 560;
  a.width = b.width = 1072;
  a.value.assign(static_cast<size_t>(a.height) * a.width, 10);
  b.value = a.value;
  piv::BenchRandom random(1);
  for (int n = 0; n < 30000; ++n) {
    const int r = 2 + static_cast<int>(random.uniform() * (a.height - 4)),
              c = 2 + static_cast<int>(random.uniform() * (a.width - 9));
    for (int i = -1; i <= 1; ++i)
      for (int j = -1; j <= 1; ++j) {
        const float light = 120.0f / static_cast<float>(1 + 2 * (i * i + j * j));
        a.value[static_cast<size_t>(r + i) * a.width + c + j] += light;
        b.value[static_cast<size_t>(r + i) * a.width + c + j + 5] += light;
      }
  }
  piv::MultiPassOptions options;
  options.passes = passes;
  size_t vectors = 0;
  std::vector<piv::WindowPair> windows;
  for (int r = 0; r + 32 <= a.height; r += 16)
    for (int c = 0; c + 32 <= a.width; c += 16) windows.push_back({r, c, r, c});
  piv::Correlator correlator(32);
  std::vector<piv::Displacement> found;
  if (passes == 0)
    for (auto _ : state) {
      correlator.run(a, b, windows, found);
      vectors += found.size();
      benchmark::DoNotOptimize(found.data());
    }
  else
    for (auto _ : state) {
      const auto result = piv::multi_pass(a, b, options);
      vectors += result.ratio.size();
      benchmark::DoNotOptimize(result.field.u.data());
    }
  state.counters["vectors"] = benchmark::Counter(static_cast<double>(vectors), benchmark::Counter::kIsRate);
}

/// The memory's limit of the solver: each of the nine planes of a lattice copied to another lattice.
void copy_lattice(benchmark::State& state, int cells) {
  const int width = 12 * cells, height = 8 * cells;
  Lattice from(width, height), to(width, height);
  for (auto _ : state) {
    for (int q = 0; q < kDirections; ++q)
      for (int y = 0; y < height; ++y) {
        std::copy_n(from.row(q, y), width, to.row(q, y));
        benchmark::DoNotOptimize(to.row(q, y));
      }
    std::swap(from, to);
  }
  const auto updates = static_cast<double>(state.iterations()) * width * height;
  state.counters["MLUPS"] = benchmark::Counter(1e-6 * updates, benchmark::Counter::kIsRate);
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto& k : kernels())
    for (const int cells : {9, 36, 120})
      benchmark::RegisterBenchmark(("flow_" + k.name + "_" + std::to_string(cells) + "_cells_per_D").c_str(),
                                   [&k, cells](benchmark::State& state) { flow_steps(state, k.name, cells); })
          ->Unit(benchmark::kMillisecond);
  for (const int cells : {9, 36, 120})
    benchmark::RegisterBenchmark(("copy_" + std::to_string(cells) + "_cells_per_D").c_str(),
                                 [cells](benchmark::State& state) { copy_lattice(state, cells); })
        ->Unit(benchmark::kMillisecond);
  for (const int passes : {0, 1, 2})
    benchmark::RegisterBenchmark(("piv_32_16_560x1072_passes_" + std::to_string(passes)).c_str(),
                                 [passes](benchmark::State& state) { velocimetry(state, passes); })
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
