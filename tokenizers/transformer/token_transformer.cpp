#include "tokenizers/transformer/token_transformer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>

#include "baselines/layers.h"
#include "baselines/tensor_bridge.h"
#include "baselines/trace.h"
#include "core/error.h"
#include "tokenizers/module_state.h"
#include "tokenizers/transformer/ops.h"
#include "tokenizers/transformer/rotary.h"

namespace windtunnel::tokenizers {
namespace {

using baselines::Trace;

constexpr double kDeviation = 0.02;

std::shared_ptr<Weight> matrix(int64_t out, int64_t in, double deviation = kDeviation) {
  return std::make_shared<Weight>(baselines::normal_values({out, in}, deviation));
}
std::shared_ptr<Weight> ones(int64_t width) {
  return std::make_shared<Weight>(baselines::constant_values({width}, 1));
}
/// Projections back into the residual stream start smaller by 1/sqrt(2 layers).
double out_deviation(const TransformerOptions& o) {
  return kDeviation / std::sqrt(2.0 * static_cast<double>(o.n_layers));
}

void tell(const std::string& name, const at::Tensor& value) {
  if (Trace* trace = Trace::active()) trace->value(name, value);
}

/// (x1 cos - x2 sin, x2 cos + x1 sin) of the halves of the last axis; x (B,N,heads,hd).
at::Tensor rotate(const at::Tensor& x, const Rotation& r) {
  const int64_t half = x.size(3) / 2, n = x.size(1);
  const at::Tensor cos = r.cos.narrow(0, 0, n).unsqueeze(1), sin = r.sin.narrow(0, 0, n).unsqueeze(1);
  const at::Tensor a = x.narrow(3, 0, half), b = x.narrow(3, half, half);
  return at::cat({a * cos - b * sin, b * cos + a * sin}, 3);
}

}  // namespace

Weight::Weight(at::Tensor values) { weight = register_parameter("weight", std::move(values)); }

void Weight::adopt(const at::Tensor& values) {
  weight = parameters_["weight"] = values.set_requires_grad(false);
}

at::Tensor times(const Weight& w, const at::Tensor& x) { return at::linear(x, w.weight.to(x.scalar_type())); }

at::Tensor rms_norm(const at::Tensor& x, const Weight& w, double eps, bool reference) {
  const at::Tensor weight = w.weight.to(x.scalar_type());
  if (!reference) return ops::rms_norm(x, weight, eps);
  return x * at::rsqrt(x.square().mean(-1, /*keepdim=*/true) + eps) * weight;
}

TokenAttention::TokenAttention(const TransformerOptions& o) : options(o) {
  const int64_t width = o.head_width();
  wq = register_module("wq", matrix(o.n_heads * width, o.dim));
  wk = register_module("wk", matrix(o.n_kv_heads * width, o.dim));
  wv = register_module("wv", matrix(o.n_kv_heads * width, o.dim));
  wo = register_module("wo", matrix(o.dim, o.n_heads * width, out_deviation(o)));
  if (!o.use_qk_normalization) return;
  q_norm = register_module("q_norm", ones(width));
  k_norm = register_module("k_norm", ones(width));
}

std::pair<at::Tensor, at::Tensor> TokenAttention::keys_values(const at::Tensor& h, const Rotation& r) const {
  const TransformerOptions& o = options;
  const at::Tensor k = times(*wk, h);
  const at::Tensor v =
      times(*wv, h).view({h.size(0), h.size(1), o.n_kv_heads, o.head_width()}).transpose(1, 2);
  return {heads(k, k_norm, o.n_kv_heads, r), v};
}

at::Tensor TokenAttention::heads(const at::Tensor& x, const std::shared_ptr<Weight>& norm, int64_t count,
                                 const Rotation& r) const {
  if (!options.reference())
    return ops::norm_rotate(x, norm ? norm->weight.to(at::kFloat) : at::Tensor(), r.cos, r.sin, count,
                            options.norm_eps);
  const at::Tensor split = x.view({x.size(0), x.size(1), count, options.head_width()});
  return rotate(norm ? rms_norm(split, *norm, options.norm_eps, true) : split, r).transpose(1, 2);
}

at::Tensor TokenAttention::attend(const at::Tensor& h, const at::Tensor& k, const at::Tensor& v,
                                  const Rotation& r) const {
  const TransformerOptions& o = options;
  const at::Tensor q = heads(times(*wq, h), q_norm, o.n_heads, r);
  if (!o.reference()) return times(*wo, ops::causal_attention(q, k, v));
  const int64_t n = h.size(1), group = o.n_heads / o.n_kv_heads;
  const at::Tensor mask = at::full({n, n}, -std::numeric_limits<double>::infinity(), h.options()).triu(1);
  const at::Tensor scores = at::matmul(q, k.repeat_interleave(group, 1).transpose(2, 3)) /
                                std::sqrt(static_cast<double>(o.head_width())) +
                            mask;
  const at::Tensor y = at::matmul(at::softmax(scores, -1), v.repeat_interleave(group, 1));
  return times(*wo, y.transpose(1, 2).reshape({h.size(0), n, o.n_heads * o.head_width()}));
}

at::Tensor TokenAttention::forward(const at::Tensor& h, const Rotation& r) const {
  const auto [k, v] = keys_values(h, r);
  return attend(h, k, v, r);
}

TokenMlp::TokenMlp(int64_t dim, int64_t hidden, bool reference_, double deviation) : reference(reference_) {
  w1 = register_module("w1", matrix(hidden, dim));
  w2 = register_module("w2", matrix(dim, hidden, deviation));
  w3 = register_module("w3", matrix(hidden, dim));
}

at::Tensor TokenMlp::forward(const at::Tensor& h) const {
  const at::Tensor a = times(*w1, h), b = times(*w3, h);
  return times(*w2, reference ? at::silu(a) * b : ops::swiglu(a, b));
}

TransformerBlock::TransformerBlock(const TransformerOptions& o, const std::string& name)
    : options(o), path(name) {
  attention_norm = register_module("attention_norm", ones(o.dim));
  attention = register_module("attention", std::make_shared<TokenAttention>(o));
  ffn_norm = register_module("ffn_norm", ones(o.dim));
  feed_forward = register_module(
      "feed_forward", std::make_shared<TokenMlp>(o.dim, o.ffn_hidden_size, o.reference(), out_deviation(o)));
}

at::Tensor TransformerBlock::forward(const at::Tensor& input, const Rotation& rotation) const {
  at::Tensor h = rms_norm(input, *attention_norm, options.norm_eps, options.reference());
  tell(path + ".attention_norm", h);
  h = attention->forward(h, rotation);
  tell(path + ".attention", h);
  const at::Tensor x = input + h;
  h = rms_norm(x, *ffn_norm, options.norm_eps, options.reference());
  tell(path + ".ffn_norm", h);
  h = feed_forward->forward(h);
  tell(path + ".feed_forward", h);
  h = x + h;
  tell(path, h);
  return h;
}

TokenTransformer::TokenTransformer(const TransformerOptions& o) : options_(o) {
  o.check();
  tok_embeddings = register_module("tok_embeddings", matrix(o.vocab_size, o.dim));
  const auto children = register_module("layers", std::make_shared<baselines::Children>());
  for (int64_t i = 0; i < o.n_layers; ++i) {
    const std::string index = std::to_string(i);
    layers.push_back(children->add(index, std::make_shared<TransformerBlock>(o, "layers." + index)));
  }
  norm = register_module("norm", ones(o.dim));
  output = register_module("output", matrix(o.vocab_size, o.dim));
}

const Rotation& TokenTransformer::rotation(const LatentGrid& grid) const {
  const auto [it, fresh] = rotations_.try_emplace(grid);
  if (fresh) {
    const RotaryTable table = rotary_table(rotary_angles(options_, grid));
    it->second = {baselines::to_tensor(table.cos), baselines::to_tensor(table.sin)};
  }
  return it->second;
}

void TokenTransformer::check_tokens(const at::Tensor& tokens, const LatentGrid& grid) const {
  const std::string sizes = core::to_string(tokens.sizes().vec());
  if (tokens.scalar_type() != at::kLong || tokens.dim() != 2 || tokens.size(1) < 1 ||
      tokens.size(1) > grid.positions())
    throw data_error("token transformer: tokens of shape " + sizes,
                     "(B,N) integers with N from 1 to " + std::to_string(grid.positions()) +
                         ", the positions of " + core::to_string({grid.frames, grid.height, grid.width}));
  const int64_t low = tokens.min().item<int64_t>(), high = tokens.max().item<int64_t>();
  if (low < 0 || high >= options_.vocab_size)
    throw data_error("token transformer: token " + std::to_string(low < 0 ? low : high),
                     "0 to " + std::to_string(options_.vocab_size - 1),
                     "the tokens come from a tokenizer with other levels");
}

at::Tensor TokenTransformer::hidden(const at::Tensor& tokens, const LatentGrid& grid) const {
  check_tokens(tokens, grid);
  const Rotation& r = rotation(grid);
  at::Tensor x = at::embedding(tok_embeddings->weight, tokens).to(at::kFloat);
  tell("tok_embeddings", x);
  for (const auto& layer : layers) x = layer->forward(x, r);
  x = rms_norm(x, *norm, options_.norm_eps, options_.reference());
  tell("norm", x);
  return x;
}

at::Tensor TokenTransformer::logits(const at::Tensor& tokens, const LatentGrid& grid) const {
  return times(*output, hidden(tokens, grid));
}

at::Tensor TokenTransformer::loss(const at::Tensor& tokens, const LatentGrid& grid) const {
  const int64_t n = tokens.size(-1);
  if (n < 2)
    throw data_error("token transformer: a sequence of one token", "at least two, to predict the second");
  const at::Tensor labels = tokens.narrow(1, 1, n - 1).reshape({-1});
  if (options_.reference())
    return at::cross_entropy_loss(logits(tokens, grid).narrow(1, 0, n - 1).reshape({-1, options_.vocab_size}),
                                  labels);
  const at::Tensor h = hidden(tokens, grid).narrow(1, 0, n - 1).reshape({-1, options_.dim});
  return ops::cross_entropy(h, output->weight, labels);
}

void TokenTransformer::load_state(const StateDict& state, const std::string& origin) {
  load_module_state(*this, state, origin);
}

std::vector<std::pair<std::string, std::shared_ptr<Weight>>> weights_of(const TokenTransformer& model) {
  std::vector<std::pair<std::string, std::shared_ptr<Weight>>> list;
  for (const auto& item : model.named_modules("", /*include_self=*/false))
    if (auto weight = std::dynamic_pointer_cast<Weight>(item.value())) list.emplace_back(item.key(), weight);
  return list;
}

void TokenTransformer::adopt_state(const StateDict& state, const std::string& origin) {
  std::map<std::string, at::Tensor> given(state.begin(), state.end());
  const auto weights = weights_of(*this);
  std::vector<std::string> known;
  for (const auto& [path, weight] : weights) {
    const std::string name = path + ".weight";
    known.push_back(name);
    const auto it = given.find(name);
    if (it == given.end())
      throw model_error(origin + ": entry '" + name + "' is missing", "every weight of the token transformer",
                        "check the model's options against those it was trained with");
    const at::Tensor& values = it->second;
    if (values.sizes() != weight->weight.sizes())
      throw model_error(origin + ": entry '" + name + "' has shape " + core::to_string(values.sizes().vec()),
                        "shape " + core::to_string(weight->weight.sizes().vec()),
                        "check the model's options against those it was trained with");
    if (values.scalar_type() != at::kFloat && values.scalar_type() != at::kBFloat16)
      throw model_error(origin + ": entry '" + name + "' is neither float32 nor bfloat16",
                        "weights in one of the two types", "convert the file");
  }
  if (given.size() != weights.size())
    for (const auto& [name, values] : given)
      if (std::find(known.begin(), known.end(), name) == known.end())
        throw model_error(origin + ": unexpected entry '" + name + "'",
                          "only weights of the token transformer", core::suggestion(name, known));
  for (const auto& [path, weight] : weights) weight->adopt(given.at(path + ".weight").contiguous());
}

}  // namespace windtunnel::tokenizers
