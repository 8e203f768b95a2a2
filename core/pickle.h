#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/torch_file.h"

namespace windtunnel::core {

/// Owns every value of one file. Values may form cycles and chains of any length, so the pool unlinks them
/// one by one instead of letting shared pointers destroy each other recursively.
class PicklePool {
 public:
  PicklePool() = default;
  ~PicklePool();
  PicklePool(const PicklePool&) = delete;
  PicklePool& operator=(const PicklePool&) = delete;

  /// A data error once the values take more memory than those of any real checkpoint.
  PicklePtr make(PickleValue value, const std::string& origin);
  const std::vector<PicklePtr>& values() const { return values_; }
  void hold(std::shared_ptr<MappedFile> file) { file_ = std::move(file); }

 private:
  std::vector<PicklePtr> values_;
  size_t memory_ = 0;  ///< bytes of all values, roughly
  std::shared_ptr<MappedFile> file_;
};

/// One-dimensional tensor over a whole storage: key, element type, element count.
using StorageResolver = std::function<PickleTensor(const std::string& key, DType type, int64_t numel)>;

struct PickleResult {
  PicklePtr value;
  size_t end = 0;  ///< first byte behind the STOP opcode
};

/// Interprets one pickle (protocols 2 to 5) that starts at `begin`. Nothing is executed: the containers,
/// tensors and numpy scalars named in torch_file.h become values, every other callable a PickleOpaque.
/// `origin` (file and entry) and the byte stand in every error.
PickleResult read_pickle(std::span<const std::byte> bytes, size_t begin, const std::string& origin,
                         PicklePool& pool, const StorageResolver& storage);

/// What REDUCE or NEWOBJ of `callable` makes of `arguments` (a tuple); see pickle_reduce.cpp for the known
/// names.
PickleValue reduce(const std::string& callable, const PicklePtr& arguments, const std::string& where);

/// Element type of torch.FloatStorage and its kin; false if the name is none of them.
bool storage_type(const std::string& callable, DType& type);

/// "the text 'abc'", "a tensor (2, 3)", "an object of argparse.Namespace": for error messages.
std::string describe(const PickleValue& value);

}  // namespace windtunnel::core
