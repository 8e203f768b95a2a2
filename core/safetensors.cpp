#include "core/safetensors.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace windtunnel::core {
namespace {

static_assert(std::endian::native == std::endian::little, "the formats read here are little endian");

constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr int kMaxDepth = 4;
constexpr size_t kMaxAxes = 64;
constexpr size_t kAlignment = 64;

struct TypeInfo {
  DType type;
  const char* name;
  size_t bytes;
};
constexpr TypeInfo kTypes[] = {
    {DType::f64, "F64", 8}, {DType::f32, "F32", 4},      {DType::f16, "F16", 2}, {DType::bf16, "BF16", 2},
    {DType::i64, "I64", 8}, {DType::i32, "I32", 4},      {DType::i16, "I16", 2}, {DType::i8, "I8", 1},
    {DType::u8, "U8", 1},   {DType::boolean, "BOOL", 1}, {DType::c64, "C64", 8}, {DType::c128, "C128", 16}};

const TypeInfo& info_of(DType type) {
  for (const auto& info : kTypes)
    if (info.type == type) return info;
  throw data_error("unknown element type number " + std::to_string(static_cast<int>(type)));
}

std::string type_names() {
  std::vector<std::string> names;
  for (const auto& info : kTypes) names.emplace_back(info.name);
  return join(names, ", ");
}

/// JSON of the header with bounded depth and no repeated key.
Json parse_header(const char* text, size_t length, const std::string& path) {
  std::vector<std::set<std::string>> keys(kMaxDepth + 2);
  const auto guard = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kMaxDepth)
      throw data_error(path + ": header nests deeper than " + std::to_string(kMaxDepth) + " levels",
                       "{name: {dtype, shape, data_offsets}}");
    if (event == Json::parse_event_t::object_start) keys[static_cast<size_t>(depth) + 1].clear();
    if (event == Json::parse_event_t::key &&
        !keys[static_cast<size_t>(depth)].insert(value.get<std::string>()).second)
      throw data_error(path + ": header names '" + value.get<std::string>() + "' twice", "each name once");
    return true;
  };
  try {
    Json header = Json::parse(text, text + length, guard);
    if (!header.is_object()) throw data_error(path + ": header is not a JSON object", "a safetensors file");
    return header;
  } catch (const Json::exception& error) {
    throw data_error(path + ": header is not valid JSON: " + error.what(), "a safetensors file");
  }
}

uint64_t whole_number(const Json& value, const std::string& where) {
  if (!value.is_number_unsigned() ||
      value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    throw data_error(where + ": found " + value.dump(-1, ' ', false, Json::error_handler_t::replace),
                     "a whole number from 0 to 2^63-1");
  return value.get<uint64_t>();
}

struct Entry {
  std::string name;
  TensorView view;
  uint64_t begin = 0, end = 0;
};

Entry parse_entry(const std::string& name, const Json& value, const std::string& path) {
  const std::string where = path + ": tensor '" + name + "'";
  if (!value.is_object())
    throw data_error(where + " is not described by an object", "{dtype, shape, data_offsets}");
  for (const char* key : {"dtype", "shape", "data_offsets"})
    if (!value.contains(key))
      throw data_error(where + " has no '" + key + "'", "{dtype, shape, data_offsets}");

  Entry entry;
  entry.name = name;
  const Json& type = value["dtype"];
  const auto* known = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeInfo& info) {
    return type.is_string() && type == info.name;
  });
  if (known == std::end(kTypes))
    throw data_error(where + " has dtype " + type.dump(-1, ' ', false, Json::error_handler_t::replace),
                     "one of " + type_names());
  entry.view.type = known->type;

  const Json& shape = value["shape"];
  if (!shape.is_array() || shape.size() > kMaxAxes)
    throw data_error(where + ": shape is not a list of at most " + std::to_string(kMaxAxes) + " sizes");
  uint64_t bytes = known->bytes, guarded = known->bytes;
  for (const auto& axis : shape) {
    const uint64_t size = whole_number(axis, where + ", shape");
    entry.view.shape.push_back(static_cast<int64_t>(size));
    bytes *= size;
    if (__builtin_mul_overflow(guarded, std::max<uint64_t>(size, 1), &guarded) || guarded >> 62)
      throw data_error(where + ": shape " + to_string(entry.view.shape) + " is larger than any memory");
  }

  const Json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2)
    throw data_error(where + ": data_offsets is not a pair", "[begin, end]");
  entry.begin = whole_number(offsets[0], where + ", data_offsets");
  entry.end = whole_number(offsets[1], where + ", data_offsets");
  if (entry.begin > entry.end || entry.end - entry.begin != bytes)
    throw data_error(where + ": data_offsets " + offsets.dump() + " do not fit shape " +
                         to_string(entry.view.shape) + " of " + known->name,
                     std::to_string(bytes) + " bytes");
  return entry;
}

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu, fraction = half & 0x3ffu;
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -value : value;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

