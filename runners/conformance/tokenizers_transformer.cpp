// Golden cases of the token transformer: rope, sampling, lr_schedule, ar_block, ar_*. A case is a folder with
// config.json, io.safetensors and, if it has parameters, weights.safetensors (and sometimes weights.pth).
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <map>

#include "baselines/checkpoint.h"
#include "baselines/tensor_bridge.h"
#include "baselines/trace.h"
#include "core/error.h"
#include "runners/conformance/tokenizers_case.h"
#include "tokenizers/module_state.h"
#include "tokenizers/schedule.h"
#include "tokenizers/transformer/decoder.h"
#include "tokenizers/transformer/ops.h"
#include "tokenizers/transformer/rotary.h"
#include "tokenizers/transformer/sampling.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

using namespace tokenizers;

using Case = TokenizerCase;
using Recorder = TokenizerTrace;
constexpr double kTensor = TokenizerCase::kTensor;
constexpr double kGradient = TokenizerCase::kGradient;
constexpr double kSchedule = 1e-12;  // of the peak; float64 on both sides

LatentGrid grid_of(const core::Json& shape) {
  return {shape.at(0).get<int64_t>(), shape.at(1).get<int64_t>(), shape.at(2).get<int64_t>()};
}

/// Model options among the facts of a case's configuration.
TransformerOptions options_of(const core::Json& config, const std::string& kernels,
                              const std::string& origin) {
  core::Json values = core::Json::object();
  TransformerOptions declared;
  std::vector<std::string> keys = {"apply_abs_pos_emb", "insert_cross_attn", "fuse_qkv", "causal_mask",
                                   "pytorch_rope_version"};
  for (const auto& option : core::list_options(declared)) keys.push_back(option.key);
  for (const auto& key : keys)
    if (config.contains(key)) values[key] = config.at(key);
  values["kernels"] = kernels;
  return TransformerOptions::from_published(values, origin);
}

core::Array both_halves(const core::Array& half) {
  const int64_t rows = half.size(0), width = half.size(1);
  core::Array full({rows, 2 * width});
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < 2 * width; ++i)
      full.data[static_cast<size_t>(r * 2 * width + i)] =
          half.data[static_cast<size_t>(r * width + i % width)];
  return full;
}

void compare_array(CaseResult& result, const std::string& what, const core::Array& got,
                   const at::Tensor& expected) {
  compare_tensor(result, what, baselines::to_tensor(got), expected, kTensor);
}

void compare_frequencies(CaseResult& result, const std::string& what, const std::vector<float>& got,
                         const at::Tensor& expected) {
  compare_array(result, what, core::Array({static_cast<int64_t>(got.size())}, got), expected);
}

void set_yarn(TransformerOptions& o, const core::Json& yarn) {
  o.apply_yarn = yarn.value("apply_yarn", false);
  if (!o.apply_yarn) return;
  o.yarn_scale = yarn.at("scale").get<double>();
  o.yarn_beta_fast = yarn.at("beta_fast").get<double>();
  o.yarn_beta_slow = yarn.at("beta_slow").get<double>();
  if (yarn.contains("original_latent_shape"))
    o.original_latent_shape = yarn.at("original_latent_shape").get<std::vector<int64_t>>();
  if (yarn.contains("original_max_position_embeddings"))
    o.original_seq_len = yarn.at("original_max_position_embeddings").get<int64_t>();
}

