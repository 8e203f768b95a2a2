#include "core/torch_file.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "core/error.h"
#include "core/pickle.h"
#include "core/text.h"
#include "core/zip_archive.h"

namespace windtunnel::core {
namespace {

constexpr size_t kMaxModuleDepth = 64, kMaxVisits = 10'000'000;
constexpr uint64_t kMaxRepeats = 4, kRoom = 64 << 20;  // how far views of shared memory may exceed the file

/// Views that repeat a storage (strides of zero, many keys on one entry) must not blow up a small file.
void check_total(const PicklePool& pool, const MappedFile& file) {
  uint64_t total = 0;
  for (const auto& value : pool.values())
    if (const auto* tensor = std::get_if<PickleTensor>(&value->value)) {
      const uint64_t bytes = static_cast<uint64_t>(numel(tensor->shape)) * item_size(tensor->type);
      if (__builtin_add_overflow(total, bytes, &total) || total > kMaxRepeats * file.size() + kRoom)
        throw data_error(file.path() + ": its tensors take over " + std::to_string(total >> 20) +
                             " MiB, the file has " + std::to_string(file.size() >> 20) + " MiB",
                         "tensors that the file holds");
    }
}

PickleTensor whole_storage(const std::string& key, DType type, int64_t count, const std::byte* data) {
  PickleTensor tensor;
  tensor.type = type;
  tensor.shape = {count};
  tensor.strides = {1};
  tensor.storage_key = key;
  tensor.storage = data;
  tensor.storage_numel = count;
  return tensor;
}

PicklePtr read_zip(const std::shared_ptr<MappedFile>& file, PicklePool& pool) {
  const ZipArchive archive(file);
  if (archive.contains("byteorder")) {
    const auto bytes = archive.at("byteorder");
    const std::string order(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 16));
    if (order != "little") throw data_error(file->path() + ": byte order '" + order + "'", "little");
  }
  const auto resolve = [&](const std::string& key, DType type, int64_t count) {
    const auto data = archive.at("data/" + key);
    if (data.size() != static_cast<uint64_t>(count) * item_size(type))
      throw data_error(file->path() + ": entry '" + archive.prefix() + "data/" + key + "' has " +
                           std::to_string(data.size()) + " bytes",
                       std::to_string(count) + " elements of " + to_string(type));
    return whole_storage(key, type, count, data.data());
  };
  return read_pickle(archive.at("data.pkl"), 0, file->path() + ": entry '" + archive.prefix() + "data.pkl'",
                     pool, resolve)
      .value;
}

// The number 0x1950a86a20f9469cfc6c as the pickle of protocol 2 that opens a legacy file.
constexpr unsigned char kLegacyMagic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                          0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
constexpr int64_t kLegacyVersion = 1001;

bool is_legacy(const MappedFile& file) {
  return file.size() > 2 + sizeof kLegacyMagic && file.data()[0] == std::byte{0x80} &&
         std::search(file.data() + 2, file.data() + std::min<size_t>(file.size(), 32),
                     reinterpret_cast<const std::byte*>(kLegacyMagic),
                     reinterpret_cast<const std::byte*>(kLegacyMagic) + sizeof kLegacyMagic) !=
             file.data() + std::min<size_t>(file.size(), 32);
}

/// Five pickles (magic, version, system, object, storage keys), then per key an i64 element count and the raw
/// bytes.
PicklePtr read_legacy(const std::shared_ptr<MappedFile>& file, PicklePool& pool) {
  const std::string& path = file->path();
  const std::span<const std::byte> bytes(file->data(), file->size());
  std::map<std::string, PickleTensor> storages;
  const auto resolve = [&](const std::string& key, DType type, int64_t count) {
    const auto it = storages.emplace(key, whole_storage(key, type, count, nullptr)).first;
    if (it->second.type != type || it->second.storage_numel != count)
      throw data_error(path + ": storage '" + key + "' is described twice and differently",
                       "one description");
    return it->second;
  };
  PickleResult part;
  const auto next = [&](const char* name) {
    part = read_pickle(bytes, part.end, path + ": " + name, pool, resolve);
    return part.value;
  };
  next("magic number");
  const PicklePtr version = next("version");
  if (const auto* number = std::get_if<int64_t>(&version->value); !number || *number != kLegacyVersion)
    throw data_error(path + ": format version is " + describe(*version), std::to_string(kLegacyVersion));
  const PicklePtr system = next("system description");
  const PicklePtr endian = system->find("little_endian");
  if (const auto* little = endian ? std::get_if<bool>(&endian->value) : nullptr; little && !*little)
    throw data_error(path + ": numbers are big endian", "little endian");
  const PicklePtr root = next("object");
  const PicklePtr keys = next("storage keys");

  size_t at = part.end;
  for (const auto& key : keys->list().items) {
    const auto it = storages.find(key->text());
    if (it == storages.end())
      throw data_error(path + ": storage '" + key->text() + "' is not used", "a used storage");
    PickleTensor& storage = it->second;
    const uint64_t need = static_cast<uint64_t>(storage.storage_numel) * item_size(storage.type);
    int64_t count = 0;
    if (bytes.size() - at < 8 || bytes.size() - at - 8 < need)
      throw data_error(path + ": storage '" + it->first + "' at byte " + std::to_string(at) + " is cut off",
                       std::to_string(need + 8) + " bytes");
    std::memcpy(&count, bytes.data() + at, 8);
    if (count != storage.storage_numel)
      throw data_error(path + ": storage '" + it->first + "' has " + std::to_string(count) + " elements",
                       std::to_string(storage.storage_numel));
    storage.storage = bytes.data() + at + 8;
    at += 8 + need;
  }
  for (const auto& value : pool.values())
    if (auto* tensor = std::get_if<PickleTensor>(&value->value)) {
      tensor->storage = storages.at(tensor->storage_key).storage;
      if (!tensor->storage && numel(tensor->shape) > 0)
        throw data_error(path + ": storage '" + tensor->storage_key + "' has no data",
                         "an entry in the list of keys");
    }
  return root;
}

using Named = std::vector<std::pair<std::string, PickleTensor>>;

PicklePtr module_part(const PickleValue& module, const char* part) {
  const auto* opaque = std::get_if<PickleOpaque>(&module.value);
  return opaque && opaque->state ? opaque->state->find(part) : nullptr;
}

class ModuleWalk {
 public:
  explicit ModuleWalk(const std::string& origin) : origin_(origin) {}
  Named named;

