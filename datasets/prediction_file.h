#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/array.h"

namespace windtunnel::datasets {

/// Forecasts that any program wrote, one (T,H,W,C) field per test window, read one at a time. The kind
/// follows from the file name's ending:
///   .npy                  one array (N,T,H,W,C), float32 or float64, C order; windows in the order of the
///   task .safetensors          tensor "prediction" (N,T,H,W,C), metadata "sample_ids": JSON list; or one
///   tensor
///                         (T,H,W,C) per window, named by its sample id
///   .h5 .hdf5 .nc .nc4    dataset or variable "prediction" (N,T,H,W,C), optional text "sample_id" (N)
/// Other axis orders, integer types and missing values are not guessed at.
class PredictionFile {
 public:
  virtual ~PredictionFile() = default;
  int64_t size() const { return size_; }
  /// (T,H,W,C) of every window.
  const core::Shape& shape() const { return shape_; }
  /// One per window; empty if the file does not say: then its order must be that of the task.
  const std::vector<std::string>& ids() const { return ids_; }
  /// Window `index` as float32.
  virtual void read(int64_t index, float* out) = 0;

 protected:
  int64_t size_ = 0;
  core::Shape shape_;
  std::vector<std::string> ids_;
};

/// A data error names the file and what it lacks.
std::unique_ptr<PredictionFile> open_predictions(const std::filesystem::path& path);

/// Streams an array to an .npy file (version 1.0, little-endian float32, C order), atomically: `next` fills
/// entry number i of the first axis.
void write_npy(const std::filesystem::path& path, const core::Shape& shape,
               const std::function<void(int64_t i, float* entry)>& next);

}  // namespace windtunnel::datasets