void check_rope_3d(CaseResult& result, const Case& golden, const core::Json& item) {
  const auto key = item.at("key").get<std::string>();
  TransformerOptions o;
  o.head_dim = item.at("dim").get<int64_t>();
  o.rope_theta = item.at("rope_theta").get<double>();
  set_yarn(o, item.at("yarn"));
  const core::Array angles = rotary_angles(o, grid_of(item.at("latent_shape")));
  const RotaryTable table = rotary_table(angles);
  compare_array(result, key + ".angles", both_halves(angles), golden.io.at(key + ".angles"));
  compare_array(result, key + ".cos", both_halves(table.cos), golden.io.at(key + ".cos"));
  compare_array(result, key + ".sin", both_halves(table.sin), golden.io.at(key + ".sin"));
  const int64_t space = 2 * (o.head_dim / 6);
  const auto yarn = [&](size_t axis) -> std::optional<Yarn> {
    if (!o.apply_yarn) return std::nullopt;
    return Yarn{o.yarn_scale, o.yarn_beta_fast, o.yarn_beta_slow,
                static_cast<double>(o.original_latent_shape.at(axis))};
  };
  compare_frequencies(result, key + ".temporal_inv_freq",
                      rotary_frequencies(o.head_dim - 2 * space, o.rope_theta, yarn(0)),
                      golden.io.at(key + ".temporal_inv_freq"));
  compare_frequencies(result, key + ".spatial_inv_freq", rotary_frequencies(space, o.rope_theta, yarn(1)),
                      golden.io.at(key + ".spatial_inv_freq"));
  const at::Tensor q = golden.io.at(key + ".q");
  const at::Tensor rotated =
      ops::norm_rotate(q.reshape({q.size(0), q.size(1), q.size(2) * q.size(3)}), at::Tensor(),
                       baselines::to_tensor(table.cos), baselines::to_tensor(table.sin), q.size(2), 0);
  compare_tensor(result, key + ".q_rotated", rotated.transpose(1, 2), golden.io.at(key + ".q_rotated"),
                 kTensor);
}

void check_rope_1d(CaseResult& result, const Case& golden, const std::string& key) {
  const core::Json& item = golden.config.at(key);
  TransformerOptions o;
  o.rope_dim = "1D";
  o.head_dim = item.at("dim").get<int64_t>();
  o.rope_theta = item.at("rope_theta").get<double>();
  set_yarn(o, item);
  const core::Array angles = rotary_angles(o, {golden.io.at(key + ".cos").size(0), 1, 1});
  const RotaryTable halves = rotary_table(angles), pairs = interleaved_table(angles, o.yarn_scale);
  compare_array(result, key + ".cos", both_halves(halves.cos), golden.io.at(key + ".cos"));
  compare_array(result, key + ".sin", both_halves(halves.sin), golden.io.at(key + ".sin"));
  compare_array(result, key + ".v1_cos", pairs.cos, golden.io.at(key + ".v1_cos"));
  compare_array(result, key + ".v1_sin", pairs.sin, golden.io.at(key + ".v1_sin"));
}

void check_rope(CaseResult& result, const Case& golden) {
  for (const auto& item : golden.config.at("cases")) check_rope_3d(result, golden, item);
  for (const auto& [key, item] : golden.config.items())
    if (key.starts_with("one_d")) check_rope_1d(result, golden, key);
  if (!golden.config.contains("abs_pos")) return;
  const core::Json& item = golden.config.at("abs_pos");
  compare_array(result, "abs_pos_float32",
                absolute_positions(item.at("dim").get<int64_t>(), grid_of(item.at("latent_shape"))),
                golden.io.at("abs_pos_float32"));
}

void check_sampling(CaseResult& result, const Case& golden) {
  const at::Tensor all = golden.io.at("logits");
  const at::Tensor logits = all.select(1, all.size(1) - 1).contiguous();
  const auto row = [](const at::Tensor& t, int64_t i) {
    return std::span<const float>(t.const_data_ptr<float>() + i * t.size(1), static_cast<size_t>(t.size(1)));
  };
  for (const auto& item : golden.config.at("cases")) {
    const auto key = item.at("key").get<std::string>();
    SamplingOptions o;
    o.temperature = item.at("temperature").get<double>();
    if (item.contains("top_p") && !item.at("top_p").is_null()) o.top_p = item.at("top_p").get<double>();
    if (item.contains("top_k") && !item.at("top_k").is_null()) o.top_k = item.at("top_k").get<int64_t>();
    const bool sorted = golden.io.contains(key + ".noise_sorted_order");
    const at::Tensor noise = golden.io.at(key + (sorted ? ".noise_sorted_order" : ".noise")).contiguous();
    const at::Tensor tokens = golden.io.at(key + ".token").to(at::kLong);
    for (const bool reference : {false, true})
      for (int64_t b = 0; b < logits.size(0); ++b) {
        const std::vector<float> p = kept_probabilities(row(logits, b), o, reference);
        compare_array(result, key + ".probs", core::Array({logits.size(1)}, p),
                      golden.io.at(key + ".probs")[b]);
        result.expect(key + ".token",
                      draw_with_noise(p, row(noise, b), sorted) == tokens[b][0].item<int64_t>());
      }
  }
}

