#pragma once

#include <map>
#include <string>

#include "baselines/checkpoint.h"
#include "baselines/trace.h"
#include "core/json.h"
#include "runners/conformance/model_case.h"

namespace windtunnel::runners {

/// A folder of golden/tokenizers: config.json, io.safetensors and, where there is a network,
/// weights.safetensors.
struct TokenizerCase {
  static constexpr double kTensor = 1e-5;    ///< of max |expected|
  static constexpr double kGradient = 1e-4;  ///< of max |expected|

  explicit TokenizerCase(const std::filesystem::path& folder)
      : name(folder.filename().string()),
        path(folder),
        config(core::read_json((folder / "config.json").string())),
        io(folder / "io.safetensors") {}
  StateDict weights() const { return baselines::load_weights(path / "weights.safetensors").state; }

  std::string name;
  std::filesystem::path path;
  core::Json config;
  GoldenTensors io;
};

/// Keeps the last value of every traced module.
struct TokenizerTrace : baselines::Trace {
  void value(const std::string& name, const at::Tensor& tensor) override {
    values[name] = tensor.detach().clone();
  }
  std::map<std::string, at::Tensor> values;
};

}  // namespace windtunnel::runners
