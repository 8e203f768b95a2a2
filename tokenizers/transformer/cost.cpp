#include "tokenizers/transformer/cost.h"

#include <cstdio>
#include <fstream>
#include <vector>

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::tokenizers {
namespace {

constexpr int64_t kFloat = 4;

std::string gigabytes(int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, bytes < 1'000'000'000 ? "%.3g GB" : "%.1f GB",
                static_cast<double>(bytes) / 1e9);
  return text;
}

}  // namespace

TransformerCost::TransformerCost(const TransformerOptions& o) {
  const int64_t hd = o.head_width(), embedding = o.vocab_size * o.dim;
  const int64_t layer =
      2 * o.dim * o.n_heads * hd + 2 * o.dim * o.n_kv_heads * hd + 3 * o.dim * o.ffn_hidden_size;
  matrix_entries = embedding + o.n_layers * layer;
  parameters =
      embedding + matrix_entries + o.dim + o.n_layers * (2 * o.dim + (o.use_qk_normalization ? 2 * hd : 0));
  flop_per_token = 2 * matrix_entries;
  attention_flop = 4 * o.n_layers * o.n_heads * hd;
  cache_floats = 2 * o.n_layers * o.n_kv_heads * hd;
}

TransformerMemory TransformerMemory::decoding(const TransformerOptions& o, const LatentGrid& grid,
                                              int64_t batch, int64_t weight_bytes) {
  const TransformerCost cost(o);
  TransformerMemory m;
  m.weights = cost.parameters * weight_bytes;
  m.cache = batch * grid.positions() * cost.cache_floats * kFloat;
  // The prompt of half a window passes through the layers at once.
  m.activations = batch * grid.positions() / 2 *
                  (4 * o.dim + 2 * o.n_heads * o.head_width() + 3 * o.ffn_hidden_size) * kFloat;
  return m;
}

TransformerMemory TransformerMemory::training(const TransformerOptions& o, const LatentGrid& grid,
                                              int64_t batch) {
  const int64_t parameters = TransformerCost(o).parameters, hd = o.head_width();
  TransformerMemory m;
  m.weights = parameters * kFloat;
  m.gradients = m.weights;
  m.optimiser = 2 * m.weights;
  // Kept per layer and position: residual twice, two normalised inputs, q, k, v before and after rotation,
  // the attention's result twice, both halves of the feed-forward part and their product.
  const int64_t layer = 4 * o.dim + 4 * o.n_heads * hd + 4 * o.n_kv_heads * hd + 3 * o.ffn_hidden_size;
  m.activations = batch * grid.positions() * (o.n_layers * layer + 3 * o.dim) * kFloat;
  return m;
}

std::string TransformerMemory::text() const {
  std::vector<std::string> parts;
  const auto add = [&](const char* name, int64_t bytes) {
    if (bytes > 0) parts.push_back(std::string(name) + " " + gigabytes(bytes));
  };
  add("weights", weights);
  add("gradients", gradients);
  add("optimiser", optimiser);
  add("cache", cache);
  add("activations", activations);
  return core::join(parts, " + ") + " = " + gigabytes(total());
}

int64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  int64_t kilobytes = 0;
  for (std::string unit; file >> key >> kilobytes; std::getline(file, unit))
    if (key == "MemAvailable:") return kilobytes * 1024;
  return 0;
}

void require_memory(const TransformerMemory& needed, const std::string& what) {
  const int64_t available = available_memory();
  if (available > 0 && needed.total() > available)
    throw environment_error(
        what + " needs " + needed.text() + ", but " + gigabytes(available) + " are available",
        "a machine with enough memory", "choose a smaller size or batch");
}

}  // namespace windtunnel::tokenizers
