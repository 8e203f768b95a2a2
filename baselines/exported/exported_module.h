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
///   module: my_net.pt       # TorchScript (torch.jit.script or torch.jit.trace), relative to this file
///   layout: BTHWC           # axes of its input and output; letters in brackets are merged: B(TC)HW
///   trainable: true         # optional
///   input: [20, 64, 128, 3] # optional (T,H,W,C): the only shapes it takes, as a traced module
///   output: [20, 64, 128, 3]
///   presets: {...}          # optional, as a presets file
/// Unknown keys, a missing module and one that is no TorchScript are errors naming the file.
struct ExportedModule {
  std::string name, version, licence, summary, paper, layout = "BTHWC", presets;
  std::filesystem::path module;
  bool trainable = true;
  std::vector<int64_t> input, output;
};
ExportedModule read_exported_module(const std::filesystem::path& description);

/// A baseline that runs the module. Its parameters and buffers keep their names and are trained, saved and
/// loaded like a built-in model's. A scripted method reset_parameters() is called at construction, so that
/// seeds give other initial weights; without it every seed starts from the file's.
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