float bfloat_to_float(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

/// Converts element by element through memcpy: data of a mapped file need not be aligned.
template <class From, class To, class Convert>
std::vector<To> convert(const TensorView& view, Convert&& f) {
  std::vector<To> out(static_cast<size_t>(view.numel()));
  for (size_t i = 0; i < out.size(); ++i) {
    From value;
    std::memcpy(&value, view.data + i * sizeof(From), sizeof(From));
    out[i] = static_cast<To>(f(value));
  }
  return out;
}

template <class To>
std::vector<To> to_reals(const TensorView& view) {
  const auto same = [](auto value) { return value; };
  switch (view.type) {
    case DType::f64:
      return convert<double, To>(view, same);
    case DType::f32: {
      if constexpr (std::is_same_v<To, float>) {
        std::vector<float> out(static_cast<size_t>(view.numel()));
        if (!out.empty()) std::memcpy(out.data(), view.data, view.bytes());
        return out;
      }
      return convert<float, To>(view, same);
    }
    case DType::f16:
      return convert<uint16_t, To>(view, half_to_float);
    case DType::bf16:
      return convert<uint16_t, To>(view, bfloat_to_float);
    case DType::i64:
      return convert<int64_t, To>(view, same);
    case DType::i32:
      return convert<int32_t, To>(view, same);
    case DType::i16:
      return convert<int16_t, To>(view, same);
    case DType::i8:
      return convert<int8_t, To>(view, same);
    case DType::u8:
      return convert<uint8_t, To>(view, same);
    case DType::boolean:
      return convert<uint8_t, To>(view, [](uint8_t value) { return value ? 1 : 0; });
    case DType::c64:
    case DType::c128:
      break;
  }
  throw data_error("a complex tensor " + to_string(view.shape) + " of " + to_string(view.type),
                   "a real tensor");
}

template <class Read>
auto with_place(const std::string& path, const std::string& name, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw data_error(path + ": tensor '" + name + "': " + error.found(), error.expected());
  }
}

}  // namespace

size_t item_size(DType type) { return info_of(type).bytes; }
const char* to_string(DType type) { return info_of(type).name; }

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(std::make_shared<MappedFile>(path)) {
  const std::string& origin = file_->path();
  if (file_->size() < 8)
    throw data_error(origin + " has " + std::to_string(file_->size()) + " bytes",
                     "a safetensors file (8 or more)");
  uint64_t length = 0;
  std::memcpy(&length, file_->data(), 8);
  if (length > kMaxHeader || length > file_->size() - 8)
    throw data_error(origin + ": header length " + std::to_string(length) + " in a file of " +
                         std::to_string(file_->size()) + " bytes",
                     "a whole safetensors file", "the file is cut off or of another format");
  const Json header = parse_header(reinterpret_cast<const char*>(file_->data()) + 8, length, origin);

  const uint64_t room = file_->size() - 8 - length;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name != "__metadata__") {
      entries.push_back(parse_entry(name, value, origin));
      continue;
    }
    if (!value.is_object()) throw data_error(origin + ": __metadata__ is not an object", "{text: text}");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string())
        throw data_error(origin + ": __metadata__ '" + key + "' is not text", "{text: text}");
      metadata_[key] = text.get<std::string>();
    }
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });

  uint64_t covered = 0;
  for (auto& entry : entries) {
    if (entry.end > room)
      throw data_error(origin + ": tensor '" + entry.name + "' ends at data byte " +
                           std::to_string(entry.end) + " of " + std::to_string(room),
                       "a whole safetensors file", "the file is cut off");
    if (entry.begin != covered)
      throw data_error(
          origin + ": tensor '" + entry.name + "' begins at data byte " + std::to_string(entry.begin),
          "byte " + std::to_string(covered) + ", directly behind its predecessor");
    covered = entry.end;
    entry.view.data = file_->data() + 8 + length + entry.begin;
    names_.push_back(entry.name);
    tensors_.emplace(entry.name, entry.view);
  }
  if (covered != room)
    throw data_error(origin + ": " + std::to_string(room - covered) + " bytes behind the last tensor",
                     "none");
}

