// Token transformer and refinement network: prefill, decoding, one training update; forward pass and update
// of the refinement network. Peers: peers/token_transformer_torch.py, peers/refinement_torch.py; `compare.py
// transformer refinement` runs both sides. memory/read is the bandwidth that decoding at batch 1 is bound by.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>
#include <torch/utils.h>

#include <cstdlib>
#include <functional>
#include <numeric>

#include "tokenizers/module_state.h"
#include "tokenizers/refinement/training.h"
#include "tokenizers/transformer/cost.h"
#include "tokenizers/transformer/decoder.h"
#include "tokenizers/transformer/presets.h"
#include "tokenizers/transformer/training.h"

namespace {

using namespace windtunnel::tokenizers;
using windtunnel::core::Json;

constexpr int64_t kSteps = 16;  // tokens per timed piece of decoding

/// A window of `positions` = 4 latent frames.
LatentGrid window(int64_t positions) { return {4, positions / 64, 16}; }

TransformerOptions size_of(const std::string& preset, const std::string& kernels) {
  Json values = transformer_preset(preset);
  values["kernels"] = kernels;
  return TransformerOptions::from_published(values, preset);
}

SamplingOptions top_p() {
  SamplingOptions o;
  o.temperature = 1;
  o.top_p = 0.8;
  return o;
}

/// kSteps tokens after three quarters of the window, drawn with top-p 0.8; the time is that of all of them.
void decode(benchmark::State& state, const std::string& preset, int64_t positions, bool int8) {
  torch::manual_seed(0);
  const TokenTransformer model(size_of(preset, "fast"));
  const LatentGrid grid = window(positions);
  const int64_t before = positions * 3 / 4, vocabulary = model.options().vocab_size;
  Decoder decoder(model, grid, 1, int8);
  decoder.append(at::randint(0, vocabulary, {1, before}, at::kLong));
  for (auto _ : state) {
    decoder.rewind(before);
    Sampler sampler(top_p());
    at::Tensor token = at::randint(0, vocabulary, {1, 1}, at::kLong);
    for (int64_t i = 0; i < kSteps; ++i) {
      const at::Tensor logits = decoder.append(token);
      token.fill_(sampler({logits.const_data_ptr<float>(), static_cast<size_t>(vocabulary)}));
    }
  }
  const TransformerCost cost(model.options());
  const double bytes = static_cast<double>(cost.matrix_entries) * (int8 ? 1 : 4) +
                       4.0 * static_cast<double>(cost.cache_floats * (before + kSteps / 2));
  state.counters["tokens_per_second"] =
      benchmark::Counter(static_cast<double>(kSteps), benchmark::Counter::kIsIterationInvariantRate);
  state.counters["bytes_per_second"] =
      benchmark::Counter(bytes * kSteps, benchmark::Counter::kIsIterationInvariantRate);
}

/// A prompt of half a window; logits of its last position.
void prefill(benchmark::State& state, const std::string& preset, int64_t positions) {
  torch::manual_seed(0);
  const TokenTransformer model(size_of(preset, "fast"));
  const at::Tensor prompt = at::randint(0, model.options().vocab_size, {1, positions / 2}, at::kLong);
  Decoder decoder(model, window(positions), 1);
  for (auto _ : state) {
    decoder.rewind(0);
    benchmark::DoNotOptimize(decoder.append(prompt));
  }
}

/// Forward, backward, clipping and AdamW on one window.
void update(benchmark::State& state, const std::string& preset, int64_t positions,
            const std::string& kernels) {
  torch::manual_seed(0);
  TokenTransformer model(size_of(preset, kernels));
  StageOptimiser optimiser(trainable(model), StageOptions::transformer());
  const at::Tensor tokens = at::randint(0, model.options().vocab_size, {1, positions}, at::kLong);
  for (auto _ : state) transformer_update(model, optimiser, {{tokens, window(positions)}});
}

/// Two fields on 64 x 64, width 32, the published depth.
RefinementOptions refinement(const std::string& kernels) {
  RefinementOptions o;
  o.init_features = 32;
  o.kernels = kernels;
  return o;
}

void refine(benchmark::State& state, const std::string& kernels) {
  torch::manual_seed(0);
  const RefinementUnet model(refinement(kernels));
  const at::Tensor context = at::randn({1, 2, 5, 64, 64}), decoded = at::randn({1, 2, 13, 64, 64});
  for (auto _ : state) benchmark::DoNotOptimize(refine_window(model, context, decoded));
}

void refine_update(benchmark::State& state, const std::string& kernels) {
  torch::manual_seed(0);
  RefinementUnet model(refinement(kernels));
  StageOptimiser optimiser(trainable(model), StageOptions());
  const RefinementBatch batch{at::randn({4, 14, 64, 64}), at::randint(5, 13, {4}, at::kLong),
                              at::randn({4, 2, 64, 64})};
  for (auto _ : state) refinement_update(model, optimiser, batch, {});
}

void read_memory(benchmark::State& state) {
  constexpr int64_t kFloats = int64_t{1} << 26;
  const at::Tensor data = at::empty({kFloats}, at::kFloat).fill_(1);
  const float* values = data.const_data_ptr<float>();
  for (auto _ : state)
    at::parallel_for(0, 64, 1, [&](int64_t first, int64_t last) {
      constexpr int64_t kPiece = kFloats / 64;
      float sums[64] = {};
      for (int64_t i = first * kPiece; i < last * kPiece; i += 64)
        for (int64_t k = 0; k < 64; ++k) sums[k] += values[i + k];
      benchmark::DoNotOptimize(sums);
    });
  state.counters["bytes_per_second"] =
      benchmark::Counter(4.0 * kFloats, benchmark::Counter::kIsIterationInvariantRate);
}

void add(const std::string& name, const std::function<void(benchmark::State&)>& body) {
  benchmark::RegisterBenchmark(name.c_str(), body)->UseRealTime()->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv) {
  if (const char* threads = std::getenv("WINDTUNNEL_THREADS")) at::set_num_threads(std::atoi(threads));
  for (const auto& [preset, positions] : std::vector<std::pair<std::string, int64_t>>{
           {"toy", 1024}, {"2m", 1024}, {"28m", 1024}, {"28m", 4096}}) {
    const std::string label = preset + "_" + std::to_string(positions);
    const auto p = preset;
    const auto n = positions;
    add("transformer/decode/" + label, [=](benchmark::State& s) { decode(s, p, n, false); });
    add("transformer/decode_int8/" + label, [=](benchmark::State& s) { decode(s, p, n, true); });
    add("transformer/prefill/" + label, [=](benchmark::State& s) { prefill(s, p, n); });
    add("transformer/update/" + label, [=](benchmark::State& s) { update(s, p, n, "fast"); });
    add("transformer/update/" + label + "/reference",
        [=](benchmark::State& s) { update(s, p, n, "reference"); });
  }
  for (const char* kernels : {"fast", "reference"}) {
    const std::string suffix = std::string(kernels) == "fast" ? "" : "/reference";
    add("refinement/forward/64x64" + suffix, [=](benchmark::State& s) { refine(s, kernels); });
    add("refinement/update/64x64" + suffix, [=](benchmark::State& s) { refine_update(s, kernels); });
  }
  add("memory/read", read_memory);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
