#include "core/pickle.h"

#include <cstring>
#include <map>

#include "core/error.h"

namespace windtunnel::core {
namespace {

// Far above any checkpoint, far below what would exhaust a machine: a pickle may name what it has already
// made again and again, and so ask for much more memory than it has bytes.
constexpr size_t kMaxMemory = size_t{2} << 30, kMaxPickle = size_t{256} << 20, kMaxMemo = 8'000'000;
constexpr size_t kMaxIntegerBytes = 1024, kMaxKey = 256;

size_t memory_of(const PickleValue& value) {
  size_t bytes = sizeof(PickleValue) + 4 * sizeof(void*);  // with the pool's pointer and the reference counts
  if (const auto* text = std::get_if<std::string>(&value.value)) bytes += text->size();
  if (const auto* list = std::get_if<PickleList>(&value.value))
    bytes += list->items.size() * sizeof(PicklePtr);
  if (const auto* dict = std::get_if<PickleDict>(&value.value))
    bytes += 2 * dict->items.size() * sizeof(PicklePtr);
  if (const auto* tensor = std::get_if<PickleTensor>(&value.value))
    bytes += (tensor->shape.size() + tensor->strides.size()) * sizeof(int64_t) + tensor->storage_key.size();
  return bytes;
}

enum Op : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kList = 'l',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kBinFloat = 'G',
  kEmptyTuple = ')',
  kEmptyList = ']',
  kEmptyDict = '}',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kNewObjEx = 0x92,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96
};

class Machine {
 public:
  Machine(std::span<const std::byte> bytes, size_t begin, const std::string& origin, PicklePool& pool,
          const StorageResolver& storage)
      : bytes_(bytes), at_(begin), begin_(begin), origin_(origin), pool_(pool), storage_(storage) {}

  PickleResult run() {
    while (true) {
      op_at_ = at_;
      const auto op = read<uint8_t>();
      if (op == kStop) {
        if (!marks_.empty() || stack_.size() != 1)
          fail("the pickle ends with " + std::to_string(stack_.size()) + " values", "exactly one");
        return {stack_.back(), at_};
      }
      if (!(constant(op) || container(op) || reference(op)))
        fail("opcode " + std::to_string(op) + " is not part of this format", "a pickle of protocol 2 to 5");
    }
  }

 private:
  [[noreturn]] void fail(const std::string& found, const std::string& expected = "") const {
    throw data_error(where() + ": " + found, expected, "the file is damaged or not written by torch.save");
  }
  std::string where() const { return origin_ + ", byte " + std::to_string(op_at_ - begin_); }

  // --- reading
  // -----------------------------------------------------------------------------------------------------
  const std::byte* take(uint64_t count) {
    if (at_ - begin_ > kMaxPickle) fail("the pickle is longer than 256 MiB", "a checkpoint or index file");
    if (count > bytes_.size() - at_)
      fail(std::to_string(count) + " bytes are announced, " + std::to_string(bytes_.size() - at_) + " follow",
           "a whole file");
    const std::byte* data = bytes_.data() + at_;
    at_ += count;
    return data;
  }
  template <class T>
  T read() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }
  std::string text(uint64_t count) {
    const std::byte* data = take(count);
    return {reinterpret_cast<const char*>(data), count};
  }
  std::string line() {
    const auto* data = reinterpret_cast<const char*>(bytes_.data()) + at_;
    const auto* end = static_cast<const char*>(std::memchr(data, '\n', bytes_.size() - at_));
    if (!end) fail("a name without its end", "a line");
    std::string result(data, end);
    at_ += result.size() + 1;
    return result;
  }

