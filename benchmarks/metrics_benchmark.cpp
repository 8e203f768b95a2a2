// All RealPDEBench metrics of one batch (8,20,64,128,2): the streaming accumulator against its reference
// kernel, and against the time to copy the two fields, the least that any metric could take. Peer:
// peers/metrics_torch.py.

#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/random.h"
#include "metrics/accumulator.h"

namespace {

using windtunnel::core::Array;
namespace metrics = windtunnel::metrics;

struct Fields {
  Array prediction, target;
  std::vector<std::string> ids;

  Fields(int64_t samples, int64_t channels) : target({samples, 20, 64, 128, channels}) {
    windtunnel::core::PythonRandom random(1);
    for (auto& v : target.data) v = static_cast<float>(random.normal());
    prediction = target;
    for (auto& v : prediction.data) v = static_cast<float>(0.9 * v + 0.1 * random.normal());
    for (int64_t b = 0; b < samples; ++b) ids.push_back(std::to_string(b));
  }
  int64_t bytes() const { return static_cast<int64_t>(2 * target.data.size() * sizeof(float)); }
};

void score(benchmark::State& state, metrics::Kernels kernels, int64_t samples, int64_t channels,
           int threads) {
  const Fields fields(samples, channels);
  metrics::AccumulatorOptions options;
  options.kernels = kernels;
  options.threads = threads;
  for (auto _ : state) {
    metrics::MetricAccumulator accumulator(options);
    accumulator.add(fields.prediction, fields.target, fields.ids);
    benchmark::DoNotOptimize(accumulator.totals());
  }
  state.SetBytesProcessed(state.iterations() * fields.bytes());
  state.SetItemsProcessed(state.iterations() * samples);
}

/// The steady state of an evaluation: one more batch into an open accumulator.
void stream(benchmark::State& state, int64_t samples, int64_t channels) {
  const Fields fields(samples, channels);
  metrics::MetricAccumulator accumulator{metrics::AccumulatorOptions{}};
  for (auto _ : state) accumulator.add(fields.prediction, fields.target, fields.ids);
  state.SetBytesProcessed(state.iterations() * fields.bytes());
  state.SetItemsProcessed(state.iterations() * samples);
}

void copy(benchmark::State& state) {
  const Fields fields(8, 2);
  std::vector<float> out(2 * fields.target.data.size());
  for (auto _ : state) {
    std::memcpy(out.data(), fields.prediction.data.data(), fields.prediction.data.size() * sizeof(float));
    std::memcpy(out.data() + fields.prediction.data.size(), fields.target.data.data(),
                fields.target.data.size() * sizeof(float));
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * fields.bytes());
}

const auto kUnit = benchmark::kMillisecond;
BENCHMARK_CAPTURE(score, metrics_8x20x64x128x2, metrics::Kernels::fast, 8, 2, 1)->Unit(kUnit);
BENCHMARK_CAPTURE(score, metrics_8x20x64x128x2_2_threads, metrics::Kernels::fast, 8, 2, 2)
    ->Unit(kUnit)
    ->UseRealTime();
BENCHMARK_CAPTURE(score, metrics_8x20x64x128x3, metrics::Kernels::fast, 8, 3, 1)->Unit(kUnit);
BENCHMARK_CAPTURE(score, metrics_1x20x64x128x2_reference, metrics::Kernels::reference, 1, 2, 1)->Unit(kUnit);
BENCHMARK_CAPTURE(stream, metrics_8x20x64x128x2_streaming, 8, 2)->Unit(kUnit);
BENCHMARK(copy)->Name("copy_8x20x64x128x2")->Unit(kUnit);

}  // namespace

BENCHMARK_MAIN();
