#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/file.h"

namespace windtunnel::core {

enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean, c64, c128 };
size_t item_size(DType type);
const char* to_string(DType type);  ///< the safetensors name: "F32", "I64", "BOOL", "C64" ...

/// A dense row-major tensor in memory that somebody else owns.
struct TensorView {
  DType type = DType::f32;
  Shape shape;
  const std::byte* data = nullptr;

  int64_t numel() const { return core::numel(shape); }
  size_t bytes() const { return static_cast<size_t>(numel()) * item_size(type); }
};

/// Read-only safetensors file: u64 little-endian header length, JSON header
/// {name: {dtype, shape, data_offsets: [begin, end]}, "__metadata__": {text: text}}, raw data. The file is
/// mapped; every length, offset and shape is checked before use. Errors are data errors naming the file and
/// tensor.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::vector<std::string>& names() const { return names_; }  ///< in file order of the data
  bool contains(const std::string& name) const { return tensors_.count(name) != 0; }
  const TensorView& at(const std::string& name) const;
  /// The tensor as float32 (from any real dtype).
  Array floats(const std::string& name) const;
  std::vector<double> doubles(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  std::shared_ptr<MappedFile> mapping() const { return file_; }

 private:
  std::shared_ptr<MappedFile> file_;
  std::vector<std::string> names_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// Writes atomically. Tensors are ordered by falling item size so that each is aligned; the header is padded
/// to 64.
void write_safetensors(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, TensorView>>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Values converted to float32 or double whatever the real dtype; complex gives an error.
std::vector<float> to_floats(const TensorView& view);
std::vector<double> to_doubles(const TensorView& view);

}  // namespace windtunnel::core
