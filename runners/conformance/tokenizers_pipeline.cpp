// Golden cases pipeline*: encode, generate greedily, decode, refine, window after window. Fields are
// normalised (B,C,T,H,W); weights carry the prefixes tokenizer., transformer., refiner.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "baselines/checkpoint.h"
#include "core/error.h"
#include "runners/conformance/tokenizers_case.h"
#include "tokenizers/refinement/training.h"
#include "tokenizers/rollout.h"
#include "tokenizers/video/video_tokenizer.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

using namespace tokenizers;

constexpr double kTensor = TokenizerCase::kTensor;

at::Tensor channels_last(const at::Tensor& x) { return x.permute({0, 2, 3, 4, 1}).contiguous(); }
at::Tensor channels_first(const at::Tensor& x) { return x.permute({0, 4, 1, 2, 3}).contiguous(); }

/// Context filled up to a whole window: copies of its last frame, or zeros in later windows.
at::Tensor filled_window(const at::Tensor& context, int64_t frames, bool zeros) {
  std::vector<at::Tensor> parts = {context};
  const at::Tensor last = context.narrow(2, context.size(2) - 1, 1);
  for (int64_t t = context.size(2); t < frames; ++t) parts.push_back(zeros ? at::zeros_like(last) : last);
  return at::cat(parts, 2);
}

void check_pipeline(CaseResult& result, const fs::path& folder) {
  const at::NoGradGuard guard;
  const std::string name = folder.filename().string();
  const core::Json config = core::read_json((folder / "config.json").string());
  const GoldenTensors io(folder / "io.safetensors");
  const auto weights = baselines::load_weights(folder / "weights.safetensors").state;

  VideoTokenizer tokenizer(VideoTokenizerOptions::from_published(config.at("tokenizer"), name));
  TokenTransformer transformer(TransformerOptions::from_published(config.at("transformer"), name));
  RefinementUnet refiner(RefinementOptions::from_published(config.at("refiner"), name));
  tokenizer.load_state(with_prefix(weights, "tokenizer."), name);
  transformer.load_state(with_prefix(weights, "transformer."), name);
  load_module_state(refiner, with_prefix(weights, "refiner."), name);
  tokenizer.eval();
  refiner.eval();

  const at::Tensor truth = io.at("ground_truth");
  const auto latent = config.at("transformer").at("video_latent_shape").get<std::vector<int64_t>>();
  const int64_t window_frames = 1 + (latent.at(0) - 1) * tokenizer.options().time_factor();
  const LatentGrid grid = tokenizer.options().grid(window_frames, truth.size(3), truth.size(4));

  RolloutModels models;
  int64_t windows = 0;
  models.encode = [&](const at::Tensor& context) {
    const std::string key = "window" + std::to_string(windows) + ".encoder_indices";
    if (io.contains(key)) {
      const at::Tensor whole = filled_window(context, window_frames, windows > 0);
      result.expect(key, tokenizer.encode(channels_last(whole)).equal(io.at(key).to(at::kLong)));
    }
    return tokenizer.encode(channels_last(context)).flatten(1);
  };
  models.decode = [&](const at::Tensor& tokens) {
    return channels_first(
        tokenizer.decode(tokens.view({tokens.size(0), grid.frames, grid.height, grid.width})));
  };
  models.transformer = &transformer;
  models.refine = [&](const at::Tensor& context, const at::Tensor& decoded) {
    return refine_window(refiner, context, decoded);
  };
  models.grid = grid;

  const int64_t fresh = window_frames - kContextFrames;
  const at::Tensor prediction = windowed_rollout(
      models, truth.narrow(2, 0, kContextFrames), (truth.size(2) - kContextFrames + fresh - 1) / fresh - 1,
      SamplingOptions(), 0, [&](const WindowResult& window) {
        const std::string prefix = "window" + std::to_string(windows++) + ".";
        result.expect(prefix + "token_sequence",
                      window.tokens.equal(io.at(prefix + "token_sequence").to(at::kLong)));
        compare_tensor(result, prefix + "decoded", window.decoded, io.at(prefix + "decoded"), kTensor);
        compare_tensor(result, prefix + "refined", window.refined, io.at(prefix + "refined"), kTensor);
      });
  compare_tensor(result, "prediction", prediction.narrow(2, 0, io.at("prediction").size(2)),
                 io.at("prediction"), kTensor);
}

void run(const fs::path& folder, const ReportCase& report) {
  std::vector<fs::path> cases;
  for (const auto& item : fs::directory_iterator(folder))
    if (item.is_directory() && item.path().filename().string().starts_with("pipeline"))
      cases.push_back(item.path());
  std::sort(cases.begin(), cases.end());
  for (const auto& path : cases)
    run_case(path.filename().string(), report, [&](CaseResult& result) { check_pipeline(result, path); });
}

const SuiteRegistration registration({"tokenizers", "pipeline", run});

}  // namespace
}  // namespace windtunnel::runners
