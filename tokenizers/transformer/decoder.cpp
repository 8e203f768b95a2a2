#include "tokenizers/transformer/decoder.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/operations.h"
#include "tokenizers/transformer/ops.h"

namespace windtunnel::tokenizers {
namespace {

using kernels::MatrixView;

/// Runs body(first, last) over [0, count), in parallel if `work` multiplications per item make it worthwhile.
template <class Body>
void spread(int64_t count, int64_t work, const Body& body) {
  at::parallel_for(0, count, std::max<int64_t>(1, (int64_t{1} << 15) / std::max<int64_t>(1, work)), body);
}

struct Product {
  MatrixView matrix;
  float* y;
};

/// y = W x for several matrices over the same rows of x, as one piece of parallel work.
void multiply(const std::vector<Product>& products, const float* x, int64_t rows, bool add = false) {
  int64_t total = 0;
  for (const auto& product : products) total += product.matrix.out;
  core::add_operations(2 * rows * products[0].matrix.in * total);
  spread(total, rows * products[0].matrix.in, [&](int64_t first, int64_t last) {
    int64_t start = 0;
    for (const auto& [matrix, y] : products) {
      const int64_t a = std::max(first - start, int64_t{0}), b = std::min(last - start, matrix.out);
      if (a < b) kernels::matrix_rows(matrix, x, rows, a, b, y, matrix.out, add);
      start += matrix.out;
    }
  });
}

}  // namespace

Decoder::Decoder(const TokenTransformer& model, const LatentGrid& grid, int64_t batch, bool int8)
    : model_(model),
      grid_(grid),
      batch_(batch),
      capacity_(grid.positions()),
      rotation_(model.rotation(grid)) {
  const TransformerOptions& o = model.options();
  const int64_t width = o.head_width();
  for (int64_t l = 0; l < o.n_layers; ++l) {
    keys_.push_back(at::zeros({batch, o.n_kv_heads, kernels::key_floats(capacity_, width)}, at::kFloat));
    values_.push_back(at::empty({batch, o.n_kv_heads, capacity_, width}, at::kFloat));
  }
  const auto size = [&](std::vector<float>& buffer, int64_t floats) {
    buffer.resize(static_cast<size_t>(batch * floats));
  };
  size(x_, o.dim);
  size(h_, o.dim);
  size(q_, o.n_heads * width);
  size(k_, o.n_kv_heads * width);
  size(v_, o.n_kv_heads * width);
  size(attended_, o.n_heads * width);
  size(gate_, o.ffn_hidden_size);
  size(up_, o.ffn_hidden_size);
  size(scores_, o.n_heads * kernels::key_floats(capacity_, 1));
  if (!int8) return;
  for (const auto& [path, weight] : weights_of(model)) {
    if (weight->weight.dim() != 2 || weight == model.tok_embeddings) continue;
    const at::Tensor w = weight->weight.detach().to(at::kFloat);
    const at::Tensor scales = w.abs().amax(1).clamp_min(1e-30) / 127;
    int8_[weight.get()] = {(w / scales.unsqueeze(1)).round().to(at::kChar).contiguous(), scales.contiguous()};
  }
}

void Decoder::rewind(int64_t length) {
  if (length < 0 || length > length_)
    throw usage_error("decoder: rewind to position " + std::to_string(length),
                      "0 to " + std::to_string(length_) + ", the positions it holds");
  length_ = length;
}

MatrixView Decoder::view(const Weight& weight) const {
  const at::Tensor& w = weight.weight;
  if (const auto it = int8_.find(&weight); it != int8_.end())
    return {MatrixView::Kind::i8, it->second.values.const_data_ptr(),
            it->second.scales.const_data_ptr<float>(), w.size(0), w.size(1)};
  const auto kind = w.scalar_type() == at::kBFloat16 ? MatrixView::Kind::bf16 : MatrixView::Kind::f32;
  return {kind, w.const_data_ptr(), nullptr, w.size(0), w.size(1)};
}

at::Tensor Decoder::append(const at::Tensor& tokens) {
  const at::NoGradGuard guard;
  model_.check_tokens(tokens, grid_);
  if (tokens.size(0) != batch_ || length_ + tokens.size(1) > capacity_)
    throw data_error(
        "decoder: tokens of shape (" + std::to_string(tokens.size(0)) + ", " +
            std::to_string(tokens.size(1)) + ") at position " + std::to_string(length_),
        std::to_string(batch_) + " sequences of at most " + std::to_string(capacity_) + " positions");
  if (length_ == 0 && tokens.size(1) > 1) return first_tokens(tokens);
  at::Tensor logits;
  for (int64_t i = 0; i < tokens.size(1); ++i) logits = one_token(tokens.select(1, i).contiguous());
  return logits;
}

void Decoder::store(size_t layer, const at::Tensor& k, const at::Tensor& v) {
  const at::Tensor keys = k.contiguous();
  const int64_t n = k.size(2), width = k.size(3), per_head = keys_[layer].size(2);
  values_[layer].narrow(2, 0, n).copy_(v);
  spread(batch_ * k.size(1), n * width, [&](int64_t first, int64_t last) {
    for (int64_t u = first; u < last; ++u)
      for (int64_t i = 0; i < n; ++i)
        kernels::store_key(keys.const_data_ptr<float>() + (u * n + i) * width,
                           keys_[layer].data_ptr<float>() + u * per_head, i, width);
  });
}

at::Tensor Decoder::first_tokens(const at::Tensor& tokens) {
  const TransformerOptions& o = model_.options();
  const int64_t n = tokens.size(1);
  at::Tensor x = at::embedding(model_.tok_embeddings->weight, tokens).to(at::kFloat);
  for (size_t l = 0; l < model_.layers.size(); ++l) {
    const TransformerBlock& block = *model_.layers[l];
    at::Tensor h = rms_norm(x, *block.attention_norm, o.norm_eps, false);
    const auto [k, v] = block.attention->keys_values(h, rotation_);
    store(l, k, v);
    if (l + 1 == model_.layers.size()) break;  // only the last position goes on
    x = x.add_(block.attention->attend(h, k, v, rotation_));
    h = rms_norm(x, *block.ffn_norm, o.norm_eps, false);
    x = x.add_(block.feed_forward->forward(h));
  }
  const at::Tensor last = x.select(1, n - 1).contiguous();
  std::copy_n(last.const_data_ptr<float>(), last.numel(), x_.data());
  layer_step(model_.layers.size() - 1, n - 1);
  length_ = n;
  return last_logits();
}

at::Tensor Decoder::one_token(const at::Tensor& tokens) {
  const at::Tensor x = at::embedding(model_.tok_embeddings->weight, tokens).to(at::kFloat).contiguous();
  std::copy_n(x.const_data_ptr<float>(), x.numel(), x_.data());
  for (size_t l = 0; l < model_.layers.size(); ++l) layer_step(l, length_);
  ++length_;
  return last_logits();
}

void Decoder::layer_step(size_t layer, int64_t position) {
  const TransformerOptions& o = model_.options();
  const TransformerBlock& block = *model_.layers[layer];
  const TokenAttention& attention = *block.attention;
  const auto normalised = [&](const Weight& norm) {
    const at::Tensor w = norm.weight.to(at::kFloat);
    kernels::rms_norm(x_.data(), w.const_data_ptr<float>(), h_.data(), nullptr, batch_, o.dim,
                      static_cast<float>(o.norm_eps));
    return h_.data();
  };
  multiply(
      {{view(*attention.wq), q_.data()}, {view(*attention.wk), k_.data()}, {view(*attention.wv), v_.data()}},
      normalised(*block.attention_norm), batch_);
  attend_step(layer, position);
  multiply({{view(*attention.wo), x_.data()}}, attended_.data(), batch_, /*add=*/true);

  const float* h = normalised(*block.ffn_norm);
  const TokenMlp& mlp = *block.feed_forward;
  const MatrixView w1 = view(*mlp.w1), w3 = view(*mlp.w3);
  core::add_operations(4 * batch_ * w1.in * w1.out);
  spread(w1.out, 2 * batch_ * w1.in, [&](int64_t a, int64_t b) {
    kernels::matrix_rows(w1, h, batch_, a, b, gate_.data(), w1.out, false);
    kernels::matrix_rows(w3, h, batch_, a, b, up_.data(), w1.out, false);
    for (int64_t r = 0; r < batch_; ++r) {
      float* gate = gate_.data() + r * w1.out + a;
      kernels::swiglu(gate, up_.data() + r * w1.out + a, gate, b - a);
    }
  });
  multiply({{view(*mlp.w2), x_.data()}}, gate_.data(), batch_, /*add=*/true);
}

void Decoder::attend_step(size_t layer, int64_t position) {
  const TransformerOptions& o = model_.options();
  const TokenAttention& attention = *model_.layers[layer]->attention;
  const int64_t width = o.head_width(), kv = o.n_kv_heads, group = o.n_heads / kv;
  const auto eps = static_cast<float>(o.norm_eps);
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(width)));
  const float* cos = rotation_.cos.const_data_ptr<float>() + position * (width / 2);
  const float* sin = rotation_.sin.const_data_ptr<float>() + position * (width / 2);
  const auto head_norm = [](const std::shared_ptr<Weight>& norm) {
    return norm ? norm->weight.to(at::kFloat) : at::Tensor();
  };
  const at::Tensor q_norm = head_norm(attention.q_norm), k_norm = head_norm(attention.k_norm);
  const auto data = [](const at::Tensor& t) { return t.defined() ? t.const_data_ptr<float>() : nullptr; };
  const int64_t per_head = keys_[layer].size(2), per_score = kernels::key_floats(capacity_, 1);
  core::add_operations(4 * batch_ * o.n_heads * (position + 1) * width);
  spread(batch_ * kv, 2 * group * (position + 1) * width, [&](int64_t first, int64_t last) {
    std::vector<float> turned(static_cast<size_t>(group * width));
    for (int64_t u = first; u < last; ++u) {
      float* keys = keys_[layer].data_ptr<float>() + u * per_head;
      float* values = values_[layer].data_ptr<float>() + u * capacity_ * width;
      kernels::norm_rotate(k_.data() + u * width, data(k_norm), cos, sin, turned.data(), nullptr, width, eps);
      kernels::store_key(turned.data(), keys, position, width);
      std::copy_n(v_.data() + u * width, width, values + position * width);
      for (int64_t g = 0; g < group; ++g)
        kernels::norm_rotate(q_.data() + (u * group + g) * width, data(q_norm), cos, sin,
                             turned.data() + g * width, nullptr, width, eps);
      for (float& value : turned) value *= scale;
      kernels::attend(turned.data(), keys, values, group, position + 1, width,
                      scores_.data() + u * group * per_score, attended_.data() + u * group * width);
    }
  });
}