void check_schedule(CaseResult& result, const Case& golden) {
  for (const auto& [key, item] : golden.config.items()) {
    if (!item.is_object()) continue;
    const Schedule schedule{item.at("lr").get<double>(), item.at("eta_min").get<double>(),
                            item.at("max").get<int64_t>(), item.at("warmup").get<int64_t>()};
    const at::Tensor expected = golden.io.at(key).to(at::kDouble).contiguous();
    for (int64_t k = 0; k < expected.size(0); ++k)
      result.compare(key + " step " + std::to_string(k),
                     schedule.from_start(k, item.at("start").get<double>()),
                     expected.const_data_ptr<double>()[k], kSchedule * schedule.peak);
  }
}

void compare_rotation(CaseResult& result, const std::string& what, const TransformerOptions& o,
                      const LatentGrid& grid, const Case& golden) {
  const RotaryTable table = rotary_table(rotary_angles(o, grid));
  const at::Tensor cos = golden.io.at("rope.cos"), sin = golden.io.at("rope.sin");
  const int64_t rows = cos.size(1), width = cos.size(3);
  const auto cut = [&](const core::Array& half) {
    return baselines::to_tensor(both_halves(half)).narrow(0, 0, rows).view({1, rows, 1, width});
  };
  compare_tensor(result, what + " rope.cos", cut(table.cos), cos, kTensor);
  compare_tensor(result, what + " rope.sin", cut(table.sin), sin, kTensor);
}

void check_block(CaseResult& result, const Case& golden, const std::string& kernels) {
  const at::NoGradGuard guard;
  const TransformerOptions o = options_of(golden.config, kernels, golden.name);
  const auto weights = baselines::load_weights(golden.path / "weights.safetensors").state;
  const at::Tensor x = golden.io.at("x");
  const LatentGrid grid = grid_of(golden.config.at("latent_shape"));

  Weight norm(entry(weights, "rmsnorm.weight", golden.name));
  compare_tensor(result, kernels + " rmsnorm.y", rms_norm(x, norm, o.norm_eps, o.reference()),
                 golden.io.at("rmsnorm.y"), kTensor);
  TokenMlp mlp(x.size(-1), entry(weights, "mlp.w1.weight", golden.name).size(0), o.reference(), 0.02);
  load_module_state(mlp, with_prefix(weights, "mlp."), golden.name);
  compare_tensor(result, kernels + " mlp.y", mlp.forward(x), golden.io.at("mlp.y"), kTensor);

  TransformerBlock block(o, "block");
  load_module_state(block, with_prefix(weights, "block."), golden.name);
  const RotaryTable table = rotary_table(rotary_angles(o, grid));
  Recorder recorder;
  const at::Tensor y = block.forward(x, {baselines::to_tensor(table.cos), baselines::to_tensor(table.sin)});
  compare_tensor(result, kernels + " block.y", y, golden.io.at("block.y"), kTensor);
  for (const auto& name : golden.io.names("block.act."))
    compare_tensor(result, kernels + " block.act." + name, recorder.values["block." + name],
                   golden.io.at("block.act." + name), kTensor);
  compare_rotation(result, kernels, o, grid, golden);
}

void check_gradients(CaseResult& result, const Case& golden, const std::string& kernels,
                     const TokenTransformer& model) {
  for (const auto& name : golden.io.names("grad.")) {
    const bool sums = name.ends_with(".rowsum");
    const std::string parameter = sums ? name.substr(0, name.size() - 7) + ".weight" : name;
    const at::Tensor gradient = model.named_parameters()[parameter].grad();
    result.expect(kernels + " grad " + name + " exists", gradient.defined());
    if (!gradient.defined()) continue;
    compare_tensor(result, kernels + " grad " + name, sums ? gradient.sum(1) : gradient,
                   golden.io.at("grad." + name), kGradient);
  }
}

