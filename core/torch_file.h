#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/safetensors.h"

namespace windtunnel::core {

struct PickleValue;
using PicklePtr = std::shared_ptr<PickleValue>;

/// A tensor of a torch file: strided view into one storage of the mapped file.
struct PickleTensor {
  DType type = DType::f32;
  Shape shape;
  std::vector<int64_t> strides;  ///< in elements
  int64_t offset = 0;            ///< in elements
  std::string storage_key;       ///< equal keys share memory (tied weights)
  const std::byte* storage = nullptr;
  int64_t storage_numel = 0;
  bool conj = false, neg = false;

  /// Dense row-major copy of the bytes with strides, conjugation and negation applied.
  std::vector<std::byte> dense() const;
};

/// What a name pair, called with arguments, would have made; nothing is ever executed.
struct PickleOpaque {
  std::string callable;  ///< "module.name"
  PicklePtr arguments, state;
};

struct PickleDict {
  std::vector<std::pair<PicklePtr, PicklePtr>> items;  ///< insertion order
  std::string kind;                                    ///< "dict", "OrderedDict", "defaultdict"
};
struct PickleList {
  std::vector<PicklePtr> items;
  std::string kind;  ///< "list", "tuple", "set", "Size"
};

/// Inert value tree of a pickle: tensors and plain containers only.
struct PickleValue {
  std::variant<std::monostate, bool, int64_t, double, std::string, PickleTensor, PickleDict, PickleList,
               PickleOpaque>
      value;

  bool is_none() const { return value.index() == 0; }
  /// Typed access; throws a data error that says what was found and what was expected.
  int64_t integer() const;
  double real() const;  ///< also from an integer, a 0-d tensor or a numpy scalar
  const std::string& text() const;
  const PickleTensor& tensor() const;
  const PickleDict& dict() const;
  const PickleList& list() const;
  /// Dictionary entry by text key, or null.
  PicklePtr find(const std::string& key) const;
};

/// A file written by Python's torch.save: zip container (current) or five pickles and raw storages (legacy),
/// pickle protocols 2 to 5. Knows the containers, tensors, numpy scalars and sizes that occur in checkpoints
/// and index files; any other callable becomes a PickleOpaque (whole pickled modules are such: see
/// state_dict()). Malformed input is a data error naming file and byte; recursion, memory and loops are
/// bounded. Values found in root() last as long as the TorchFile.
class TorchFile {
 public:
  explicit TorchFile(const std::filesystem::path& path);
  const PickleValue& root() const { return *root_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::shared_ptr<MappedFile> file_;
  PicklePtr root_;
};

/// Name -> tensor of a state dictionary found in `root`: the dictionary itself, its entry `model_state_dict`,
/// `state_dict` or `model`, or a whole pickled module (walks _parameters, persistent _buffers, _modules).
std::vector<std::pair<std::string, PickleTensor>> state_dict(const PickleValue& root,
                                                             const std::string& origin);

/// Writes a zip that Python's torch.load(weights_only=True) opens: {"model_state_dict": OrderedDict(name ->
/// tensor)}, plus the scalar entries of `extra`.
void write_torch_state(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, TensorView>>& tensors,
                       const std::vector<std::pair<std::string, double>>& extra = {});

}  // namespace windtunnel::core
