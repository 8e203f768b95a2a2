#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "core/error.h"
#include "core/pickle.h"
#include "core/text.h"

namespace windtunnel::core {
namespace {

constexpr size_t kMaxAxes = 64;
constexpr int kMaxNesting = 8;  // a subclass of a parameter of a tensor: calls inside calls

using Arguments = std::vector<PicklePtr>;

/// One call to interpret; `fail` names file and byte.
struct Call {
  std::string callable;
  const Arguments& arguments;
  const std::string& where;
  int depth = 0;

  [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
    throw data_error(where + ": " + callable + ": " + found, expected, "the file is damaged");
  }
  const PickleValue& at(size_t i) const {
    if (i >= arguments.size())
      fail("has " + std::to_string(arguments.size()) + " arguments", "more than " + std::to_string(i));
    return *arguments[i];
  }
  template <class T>
  const T& as(size_t i, const char* expected) const {
    const auto* value = std::get_if<T>(&at(i).value);
    if (!value) fail("argument " + std::to_string(i) + " is " + describe(at(i)), expected);
    return *value;
  }
  const Arguments& list(size_t i) const { return as<PickleList>(i, "a tuple").items; }
  std::vector<int64_t> integers(size_t i) const {
    std::vector<int64_t> values;
    for (const auto& item : list(i)) {
      const auto* value = std::get_if<int64_t>(&item->value);
      if (!value || *value < 0) fail("a size or stride is " + describe(*item), "a whole number from 0");
      values.push_back(*value);
    }
    if (values.size() > kMaxAxes) fail(std::to_string(values.size()) + " axes", "64 or fewer");
    return values;
  }
};

PickleValue opaque(const Call& call, const PicklePtr& arguments) {
  return {PickleOpaque{call.callable, arguments, nullptr}};
}

/// Shape, strides and offset must stay inside the storage.
PickleValue view_of_storage(const Call& call, PickleTensor tensor) {
  const auto& offset = call.as<int64_t>(1, "an element offset");
  tensor.shape = call.integers(2);
  tensor.strides = call.integers(3);
  tensor.offset = offset;
  if (tensor.shape.size() != tensor.strides.size())
    call.fail(std::to_string(tensor.shape.size()) + " sizes and " + std::to_string(tensor.strides.size()) +
                  " strides",
              "as many sizes as strides");
  int64_t count = 1, last = offset;
  bool empty = false, overflow = offset < 0;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    const int64_t size = std::max<int64_t>(tensor.shape[i], 1);
    int64_t reach = 0;
    empty |= tensor.shape[i] == 0;
    overflow |= __builtin_mul_overflow(count, size, &count) || count > (int64_t{1} << 58);
    overflow |= __builtin_mul_overflow(size - 1, tensor.strides[i], &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  if (overflow || (!empty && last >= tensor.storage_numel))
    call.fail("shape " + to_string(tensor.shape) + ", strides " + to_string(tensor.strides) + " and offset " +
                  std::to_string(offset) + " leave storage '" + tensor.storage_key + "' of " +
                  std::to_string(tensor.storage_numel) + " elements",
              "a view inside its storage");
  return {std::move(tensor)};
}

bool flag(const PickleDict& dict, const std::string& key) {
  for (const auto& [name, value] : dict.items) {
    const auto* text = std::get_if<std::string>(&name->value);
    const auto* set = std::get_if<bool>(&value->value);
    if (text && *text == key && set) return *set;
  }
  return false;
}

/// (storage, offset, size, stride[, requires_grad, hooks[, {conj, neg}]])
PickleValue rebuild_tensor(const Call& call, const PicklePtr& arguments) {
  if (std::holds_alternative<PickleOpaque>(call.at(0).value))
    return opaque(call, arguments);  // unknown element type
  PickleValue value = view_of_storage(call, call.as<PickleTensor>(0, "a storage"));
  auto& tensor = std::get<PickleTensor>(value.value);
  if (call.arguments.size() > 6)
    if (const auto* dict = std::get_if<PickleDict>(&call.at(6).value)) {
      tensor.conj = flag(*dict, "conj");
      tensor.neg = flag(*dict, "neg");
    }
  return value;
}

/// (storage of bytes, offset, size, stride, requires_grad, hooks, dtype[, ...])
PickleValue rebuild_typed_tensor(const Call& call, const PicklePtr& arguments) {
  static const std::map<std::string, DType> types = {
      {"torch.float64", DType::f64},   {"torch.float32", DType::f32},   {"torch.float16", DType::f16},
      {"torch.bfloat16", DType::bf16}, {"torch.int64", DType::i64},     {"torch.int32", DType::i32},
      {"torch.int16", DType::i16},     {"torch.int8", DType::i8},       {"torch.uint8", DType::u8},
      {"torch.bool", DType::boolean},  {"torch.complex64", DType::c64}, {"torch.complex128", DType::c128}};
  const auto known = types.find(call.as<PickleOpaque>(6, "an element type").callable);
  if (known == types.end() || !std::holds_alternative<PickleTensor>(call.at(0).value))
    return opaque(call, arguments);
  PickleTensor tensor = call.as<PickleTensor>(0, "a storage");
  tensor.storage_numel = tensor.storage_numel * static_cast<int64_t>(item_size(tensor.type)) /
                         static_cast<int64_t>(item_size(known->second));
  tensor.type = known->second;
  return view_of_storage(call, std::move(tensor));
}

template <class T>
T raw(const Call& call, const std::string& bytes) {
  if (bytes.size() != sizeof(T))
    call.fail(std::to_string(bytes.size()) + " bytes", std::to_string(sizeof(T)));
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

/// numpy scalar: (dtype, bytes); the dtype is an opaque numpy.dtype(name, ...) with state (version, byte
/// order, ...).
PickleValue numpy_scalar(const Call& call, const PicklePtr& arguments) {
  const auto& type = call.as<PickleOpaque>(0, "a numpy dtype");
  const auto* parts = type.arguments ? std::get_if<PickleList>(&type.arguments->value) : nullptr;
  const auto* name =
      parts && !parts->items.empty() ? std::get_if<std::string>(&parts->items[0]->value) : nullptr;
  if (!name || !std::holds_alternative<std::string>(call.at(1).value)) return opaque(call, arguments);
  if (const auto* state = type.state ? std::get_if<PickleList>(&type.state->value) : nullptr;
      state && state->items.size() > 1)
    if (const auto* order = std::get_if<std::string>(&state->items[1]->value); order && *order == ">")
      call.fail("a big-endian number", "little-endian numbers");
  const auto& bytes = call.as<std::string>(1, "bytes");
  const auto integer = [](auto value) { return PickleValue{static_cast<int64_t>(value)}; };
  if (*name == "f8") return {raw<double>(call, bytes)};
  if (*name == "f4") return {static_cast<double>(raw<float>(call, bytes))};
  if (*name == "f2") {
    raw<uint16_t>(call, bytes);
    return {to_doubles({DType::f16, {}, reinterpret_cast<const std::byte*>(bytes.data())})[0]};
  }
  if (*name == "i8") return integer(raw<int64_t>(call, bytes));
  if (*name == "i4") return integer(raw<int32_t>(call, bytes));
  if (*name == "i2") return integer(raw<int16_t>(call, bytes));
  if (*name == "i1") return integer(raw<int8_t>(call, bytes));
  if (*name == "u4") return integer(raw<uint32_t>(call, bytes));
  if (*name == "u2") return integer(raw<uint16_t>(call, bytes));
  if (*name == "u1") return integer(raw<uint8_t>(call, bytes));
  if (*name == "b1") return {raw<uint8_t>(call, bytes) != 0};
  return opaque(call, arguments);
}

/// Python 3 bytes in protocol 2: the text of code points 0..255 in UTF-8.
PickleValue encode(const Call& call, const PicklePtr& arguments) {
  const auto* codec = call.arguments.size() > 1 ? std::get_if<std::string>(&call.at(1).value) : nullptr;
  if (!codec || (*codec != "latin1" && *codec != "latin-1")) return opaque(call, arguments);
  const auto& text = call.as<std::string>(0, "a text");
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c < 0x80) {
      bytes += text[i];
      continue;
    }
    if ((c & 0xfc) != 0xc0 || i + 1 >= text.size())
      call.fail("a letter beyond latin-1", "bytes as latin-1 text");
    bytes += static_cast<char>(((c & 3) << 6) | (static_cast<uint8_t>(text[++i]) & 0x3f));
  }
  return {std::move(bytes)};
}

PickleValue dictionary(const Call& call, const std::string& kind) {
  PickleDict dict{{}, kind};
  if (kind == "defaultdict" || call.arguments.empty()) return {std::move(dict)};
  if (const auto* other = std::get_if<PickleDict>(&call.at(0).value)) {
    dict.items = other->items;
    return {std::move(dict)};
  }
  for (const auto& item : call.list(0)) {
    const auto* pair = std::get_if<PickleList>(&item->value);
    if (!pair || pair->items.size() != 2)
      call.fail("an entry is " + describe(*item), "a pair of key and value");
    dict.items.emplace_back(pair->items[0], pair->items[1]);
  }
  return {std::move(dict)};
}

PickleValue sequence(const Call& call, const std::string& kind) {
  return {PickleList{call.arguments.empty() ? Arguments{} : call.list(0), kind}};
}

/// A wrapped tensor: the tensor itself.
PickleValue parameter(const Call& call, const PicklePtr& arguments) {
  return std::holds_alternative<PickleTensor>(call.at(0).value) ? call.at(0) : opaque(call, arguments);
}

PickleValue interpret(const Call& call, const PicklePtr& arguments);

/// torch._tensor._rebuild_from_type_v2(function, type, arguments, state)
PickleValue nested(const Call& call) {
  if (call.depth >= kMaxNesting) call.fail("calls nest too deep", "at most 8 levels");
  const auto& inner = call.as<PickleOpaque>(0, "a function");
  return interpret({inner.callable, call.list(2), call.where, call.depth + 1}, call.arguments[2]);
}

PickleValue interpret(const Call& call, const PicklePtr& arguments) {
  using Handler = std::function<PickleValue(const Call&, const PicklePtr&)>;
  const auto dict = [](const char* kind) {
    return [kind](const Call& c, const PicklePtr&) { return dictionary(c, kind); };
  };
  const auto list = [](const char* kind) {
    return [kind](const Call& c, const PicklePtr&) { return sequence(c, kind); };
  };
  static const std::map<std::string, Handler> handlers = {
      {"collections.OrderedDict", dict("OrderedDict")},
      {"collections.defaultdict", dict("defaultdict")},
      {"builtins.dict", dict("dict")},
      {"__builtin__.dict", dict("dict")},
      {"builtins.set", list("set")},
      {"__builtin__.set", list("set")},
      {"builtins.frozenset", list("set")},
      {"__builtin__.frozenset", list("set")},
      {"torch.Size", list("Size")},
      {"torch._utils._rebuild_tensor", rebuild_tensor},
      {"torch._utils._rebuild_tensor_v2", rebuild_tensor},
      {"torch._utils._rebuild_tensor_v3", rebuild_typed_tensor},
      {"torch._utils._rebuild_parameter", parameter},
      {"torch._utils._rebuild_parameter_with_state", parameter},
      {"torch._tensor._rebuild_from_type_v2", [](const Call& c, const PicklePtr&) { return nested(c); }},
      {"_codecs.encode", encode},
      {"numpy.core.multiarray.scalar", numpy_scalar},
      {"numpy._core.multiarray.scalar", numpy_scalar}};
  const auto handler = handlers.find(call.callable);
  return handler == handlers.end() ? opaque(call, arguments) : handler->second(call, arguments);
}

}  // namespace

PickleValue reduce(const std::string& callable, const PicklePtr& arguments, const std::string& where) {
  const auto* list = std::get_if<PickleList>(&arguments->value);
  if (!list)
    throw data_error(where + ": the arguments of " + callable + " are " + describe(*arguments), "a tuple",
                     "the file is damaged");
  return interpret({callable, list->items, where}, arguments);
}

bool storage_type(const std::string& callable, DType& type) {
  static const std::map<std::string, DType> types = {
      {"DoubleStorage", DType::f64},       {"FloatStorage", DType::f32},
      {"HalfStorage", DType::f16},         {"BFloat16Storage", DType::bf16},
      {"LongStorage", DType::i64},         {"IntStorage", DType::i32},
      {"ShortStorage", DType::i16},        {"CharStorage", DType::i8},
      {"ByteStorage", DType::u8},          {"BoolStorage", DType::boolean},
      {"ComplexFloatStorage", DType::c64}, {"ComplexDoubleStorage", DType::c128},
      {"UntypedStorage", DType::u8}};
  const size_t dot = callable.rfind('.');
  const std::string module = callable.substr(0, dot == std::string::npos ? 0 : dot);
  if (module != "torch" && module != "torch.cuda" && module != "torch.storage") return false;
  const auto known = types.find(callable.substr(dot + 1));
  if (known == types.end()) return false;
  type = known->second;
  return true;
}

}  // namespace windtunnel::core