void check_decoding(CaseResult& result, const Case& golden, const std::string& kernels,
                    const TokenTransformer& model, const LatentGrid& grid, const at::Tensor& tokens) {
  const at::NoGradGuard guard;
  if (!model.options().reference()) {
    Decoder decoder(model, grid, tokens.size(0));
    std::vector<at::Tensor> steps;
    for (int64_t i = 0; i < tokens.size(1); ++i) steps.push_back(decoder.append(tokens.narrow(1, i, 1)));
    compare_tensor(result, "step by step logits", at::stack(steps, 1), golden.io.at("logits_incremental"),
                   kTensor);
  }
  const at::Tensor prompt = golden.io.at("greedy.prompt"), expected = golden.io.at("greedy.generated");
  result.expect(kernels + " greedy tokens",
                generate(model, prompt, expected.size(1), grid, SamplingOptions()).equal(expected));
}

void check_transformer(CaseResult& result, const Case& golden, const std::string& kernels) {
  TokenTransformer model(options_of(golden.config, kernels, golden.name));
  const auto weights = baselines::load_weights(golden.path / "weights.safetensors").state;
  model.load_state(weights, golden.name);
  if (fs::exists(golden.path / "weights.pth"))
    for (const auto& [name, value] : baselines::load_weights(golden.path / "weights.pth").state)
      result.expect("weights.pth " + name, value.equal(entry(weights, name, golden.name)));
  const LatentGrid grid = grid_of(golden.config.at("video_latent_shape"));
  const at::Tensor tokens = golden.io.at("tokens");
  {
    Recorder recorder;
    const at::Tensor logits = model.logits(tokens, grid);
    for (const char* key : {"logits", "logits_nocache"})
      compare_tensor(result, kernels + " " + key, logits, golden.io.at(key), kTensor);
    for (const auto& name : golden.io.names("act."))
      compare_tensor(result, kernels + " act " + name, recorder.values[name], golden.io.at("act." + name),
                     kTensor);
  }
  compare_rotation(result, kernels, model.options(), grid, golden);
  check_decoding(result, golden, kernels, model, grid, tokens);
  const at::Tensor loss = model.loss(tokens, grid);
  compare_tensor(result, kernels + " train.loss", loss.view({1}), golden.io.at("train.loss"), kTensor);
  loss.backward();
  check_gradients(result, golden, kernels, model);
}

void in_both_forms(CaseResult& result, const Case& golden,
                   void (*check)(CaseResult&, const Case&, const std::string&)) {
  for (const char* kernels : {"fast", "reference"}) check(result, golden, kernels);
}

/// Check of a case by the beginning of its folder's name; the longest that fits counts.
const std::map<std::string, void (*)(CaseResult&, const Case&)> kChecks = {
    {"rope", check_rope},
    {"sampling", check_sampling},
    {"lr_schedule", check_schedule},
    {"ar_block", [](CaseResult& r, const Case& g) { in_both_forms(r, g, check_block); }},
    {"ar_", [](CaseResult& r, const Case& g) { in_both_forms(r, g, check_transformer); }},
};

void run(const fs::path& folder, const ReportCase& report) {
  std::vector<fs::path> cases;
  for (const auto& item : fs::directory_iterator(folder))
    if (item.is_directory()) cases.push_back(item.path());
  std::sort(cases.begin(), cases.end());
  for (const auto& path : cases)
    for (auto check = kChecks.rbegin(); check != kChecks.rend(); ++check)
      if (path.filename().string().starts_with(check->first)) {
        run_case(path.filename().string(), report,
                 [&](CaseResult& result) { check->second(result, Case(path)); });
        break;
      }
}

const SuiteRegistration registration({"tokenizers", "transformer", run});

}  // namespace
}  // namespace windtunnel::runners