  // --- stack
  // -------------------------------------------------------------------------------------------------------
  bool push(PicklePtr value) {
    stack_.push_back(std::move(value));
    return true;
  }
  bool push_value(PickleValue value) { return push(pool_.make(std::move(value), origin_)); }
  template <class T>
  bool push_as(T value) {
    return push_value(PickleValue{std::move(value)});
  }
  /// Values above the last mark are out of reach until the mark is taken.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  PicklePtr pop() {
    if (stack_.size() <= floor()) fail("a value is needed where the stack is empty");
    PicklePtr value = std::move(stack_.back());
    stack_.pop_back();
    return value;
  }
  PicklePtr& top() {
    if (stack_.size() <= floor()) fail("a value is needed where the stack is empty");
    return stack_.back();
  }
  std::vector<PicklePtr> pop_to_mark() {
    if (marks_.empty()) fail("a mark is needed and none was set");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PicklePtr> values(std::make_move_iterator(first), std::make_move_iterator(stack_.end()));
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return values;
  }

  // --- constants
  // ---------------------------------------------------------------------------------------------------
  bool constant(uint8_t op) {
    switch (op) {
      case kProto: {
        const int version = read<uint8_t>();
        if (version < 2 || version > 5) fail("pickle protocol " + std::to_string(version), "protocol 2 to 5");
        return true;
      }
      case kFrame:
        read<uint64_t>();
        return true;
      case kNone:
        return push_value(PickleValue{});
      case kNewTrue:
        return push_as(true);
      case kNewFalse:
        return push_as(false);
      case kBinInt:
        return push_as<int64_t>(read<int32_t>());
      case kBinInt1:
        return push_as<int64_t>(read<uint8_t>());
      case kBinInt2:
        return push_as<int64_t>(read<uint16_t>());
      case kLong1:
        return push_integer(read<uint8_t>());
      case kLong4:
        return push_integer(read<uint32_t>());
      case kBinFloat: {
        const auto* data = take(8);
        std::byte swapped[8];
        for (int i = 0; i < 8; ++i) swapped[i] = data[7 - i];
        double value;
        std::memcpy(&value, swapped, 8);
        return push_as(value);
      }
      case kShortBinUnicode:
      case kShortBinBytes:
      case kShortBinString:
        return push_as(text(read<uint8_t>()));
      case kBinUnicode:
      case kBinBytes:
      case kBinString:
        return push_as(text(read<uint32_t>()));
      case kBinUnicode8:
      case kBinBytes8:
      case kByteArray8:
        return push_as(text(read<uint64_t>()));
      default:
        return false;
    }
  }

  /// Little-endian two's complement of any length; beyond 64 bits an opaque "int".
  bool push_integer(uint64_t count) {
    if (count > kMaxIntegerBytes) fail("an integer of " + std::to_string(count) + " bytes", "1024 or fewer");
    const std::byte* data = take(count);
    if (count > 8) return push_as(PickleOpaque{"int", nullptr, nullptr});
    uint64_t value = count && (data[count - 1] & std::byte{0x80}) != std::byte{} ? ~uint64_t{0} : 0;
    if (count) std::memcpy(&value, data, count);
    return push_as(static_cast<int64_t>(value));
  }

  // --- containers
  // --------------------------------------------------------------------------------------------------
  bool container(uint8_t op) {
    switch (op) {
      case kMark:
        marks_.push_back(stack_.size());
        return true;
      case kPop:
        if (!marks_.empty() && stack_.size() == marks_.back())
          marks_.pop_back();
        else
          pop();
        return true;
      case kPopMark:
        pop_to_mark();
        return true;
      case kDup:
        return push(PicklePtr(top()));
      case kEmptyDict:
        return push_as(PickleDict{{}, "dict"});
      case kEmptyList:
        return push_as(PickleList{{}, "list"});
      case kEmptyTuple:
        return push_as(PickleList{{}, "tuple"});
      case kEmptySet:
        return push_as(PickleList{{}, "set"});
      case kList:
        return push_as(PickleList{pop_to_mark(), "list"});
      case kTuple:
        return push_as(PickleList{pop_to_mark(), "tuple"});
      case kFrozenSet:
        return push_as(PickleList{pop_to_mark(), "set"});
      case kTuple1:
      case kTuple2:
      case kTuple3: {
        std::vector<PicklePtr> items(static_cast<size_t>(op - kTuple1 + 1));
        for (size_t i = items.size(); i-- > 0;) items[i] = pop();
        return push_as(PickleList{std::move(items), "tuple"});
      }
      case kDict: {
        auto values = pop_to_mark();
        push_as(PickleDict{{}, "dict"});
        return add_pairs(std::move(values));
      }
      case kAppend: {
        std::vector<PicklePtr> values{pop()};
        return add_items(std::move(values));
      }
      case kAppends:
      case kAddItems:
        return add_items(pop_to_mark());
      case kSetItem: {
        PicklePtr value = pop(), key = pop();
        return add_pairs({std::move(key), std::move(value)});
      }
      case kSetItems:
        return add_pairs(pop_to_mark());
      default:
        return false;
    }
  }

  /// A subclass of list or dict is opaque; what is put into it collects in its state.
  template <class Container>
  Container& filled(const char* kind) {
    PickleValue* target = top().get();
    if (auto* opaque = std::get_if<PickleOpaque>(&target->value)) {
      if (!opaque->state) opaque->state = pool_.make(PickleValue{Container{{}, kind}}, origin_);
      target = opaque->state.get();
    }
    auto* container = std::get_if<Container>(&target->value);
    if (!container) fail("entries are put into " + describe(*target), std::string("a ") + kind);
    return *container;
  }
  bool add_items(std::vector<PicklePtr> values) {
    auto& items = filled<PickleList>("list").items;
    items.insert(items.end(), std::make_move_iterator(values.begin()), std::make_move_iterator(values.end()));
    return true;
  }
  bool add_pairs(std::vector<PicklePtr> values) {
    if (values.size() % 2) fail("a key without a value");
    auto& items = filled<PickleDict>("dict").items;
    for (size_t i = 0; i < values.size(); i += 2)
      items.emplace_back(std::move(values[i]), std::move(values[i + 1]));
    return true;
  }

  // --- memo, names, calls
  // ------------------------------------------------------------------------------------------
  bool reference(uint8_t op) {
    switch (op) {
      case kBinPut:
        return remember(read<uint8_t>());
      case kLongBinPut:
        return remember(read<uint32_t>());
      case kMemoize:
        return remember(memo_.size());
      case kBinGet:
        return recall(read<uint8_t>());
      case kLongBinGet:
        return recall(read<uint32_t>());
      case kGlobal: {
        const std::string module = line();
        return push_as(PickleOpaque{module + "." + line(), nullptr, nullptr});
      }
      case kStackGlobal: {
        const PicklePtr name = pop(), module = pop();
        return push_as(PickleOpaque{text_of(module) + "." + text_of(name), nullptr, nullptr});
      }
      case kBinPersId:
        return push_storage(pop());
      case kNewObjEx: {
        pop();  // keyword arguments
        return call();
      }
      case kReduce:
      case kNewObj:
        return call();
      case kBuild: {
        PicklePtr state = pop();
        auto* opaque = std::get_if<PickleOpaque>(&top()->value);
        if (opaque) opaque->state = std::move(state);
        return true;  // the attributes of a known container (an ordered dictionary's _metadata) carry no data
      }
      default:
        return false;
    }
  }
  bool remember(uint64_t slot) {
    if (memo_.size() >= kMaxMemo) fail("the memo holds " + std::to_string(kMaxMemo) + " values", "fewer");
    memo_[slot] = top();
    return true;
  }
  bool recall(uint64_t slot) {
    const auto it = memo_.find(slot);
    if (it == memo_.end()) fail("memo slot " + std::to_string(slot) + " is read before it is written");
    return push(it->second);
  }
  const std::string& text_of(const PicklePtr& value) const {
    const auto* text = std::get_if<std::string>(&value->value);
    if (!text) fail("found " + describe(*value), "a text");
    return *text;
  }
  bool call() {
    const PicklePtr arguments = pop(), callable = pop();
    const auto* name = std::get_if<PickleOpaque>(&callable->value);
    return push_value(reduce(name ? name->callable : describe(*callable), arguments, where()));
  }

  /// ('storage', class, key, location, element count[, view]); the location is of no importance here. Legacy
  /// files also describe the class of a module: ('module', class, source file, source).
  bool push_storage(const PicklePtr& id) {
    const auto* list = std::get_if<PickleList>(&id->value);
    if (list && list->items.size() == 4 && text_of(list->items[0]) == "module") return push(list->items[1]);
    if (!list || list->items.size() < 5 || list->items.size() > 6 || text_of(list->items[0]) != "storage")
      fail("found " + describe(*id), "the description of a storage");
    if (list->items.size() == 6 && !list->items[5]->is_none())
      fail("a storage that is a view of another", "a file written by torch.save of version 0.4 or later");
    const auto* name = std::get_if<PickleOpaque>(&list->items[1]->value);
    DType type;
    if (!name || !storage_type(name->callable, type))
      return push_as(PickleOpaque{name ? name->callable : describe(*list->items[1]), id, nullptr});
    const auto* numel = std::get_if<int64_t>(&list->items[4]->value);
    if (!numel || *numel < 0 || *numel > (int64_t{1} << 58))
      fail("element count is " + describe(*list->items[4]), "a whole number");
    const std::string& key = text_of(list->items[2]);
    if (key.size() > kMaxKey)
      fail("a storage key of " + std::to_string(key.size()) + " letters", "256 or fewer");
    return push_as(storage_(key, type, *numel));
  }

  std::span<const std::byte> bytes_;
  size_t at_, begin_, op_at_ = 0;
  const std::string& origin_;
  PicklePool& pool_;
  const StorageResolver& storage_;
  std::vector<PicklePtr> stack_;
  std::vector<size_t> marks_;
  std::map<uint64_t, PicklePtr> memo_;
};

}  // namespace

PicklePool::~PicklePool() {
  for (const auto& value : values_) value->value = std::monostate{};
}

PicklePtr PicklePool::make(PickleValue value, const std::string& origin) {
  memory_ += memory_of(value);
  if (memory_ > kMaxMemory)
    throw data_error(origin + ": its values take more than 2 GiB of memory", "a checkpoint or index file");
  values_.push_back(std::make_shared<PickleValue>(std::move(value)));
  return values_.back();
}

PickleResult read_pickle(std::span<const std::byte> bytes, size_t begin, const std::string& origin,
                         PicklePool& pool, const StorageResolver& storage) {
  return Machine(bytes, begin, origin, pool, storage).run();
}

}  // namespace windtunnel::core
