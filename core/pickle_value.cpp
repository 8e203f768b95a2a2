#include <algorithm>
#include <complex>
#include <cstring>

#include "core/error.h"
#include "core/pickle.h"
#include "core/text.h"

namespace windtunnel::core {
namespace {

[[noreturn]] void wrong(const PickleValue& value, const char* expected) {
  throw data_error("found " + describe(value), expected);
}

template <class T>
void negate(std::byte* data, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, data + i * sizeof(T), sizeof(T));
    value = static_cast<T>(-value);
    std::memcpy(data + i * sizeof(T), &value, sizeof(T));
  }
}

template <class T>
void conjugate(std::byte* data, size_t count) {
  for (size_t i = 0; i < count; ++i) negate<T>(data + (2 * i + 1) * sizeof(T), 1);
}

void negate(DType type, std::byte* data, size_t count) {
  switch (type) {
    case DType::f64:
      return negate<double>(data, count);
    case DType::f32:
      return negate<float>(data, count);
    case DType::c64:
      return negate<float>(data, 2 * count);
    case DType::c128:
      return negate<double>(data, 2 * count);
    case DType::f16:
    case DType::bf16:  // the sign is the top bit of the second byte
      for (size_t i = 0; i < count; ++i) data[2 * i + 1] ^= std::byte{0x80};
      return;
    case DType::i64:
    case DType::i32:
    case DType::i16:
    case DType::i8:
    case DType::u8:
    case DType::boolean:
      throw data_error(std::string("a negated view of ") + to_string(type), "a float or complex view");
  }
}

}  // namespace

std::vector<std::byte> PickleTensor::dense() const {
  const size_t item = item_size(type), count = static_cast<size_t>(numel(shape));
  std::vector<std::byte> out(count * item);
  if (count == 0) return out;

  int64_t expected = 1;
  bool contiguous = true;
  for (size_t i = shape.size(); i-- > 0;) {
    contiguous &= shape[i] == 1 || strides[i] == expected;
    expected *= shape[i];
  }
  const std::byte* base = storage + static_cast<size_t>(offset) * item;
  if (contiguous) {
    std::memcpy(out.data(), base, out.size());
  } else {
    std::vector<int64_t> index(shape.size(), 0);
    int64_t from = 0;
    for (size_t i = 0; i < count; ++i) {
      std::memcpy(out.data() + i * item, base + static_cast<size_t>(from) * item, item);
      for (size_t axis = shape.size(); axis-- > 0;) {
        from += strides[axis];
        if (++index[axis] < shape[axis]) break;
        from -= strides[axis] * shape[axis];
        index[axis] = 0;
      }
    }
  }
  if (conj && type == DType::c64) conjugate<float>(out.data(), count);
  if (conj && type == DType::c128) conjugate<double>(out.data(), count);
  if (neg) negate(type, out.data(), count);
  return out;
}

int64_t PickleValue::integer() const {
  if (const auto* number = std::get_if<int64_t>(&value)) return *number;
  wrong(*this, "an integer");
}

double PickleValue::real() const {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* number = std::get_if<int64_t>(&value)) return static_cast<double>(*number);
  if (const auto* scalar = std::get_if<PickleTensor>(&value); scalar && numel(scalar->shape) == 1) {
    const auto bytes = scalar->dense();
    return to_doubles({scalar->type, {}, bytes.data()})[0];
  }
  wrong(*this, "a number");
}

const std::string& PickleValue::text() const {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  wrong(*this, "a text");
}

const PickleTensor& PickleValue::tensor() const {
  if (const auto* tensor = std::get_if<PickleTensor>(&value)) return *tensor;
  wrong(*this, "a tensor");
}

const PickleDict& PickleValue::dict() const {
  if (const auto* dict = std::get_if<PickleDict>(&value)) return *dict;
  wrong(*this, "a dictionary");
}

const PickleList& PickleValue::list() const {
  if (const auto* list = std::get_if<PickleList>(&value)) return *list;
  wrong(*this, "a list or tuple");
}

PicklePtr PickleValue::find(const std::string& key) const {
  const auto* dict = std::get_if<PickleDict>(&value);
  if (!dict) return nullptr;
  const auto it = std::find_if(dict->items.rbegin(), dict->items.rend(), [&](const auto& item) {
    const auto* name = std::get_if<std::string>(&item.first->value);
    return name && *name == key;
  });
  return it == dict->items.rend() ? nullptr : it->second;
}

std::string describe(const PickleValue& value) {
  struct Visitor {
    std::string operator()(std::monostate) const { return "None"; }
    std::string operator()(bool flag) const { return flag ? "True" : "False"; }
    std::string operator()(int64_t number) const { return "the integer " + std::to_string(number); }
    std::string operator()(double number) const { return "the number " + core::number(number); }
    std::string operator()(const std::string& text) const {
      std::string shown;
      for (const char c : text.substr(0, 40)) shown += c >= ' ' && c < 0x7f ? c : '?';
      return "the text '" + shown + (text.size() > 40 ? "...'" : "'");
    }
    std::string operator()(const PickleTensor& tensor) const { return "a tensor " + to_string(tensor.shape); }
    std::string operator()(const PickleDict& dict) const {
      return "a dictionary of " + std::to_string(dict.items.size()) + " entries";
    }
    std::string operator()(const PickleList& list) const {
      return "a " + list.kind + " of " + std::to_string(list.items.size()) + " entries";
    }
    std::string operator()(const PickleOpaque& object) const {
      return (object.arguments ? "an object made by " : "the name ") + object.callable;
    }
  };
  return std::visit(Visitor{}, value.value);
}

}  // namespace windtunnel::core
