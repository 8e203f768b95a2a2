#include "datasets/normalizer.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "core/torch_file.h"
#include "datasets/torch_bridge.h"

namespace windtunnel::datasets {

using core::Json;
namespace fs = std::filesystem;

namespace {

constexpr int64_t kLanes = 16;

/// One value per channel repeated over kLanes points, so that the inner loops run over plain arrays of known
/// length.
std::vector<float> tiled(const std::vector<float>& values) {
  std::vector<float> tile;
  for (int64_t i = 0; i < kLanes; ++i) tile.insert(tile.end(), values.begin(), values.end());
  return tile;
}

void forwards(float* __restrict x, const float* __restrict shift, const float* __restrict scale) {
  for (int64_t k = 0; k < kLanes; ++k) x[k] = (x[k] - shift[k]) / scale[k];
}

void backwards(float* __restrict x, const float* __restrict shift, const float* __restrict scale) {
  for (int64_t k = 0; k < kLanes; ++k) x[k] = x[k] * scale[k] + shift[k];
}

template <void (*operation)(float*, const float*, const float*)>
void for_channels(float* x, int64_t points, int64_t channels, const std::vector<float>& shift,
                  const std::vector<float>& scale) {
  const std::vector<float> a = tiled(shift), b = tiled(scale);
  const int64_t tile = kLanes * channels, count = points * channels, whole = count - count % tile;
  for (int64_t i = 0; i < whole; i += tile)
    for (int64_t block = 0; block < tile; block += kLanes)
      operation(x + i + block, a.data() + block, b.data() + block);
  if (whole == count) return;
  std::vector<float> rest(x + whole, x + count);
  rest.resize(static_cast<size_t>(tile));
  for (int64_t block = 0; block < tile; block += kLanes)
    operation(rest.data() + block, a.data() + block, b.data() + block);
  std::copy_n(rest.begin(), count - whole, x + whole);
}

std::string normal_kind(const std::string& kind) {
  const std::vector<std::string> kinds = {"identity", "gaussian", "range"};
  if (kind == "none") return "identity";
  for (const auto& known : kinds)
    if (kind == known) return kind;
  throw usage_error("unknown normalizer '" + kind + "'", core::join(kinds, ", ") + " or none",
                    core::suggestion(kind, kinds));
}

std::vector<float> floats_of(const Json& value, const std::string& key, const std::string& where) {
  const auto it = value.find(key);
  if (it == value.end() || !it->is_array())
    throw data_error(where + ": no list '" + key + "'", "one number per channel");
  std::vector<float> out;
  for (const auto& item : *it) {
    if (!item.is_number()) throw data_error(where + ": '" + key + "' holds " + item.dump(), "numbers");
    out.push_back(item.get<float>());
  }
  return out;
}

}  // namespace

Normalizer::Normalizer(std::string kind, std::vector<float> input_shift, std::vector<float> input_scale,
                       std::vector<float> target_shift, std::vector<float> target_scale)
    : kind_(normal_kind(kind)),
      input_shift_(std::move(input_shift)),
      input_scale_(std::move(input_scale)),
      target_shift_(std::move(target_shift)),
      target_scale_(std::move(target_scale)) {
  if (input_shift_.size() != input_scale_.size() || target_shift_.size() != target_scale_.size())
    throw data_error("normalizer statistics of " + std::to_string(input_shift_.size()) + ", " +
                         std::to_string(input_scale_.size()) + ", " + std::to_string(target_shift_.size()) +
                         ", " + std::to_string(target_scale_.size()) + " channels",
                     "equal numbers of shifts and scales");
  for (const auto* list : {&input_shift_, &input_scale_, &target_shift_, &target_scale_})
    for (const float value : *list)
      if (!std::isfinite(value)) throw data_error("a normalizer statistic is not finite", "finite numbers");
}

void Normalizer::check(const std::vector<float>& statistics, int64_t channels) const {
  if (!is_identity() && static_cast<int64_t>(statistics.size()) < channels)
    throw data_error("the normalizer has statistics of " + std::to_string(statistics.size()) + " channels",
                     "at least " + std::to_string(channels) + ", the channels of the field");
}

std::vector<float> Normalizer::shift(bool target, int64_t channels) const {
  if (is_identity()) return std::vector<float>(static_cast<size_t>(channels), 0.0f);
  const auto& all = target ? target_shift_ : input_shift_;
  check(all, channels);
  return {all.begin(), all.begin() + channels};
}

std::vector<float> Normalizer::scale(bool target, int64_t channels) const {
  if (is_identity()) return std::vector<float>(static_cast<size_t>(channels), 1.0f);
  const auto& all = target ? target_scale_ : input_scale_;
  check(all, channels);
  std::vector<float> out(all.begin(), all.begin() + channels);
  for (float& value : out)
    if (value == 0) value = 1;
  return out;
}

void Normalizer::apply_input(float* x, int64_t points, int64_t channels) const {
  if (!is_identity())
    for_channels<forwards>(x, points, channels, shift(false, channels), scale(false, channels));
}
void Normalizer::apply_target(float* y, int64_t points, int64_t channels) const {
  if (!is_identity())
    for_channels<forwards>(y, points, channels, shift(true, channels), scale(true, channels));
}
void Normalizer::invert_input(float* x, int64_t points, int64_t channels) const {
  if (!is_identity())
    for_channels<backwards>(x, points, channels, shift(false, channels), scale(false, channels));
}
void Normalizer::invert_target(float* y, int64_t points, int64_t channels) const {
  if (!is_identity())
    for_channels<backwards>(y, points, channels, shift(true, channels), scale(true, channels));
}

Json Normalizer::json() const {
  // A float written as the double of equal value reads back to the same bits.
  return {{"kind", kind_},
          {"input_shift", input_shift_},
          {"input_scale", input_scale_},
          {"target_shift", target_shift_},
          {"target_scale", target_scale_},
          {"source", source}};
}

Normalizer Normalizer::from_json(const Json& value, const std::string& where) {
  if (!value.is_object() || !value.contains("kind") || !value["kind"].is_string())
    throw data_error(where + ": not a normalizer", "an object with kind and statistics");
  Normalizer n(value["kind"].get<std::string>(), floats_of(value, "input_shift", where),
               floats_of(value, "input_scale", where), floats_of(value, "target_shift", where),
               floats_of(value, "target_scale", where));
  if (value.contains("source")) n.source = value["source"];
  return n;
}

Normalizer read_normalizer_cache(const fs::path& path, const std::string& kind) {
  const core::TorchFile file(path);
  const auto& items = file.root().list().items;
  const size_t expected = kind == "gaussian" ? 4 : 2;
  if (items.size() != expected)
    throw data_error(path.string() + " holds " + std::to_string(items.size()) + " entries",
                     "a tuple of " + std::to_string(expected) + " vectors");
  std::vector<std::vector<float>> parts;
  for (const auto& item : items) {
    const core::PickleTensor& tensor = item->tensor();
    if (tensor.shape.size() != 1)
      throw data_error(path.string() + ": a statistic has shape " + core::to_string(tensor.shape),
                       "one axis, channels");
    const std::vector<std::byte> bytes = tensor.dense();
    parts.push_back(core::to_floats({tensor.type, tensor.shape, bytes.data()}));
  }
  Normalizer n;
  if (kind == "gaussian")
    n = Normalizer(kind, parts[0], parts[2], parts[1], parts[3]);
  else
    n = Normalizer(kind, std::vector<float>(parts[0].size()), parts[0], std::vector<float>(parts[1].size()),
                   parts[1]);
  n.source = {{"cache", path.filename().string()}};
  return n;
}

void write_normalizer_cache(const fs::path& path, const Normalizer& n) {
  if (n.is_identity())
    throw usage_error("the identity has no statistics to store", "a gaussian or range normalizer");
  const auto parts = n.kind() == "gaussian"
                         ? std::vector{n.input_shift(), n.target_shift(), n.input_scale(), n.target_scale()}
                         : std::vector{n.input_scale(), n.target_scale()};
  core::write_file_atomic(path, pickled_tuple(parts));
}

Normalizer make_normalizer(const Scenario& scenario, const fs::path& root, Side side,
                           const StatisticsOptions& options, std::optional<double> mask_prob, uint64_t seed) {
  StatisticsOptions o = options;
  o.kind = normal_kind(options.kind);
  if (o.kind == "identity") return {};
  WindowOptions w;
  w.seed = seed;
  w.protocol = o.protocol;
  if (o.protocol == "published") {
    const fs::path cache = scenario.home(root) / (o.kind == "gaussian" ? "mean_std.pt" : "max.pt");
    std::error_code ignored;
    if (fs::exists(cache, ignored)) return read_normalizer_cache(cache, o.kind);
    w.side = Side::numerical;
  } else {
    w.side = side;
    w.mask_prob = mask_prob;
  }
  return measure(WindowDataset(scenario, root, w), o);
}

}  // namespace windtunnel::datasets