  void visit(const PickleValue& module, const std::string& prefix, size_t depth) {
    if (depth > kMaxModuleDepth)
      throw data_error(origin_ + ": modules nest deeper than " + std::to_string(kMaxModuleDepth) + " at '" +
                       prefix + "'");
    const auto* object = std::get_if<PickleOpaque>(&module.value);
    if (const auto* state =
            object && object->state ? std::get_if<PickleDict>(&object->state->value) : nullptr)
      count(state->items.size());
    for_each(module, "_parameters",
             [&](const std::string& name, const PickleValue& value) { add(prefix + name, value); });
    std::set<std::string> skipped;
    if (const auto list = module_part(module, "_non_persistent_buffers_set"))
      for (const auto& item : list->list().items) {
        count(1);
        skipped.insert(item->text());
      }
    for_each(module, "_buffers", [&](const std::string& name, const PickleValue& value) {
      if (!skipped.count(name)) add(prefix + name, value);
    });
    for_each(module, "_modules", [&](const std::string& name, const PickleValue& value) {
      if (!value.is_none()) visit(value, prefix + name + ".", depth + 1);
    });
  }

 private:
  template <class Visit>
  void for_each(const PickleValue& module, const char* part, Visit&& visit_one) {
    const auto entries = module_part(module, part);
    if (!entries) return;
    for (const auto& [name, value] : entries->dict().items) {
      count(1);
      visit_one(name->text(), *value);
    }
  }
  /// The same module may stand at many places: the walk is bounded, not the tree.
  void count(size_t entries) {
    visited_ += entries;
    if (visited_ > kMaxVisits)
      throw data_error(origin_ + ": over " + std::to_string(kMaxVisits) + " entries in its modules", "fewer");
  }
  void add(const std::string& name, const PickleValue& value) {
    if (value.is_none()) return;  // a layer without bias
    const auto* tensor = std::get_if<PickleTensor>(&value.value);
    if (!tensor) throw data_error(origin_ + ": entry '" + name + "' is " + describe(value), "a tensor");
    named.emplace_back(name, *tensor);
  }

  const std::string& origin_;
  size_t visited_ = 0;
};

bool is_module(const PickleValue& value) {
  return module_part(value, "_parameters") || module_part(value, "_modules");
}

}  // namespace

TorchFile::TorchFile(const std::filesystem::path& path)
    : path_(path.string()), file_(std::make_shared<MappedFile>(path)) {
  // The root shares the pool: values and mapping live as long as any copy of the root pointer.
  const auto pool = std::make_shared<PicklePool>();
  pool->hold(file_);
  PicklePtr root;
  if (ZipArchive::looks_like_zip(*file_)) {
    root = read_zip(file_, *pool);
  } else if (is_legacy(*file_)) {
    root = read_legacy(file_, *pool);
  } else {
    throw data_error(path_ + " (" + std::to_string(file_->size()) + " bytes) is no torch file",
                     "a file written by torch.save (.pth, .pt)",
                     "a file that Git LFS left as a pointer or a failed download looks like this");
  }
  check_total(*pool, *file_);
  root_ = PicklePtr(pool, root.get());
}

std::vector<std::pair<std::string, PickleTensor>> state_dict(const PickleValue& root,
                                                             const std::string& origin) {
  const PickleValue* source = &root;
  PicklePtr inner;
  for (const char* key : {"model_state_dict", "state_dict", "model"}) {
    const auto entry = root.find(key);
    if (!entry || !(std::holds_alternative<PickleDict>(entry->value) || is_module(*entry))) continue;
    inner = entry;
    source = inner.get();
    break;
  }
  if (is_module(*source)) {
    ModuleWalk walk(origin);
    walk.visit(*source, "", 0);
    return std::move(walk.named);
  }
  const auto* dict = std::get_if<PickleDict>(&source->value);
  if (!dict)
    throw data_error(origin + " holds " + describe(*source),
                     "a state dictionary, a dictionary with model_state_dict, or a module");
  Named named;
  std::map<std::string, size_t> place;
  for (const auto& [key, value] : dict->items) {
    const auto* name = std::get_if<std::string>(&key->value);
    const auto* tensor = std::get_if<PickleTensor>(&value->value);
    if (!name || !tensor)
      throw data_error(
          origin + ": entry " + (name ? "'" + *name + "'" : describe(*key)) + " is " + describe(*value),
          "a name and a tensor", "known keys of a checkpoint: model_state_dict, state_dict, model");
    const auto [it, fresh] = place.emplace(*name, named.size());
    if (fresh)
      named.emplace_back(*name, *tensor);
    else
      named[it->second].second = *tensor;  // as in Python, the later value wins at the earlier place
  }
  return named;
}

}  // namespace windtunnel::core
