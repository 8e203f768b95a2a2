#pragma once

#include <filesystem>
#include <string>

#include "baselines/baseline.h"

namespace windtunnel::baselines {

/// A module exported from PyTorch with a YAML description beside it:
///   name: my_net            # in commands and tables
///   version: "1.0"
///   licence: MIT
///   summary: one line       # optional, as paper
///   module: my_net.pt       # TorchScript (torch.jit.script or torch.jit.trace), or .pt2, an AOTInductor
///                           # package; relative to this file
///   layout: BTHWC           # axes of its input and output; letters in brackets are merged: B(TC)HW
///   trainable: true         # optional
///   input: [20, 64, 128, 3] # optional (T,H,W,C): the only shapes it takes, as a traced module
///   output: [20, 64, 128, 3]
///   presets: {...}          # optional, as a presets file
///   batch: 8                # packages only, one of the two: the only batch it takes,
///   max_batch: 64           # or the largest of a batch axis that was left free
///   parameters: 1323        # packages only, optional: real numbers of the model, as the compiler hides some
/// Unknown keys, a missing module and one of neither kind are errors naming the file. A package cannot be
/// trained: `trainable` is false, and asking for it is an error.
struct ExportedModule {
  std::string name, version, licence, summary, paper, layout = "BTHWC", presets;
  std::filesystem::path module;
  bool trainable = true;
  std::vector<int64_t> input, output;
  int64_t batch = 0, max_batch = 0, parameters = 0;  ///< of a package; 0: not given
};
ExportedModule read_exported_module(const std::filesystem::path& description);

/// Model error unless the module takes the context's shapes.
void check_shapes(const ExportedModule& about, const ModelContext& context);

/// A baseline that runs the module (a package: see package.h). Its parameters and buffers keep their names
/// and are trained, saved and loaded like a built-in model's. A scripted method reset_parameters() is called
/// at construction, so that seeds give other initial weights; without it every seed starts from the file's.
BaselineInfo exported_baseline(const ExportedModule& module);

/// Axes (B,T,H,W,C) to a layout and back. Usage error for a layout that lacks a letter or repeats one.
class Layout {
 public:
  explicit Layout(const std::string& text);
  at::Tensor apply(const at::Tensor& x) const;
  /// Inverse, for a field of B x `shape`.
  at::Tensor undo(const at::Tensor& y, const SampleShape& shape) const;

 private:
  std::vector<int64_t> order_;                     ///< positions of B,T,H,W,C in layout order
  std::vector<std::pair<size_t, size_t>> groups_;  ///< [begin, end) of axes merged into one
};

}  // namespace windtunnel::baselines
