#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/registry.h"
#include "datasets/lab/periodic/options.h"

namespace windtunnel::datasets::lab {

/// A field of a data set of The Well: order 0 a scalar, 1 a vector (x, y).
struct SystemField {
  std::string name, unit, latex;
  int order = 0;
};

/// Partial differential equations on a periodic rectangle, x along rows (H), y along columns (W), solved in
/// Fourier space. One object computes one trajectory in one thread.
class PeriodicSystem {
 public:
  virtual ~PeriodicSystem() = default;
  /// Initial state number `number` of the stream `seed`.
  virtual void start(uint64_t seed, int64_t number) = 0;
  /// To the next frame, options.frame_interval later.
  virtual void advance() = 0;
  /// Current values in the order of SystemInfo::fields: (H,W) or (H,W,2), on the delivered grid.
  virtual std::vector<std::vector<float>> fields() const = 0;
  virtual int64_t steps_per_frame() const = 0;
};

/// What the laboratory must know about a system. Its settings (title, presets) are data:
/// settings/<name>.yaml.
struct SystemInfo {
  std::string name;
  std::vector<SystemField> fields;
  std::vector<std::string> parameters;  ///< names of the values that tell the files apart
  std::function<std::unique_ptr<PeriodicOptions>()> options;
  /// Every combination of the parameters that is computed.
  std::function<std::vector<std::vector<double>>(const PeriodicOptions&)> combinations;
  std::function<std::unique_ptr<PeriodicSystem>(const PeriodicOptions&,
                                                const std::vector<double>& parameters)>
      make;
  std::string origin = "built in";
};

core::Registry<SystemInfo>& periodic_systems();

struct SystemRegistration {
  explicit SystemRegistration(SystemInfo info) { periodic_systems().add(std::move(info)); }
};

}  // namespace windtunnel::datasets::lab