const TensorView& SafetensorsFile::at(const std::string& name) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) {
    const std::string near = nearest(name, names_);
    throw data_error(file_->path() + " has no tensor '" + name + "'",
                     std::to_string(names_.size()) + " other names",
                     near.empty() ? "" : "the nearest name is '" + near + "'");
  }
  return it->second;
}

Array SafetensorsFile::floats(const std::string& name) const {
  const TensorView& view = at(name);
  return with_place(file_->path(), name, [&] { return Array(view.shape, to_floats(view)); });
}

std::vector<double> SafetensorsFile::doubles(const std::string& name) const {
  const TensorView& view = at(name);
  return with_place(file_->path(), name, [&] { return to_doubles(view); });
}

std::vector<float> to_floats(const TensorView& view) { return to_reals<float>(view); }
std::vector<double> to_doubles(const TensorView& view) { return to_reals<double>(view); }

void write_safetensors(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, TensorView>>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<const std::pair<std::string, TensorView>*> order;
  std::set<std::string> seen;
  for (const auto& tensor : tensors) {
    if (tensor.first == "__metadata__" || !seen.insert(tensor.first).second)
      throw data_error("cannot write " + path.string() + ": tensor name '" + tensor.first + "' is taken",
                       "different names");
    order.push_back(&tensor);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return item_size(a->second.type) > item_size(b->second.type);
  });

  std::string header = "{";
  try {
    if (!metadata.empty()) header += "\"__metadata__\":" + Json(metadata).dump();
    uint64_t offset = 0;
    for (const auto* tensor : order) {
      const TensorView& view = tensor->second;
      const Json entry = {{"dtype", to_string(view.type)},
                          {"shape", view.shape},
                          {"data_offsets", {offset, offset + view.bytes()}}};
      header += (header.size() > 1 ? "," : "") + Json(tensor->first).dump() + ":" + entry.dump();
      offset += view.bytes();
    }
  } catch (const Json::exception&) {
    throw data_error("cannot write " + path.string() + ": a name or metadata text is not UTF-8",
                     "UTF-8 text");
  }
  header += "}";
  header.resize((header.size() + 8 + kAlignment - 1) / kAlignment * kAlignment - 8, ' ');
  const uint64_t length = header.size();

  write_atomic(path, [&](const std::filesystem::path& temporary) {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    if (!out)
      throw environment_error("cannot write " + path.string() + ": " + std::strerror(errno),
                              "an existing folder with write permission");
    out.write(reinterpret_cast<const char*>(&length), 8);
    out.write(header.data(), static_cast<std::streamsize>(length));
    for (const auto* tensor : order)
      out.write(reinterpret_cast<const char*>(tensor->second.data),
                static_cast<std::streamsize>(tensor->second.bytes()));
    out.close();
    if (!out)
      throw environment_error("cannot write " + path.string() + ": " + std::strerror(errno),
                              "room on the disk", "free disk space or choose another folder");
  });
}

}  // namespace windtunnel::core
