// FNO: forward pass in evaluation mode and one training update (forward, backward, Adam), per kernel choice,
// and the spectral convolution alone at two shares of kept modes. Peer: peers/fno_torch.py; `compare.py fno`
// runs both.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <torch/utils.h>

#include <cstdlib>
#include <map>

#include "baselines/adam.h"
#include "baselines/fno/fno.h"
#include "baselines/fno/reference.h"
#include "baselines/fno/slabs.h"

namespace {

namespace baselines = windtunnel::baselines;
namespace fno = windtunnel::baselines::fno;
using windtunnel::core::Json;

struct Case {
  int64_t batch;
  baselines::SampleShape shape;
  Json options;
};

const std::map<std::string, Case> kCases = {
    {"cylinder", {1, {20, 64, 128, 3}, Json::object()}},
    {"cylinder_b4", {4, {20, 64, 128, 3}, Json::object()}},
    {"combustion", {1, {20, 64, 64, 16}, {{"modes2", 16}}}},
    {"tiny",
     {8, {10, 32, 64, 3}, {{"modes1", 3}, {"modes2", 6}, {"modes3", 8}, {"n_layers", 2}, {"width", 12}}}}};

void report_memory(benchmark::State& state) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_mib"] = static_cast<double>(usage.ru_maxrss) / 1024;
}

void model_case(benchmark::State& state, const Case& chosen, const std::string& kernels, bool update) {
  torch::manual_seed(0);
  Json options = chosen.options;
  options["kernels"] = kernels;
  const auto model = baselines::make_baseline("fno", {chosen.shape, chosen.shape}, options);
  const auto& s = chosen.shape;
  const at::Tensor x = at::randn({chosen.batch, s.frames, s.height, s.width, s.channels}),
                   y = at::randn_like(x);
  model->train(update);
  if (update) {
    baselines::Adam adam(model->trainable_parameters(), {1e-4});
    for (auto _ : state) {
      adam.zero_grad();
      model->loss(x, y).backward();
      adam.step();
    }
  } else {
    const at::NoGradGuard guard;
    for (auto _ : state) model->predict(x);
  }
  report_memory(state);
}

/// Transform, mode mixing and inverse of (B,N1,N2,N3,C), by truncated matrices or by FFT: when does which
/// win?
void spectral_case(benchmark::State& state, const std::array<int64_t, 3>& modes, bool fast) {
  constexpr int64_t kBatch = 2, kChannels = 16;
  const fno::GridSizes sizes{{26, 70, 134}, {20, 64, 128}, modes};
  std::array<at::Tensor, 4> weights;
  for (auto& weight : weights) weight = at::randn({modes[0], modes[1], modes[2], kChannels, kChannels, 2});
  const at::NoGradGuard guard;
  if (!fast) {
    const at::Tensor v = at::randn({kBatch, kChannels, 26, 70, 134});
    for (auto _ : state) benchmark::DoNotOptimize(fno::spectral_convolution(v, weights));
    return;
  }
  const fno::TruncatedDft dft(sizes, sizes.n, at::kFloat);
  const fno::Slabs slabs(sizes, kBatch, kChannels, at::kCPU);
  const at::Tensor v = at::randn({kBatch, 26, 70, 134, kChannels}), bias = at::zeros({kChannels});
  const auto nothing = [] { return 0; };
  for (auto _ : state) {
    const at::Tensor spectrum = dft.planes_buffer(kBatch, 26, kChannels), out = at::zeros_like(v);
    slabs.run(26, nothing, [&](const fno::Slab& slab, int) { dft.analyse(slab.of(v), slab.of(spectrum)); });
    const at::Tensor mixed = dft.from_modes(fno::mix_modes(dft.to_modes(spectrum), weights));
    slabs.run(26, nothing,
              [&](const fno::Slab& slab, int) { dft.synthesise_add(slab.of(mixed), bias, slab.of(out)); });
    benchmark::DoNotOptimize(out);
  }
}

const int registered = [] {
  // The library otherwise takes every core; a comparison needs equal threads on both sides.
  if (const char* threads = std::getenv("WINDTUNNEL_THREADS")) at::set_num_threads(std::atoi(threads));
  const auto add = [](const std::string& name, auto function) {
    benchmark::RegisterBenchmark(name.c_str(), function)->Unit(benchmark::kMillisecond)->UseRealTime();
  };
  for (const auto& [name, chosen] : kCases)
    for (const bool update : {false, true})
      for (const std::string kernels : {"fast", "reference"}) {
        const std::string label = std::string("fno/") + (update ? "update/" : "forward/") + name +
                                  (kernels == "fast" ? "" : "/" + kernels);
        add(label, [&chosen, kernels, update](benchmark::State& state) {
          model_case(state, chosen, kernels, update);
        });
      }
  const std::map<std::string, std::array<int64_t, 3>> shares = {
      {"published", {4, 12, 16}}, {"half", {7, 18, 34}}, {"whole", {13, 35, 68}}};
  for (const auto& [name, modes] : shares)
    for (const bool fast : {true, false})
      add("spectral/" + name + (fast ? "/matrices" : "/fft"),
          [modes, fast](benchmark::State& state) { spectral_case(state, modes, fast); });
  return 0;
}();

}  // namespace
