#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <string>

#include "baselines/baseline.h"
#include "baselines/presets.h"
#include "datasets/trajectory.h"
#include "metrics/metric.h"
#include "torch/headeronly/version.h"

namespace windtunnel::plugin {

/// Rises when the table below or what components look like changes; a plug-in built for another is refused.
/// 1: models and scenarios; 2: metrics and formats too.
inline constexpr uint32_t kAbi = 2;

/// One number per test window from prediction and target (T,H,W,C), physical units, measured fields; see
/// metrics/added.h.
using MetricFunction = std::function<double(const core::Array& prediction, const core::Array& target)>;

/// What a plug-in must share with the program to exchange C++ objects: LibTorch, compiler, library interface,
/// language version, and the layout of the objects. Compared as text before anything else is called.
std::string program_build_tag();
#define WINDTUNNEL_TEXT_(x) #x
#define WINDTUNNEL_TEXT(x) WINDTUNNEL_TEXT_(x)
#define WINDTUNNEL_BUILD_TAG \
  "torch " WINDTUNNEL_TEXT(TORCH_VERSION_MAJOR) "." WINDTUNNEL_TEXT(TORCH_VERSION_MINOR) " gcc "       \
  WINDTUNNEL_TEXT(__GNUC__) " cxx11abi " WINDTUNNEL_TEXT(_GLIBCXX_USE_CXX11_ABI) " c++ "               \
  WINDTUNNEL_TEXT(__cplusplus)

/// Takes the plug-in's components into the program's registries. Names that exist already are errors.
class Host {
 public:
  virtual ~Host() = default;
  /// A model. `info.origin` is set by the host.
  virtual void add_baseline(baselines::BaselineInfo info) = 0;
  /// Its settings as the text of a presets file (as baselines/presets/*.yaml). Optional: without one the
  /// presets small and tiny stand for the options' defaults with 1000 and 200 updates.
  virtual void add_presets(const std::string& baseline, const std::string& yaml) = 0;
  /// A scenario as the text of a scenario file.
  virtual void add_scenario(const std::string& yaml) = 0;
  /// A metric: `card` with id, name, formula (its documentation), unit and direction. Every test scores it.
  virtual void add_metric(const metrics::MetricCard& card, MetricFunction value) = 0;
  /// A way to store trajectories, found where a scenario lists its name under `formats`. `info.origin` is set
  /// by the host.
  virtual void add_format(datasets::FormatInfo info) = 0;
};

/// Table returned by the plug-in's one exported C function, windtunnel_plugin_v1. Later versions may add
/// members at the end: `struct_size` tells how many are there.
struct Table {
  uint32_t struct_size, abi;
  const char* build;  ///< WINDTUNNEL_BUILD_TAG of the plug-in
  uint64_t layout;    ///< sizes of the exchanged objects
  const char *name, *version, *licence;
  int (*install)(void* host);  ///< host: a plugin::Host; 0: done, else last_error() says why
  const char* (*last_error)();
};
inline constexpr const char* kSymbol = "windtunnel_plugin_v1";
inline constexpr uint64_t kLayout = [] {
  uint64_t mixed = 0;
  for (const uint64_t size :
       {sizeof(baselines::BaselineInfo), sizeof(baselines::Baseline), sizeof(core::Options),
        sizeof(core::Array), sizeof(metrics::MetricCard), sizeof(datasets::FormatInfo),
        sizeof(datasets::Scenario), sizeof(datasets::Trajectory), sizeof(datasets::Split)})
    mixed = mixed * 1021 + size;
  return mixed;
}();

/// The info of a class with `Options` and a constructor (const ModelContext&, const Options&).
template <class Model>
baselines::BaselineInfo baseline(const std::string& name, const std::string& summary,
                                 const std::string& paper = "", bool trainable = true) {
  baselines::BaselineInfo info;
  info.name = name;
  info.summary = summary;
  info.paper = paper;
  info.trainable = trainable;
  info.options = [] { return std::make_unique<typename Model::Options>(); };
  info.create = [](const baselines::ModelContext& context, const core::Options& options) {
    return std::shared_ptr<baselines::Baseline>(
        std::make_shared<Model>(context, dynamic_cast<const typename Model::Options&>(options)));
  };
  return info;
}

/// Once per plug-in, at file scope:
///   WINDTUNNEL_PLUGIN("mine", "1.0", "MIT", host) { host.add_baseline(...); }
/// The braces are a function body with a plugin::Host& of the given name; exceptions end as an error message.
#define WINDTUNNEL_PLUGIN(plugin_name, plugin_version, plugin_licence, host_name)        \
  static void windtunnel_install(::windtunnel::plugin::Host& host_name);                 \
  extern "C" __attribute__((visibility("default"))) const void* windtunnel_plugin_v1() { \
    static std::string error;                                                            \
    static const ::windtunnel::plugin::Table table = {                                   \
        sizeof(::windtunnel::plugin::Table),                                             \
        ::windtunnel::plugin::kAbi,                                                      \
        WINDTUNNEL_BUILD_TAG,                                                            \
        ::windtunnel::plugin::kLayout,                                                   \
        plugin_name,                                                                     \
        plugin_version,                                                                  \
        plugin_licence,                                                                  \
        [](void* host) {                                                                 \
          try {                                                                          \
            windtunnel_install(*static_cast<::windtunnel::plugin::Host*>(host));         \
            return 0;                                                                    \
          } catch (const std::exception& problem) {                                      \
            error = problem.what();                                                      \
          } catch (...) {                                                                \
            error = "something that is no std::exception was thrown";                    \
          }                                                                              \
          return 1;                                                                      \
        },                                                                               \
        []() { return error.c_str(); }};                                                 \
    return &table;                                                                       \
  }                                                                                      \
  static void windtunnel_install(::windtunnel::plugin::Host& host_name)

}  // namespace windtunnel::plugin