at::Tensor Decoder::last_logits() {
  const TransformerOptions& o = model_.options();
  const at::Tensor w = model_.norm->weight.to(at::kFloat);
  kernels::rms_norm(x_.data(), w.const_data_ptr<float>(), h_.data(), nullptr, batch_, o.dim,
                    static_cast<float>(o.norm_eps));
  at::Tensor logits = at::empty({batch_, o.vocab_size}, at::kFloat);
  multiply({{view(*model_.output), logits.data_ptr<float>()}}, h_.data(), batch_);
  return logits;
}

at::Tensor generate(const TokenTransformer& model, const at::Tensor& prompt, int64_t count,
                    const LatentGrid& grid, const SamplingOptions& sampling, uint64_t first_stream) {
  const at::NoGradGuard guard;
  model.check_tokens(prompt, grid);
  const int64_t batch = prompt.size(0), vocabulary = model.options().vocab_size;
  if (prompt.size(1) + count > grid.positions())
    throw data_error(
        "generate: " + std::to_string(prompt.size(1)) + " + " + std::to_string(count) + " tokens",
        "at most " + std::to_string(grid.positions()) + ", the positions of the grid");
  std::vector<Sampler> samplers;
  for (int64_t b = 0; b < batch; ++b)
    samplers.emplace_back(sampling, first_stream + static_cast<uint64_t>(b));
  const bool reference = model.options().reference();
  std::optional<Decoder> decoder;
  if (!reference) decoder.emplace(model, grid, batch);
  at::Tensor generated = at::empty({batch, count}, at::kLong);
  at::Tensor next = prompt;
  for (int64_t i = 0; i < count; ++i) {
    const at::Tensor logits =
        reference ? model.logits(i == 0 ? prompt : at::cat({prompt, generated.narrow(1, 0, i)}, 1), grid)
                        .select(1, -1)
                        .contiguous()
                  : decoder->append(next);
    next = at::empty({batch, 1}, at::kLong);
    for (int64_t b = 0; b < batch; ++b)
      next.data_ptr<int64_t>()[b] = samplers[static_cast<size_t>(b)](
          {logits.const_data_ptr<float>() + b * vocabulary, static_cast<size_t>(vocabulary)});
    generated.narrow(1, i, 1).copy_(next);
  }
  return generated;
}

}  // namespace windtunnel::tokenizers
