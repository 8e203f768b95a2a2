#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::datasets {

/// The two sides of paired data: measured and simulated.
enum class Side { real, numerical };
const char* to_string(Side side);
/// "real" or "numerical"; anything else is a usage error.
Side parse_side(const std::string& name);

/// One channel of a sample. A side that does not carry the field delivers zeros for it.
struct FieldInfo {
  std::string name, unit, label, latex;
  bool measured = false;    ///< exists on the real side, so predictions of it can be scored
  std::vector<Side> sides;  ///< where the field is stored
  /// format name -> side -> place inside a trajectory, in the grammar of that format's header.
  std::map<std::string, std::map<Side, std::string>> source;

  bool on(Side side) const;
  /// Place for `format` on `side`; a data error if the scenario names none.
  const std::string& place(const std::string& format, Side side) const;
};

/// A physical parameter of a trajectory.
struct ParameterInfo {
  std::string name, unit, type = "float";  ///< type: float | int
  /// Where the format keeps it in the file; empty: it is a capture group of the file-name pattern.
  std::string attribute;
};

/// Body in the frame, in pixels of the stored real grid.
struct Geometry {
  double d = 0, center_x = 0, center_y = 0;
};

/// Everything that differs between data sets, read from YAML: datasets/scenarios/<name>.yaml (compiled in), a
/// user's file, and overrides in <root>/<name>/scenario.yaml.
struct Scenario {
  std::string name, title, notes, licence;
  std::string origin = "published";  ///< published | virtual-lab | user
  bool synthetic = false;            ///< reports print "synthetic" beside every number
  std::vector<std::string> formats;  ///< formats to try, in this order

  std::vector<FieldInfo> fields;  ///< channel order of a sample
  std::vector<ParameterInfo> parameters;
  bool condition_on_parameters = false;  ///< parameters are appended to the input as constant planes
  std::string file_pattern;              ///< regular expression matched at the start of a file name
  std::map<Side, std::string>
      patterns;               ///< the same for one side, where the sides name their files differently
  bool strict_names = false;  ///< a file that does not match is an error instead of being skipped
  std::map<std::string, std::string> folders;  ///< side (or a name used in a source) -> folder below the root

  double dt = 0;                   ///< seconds between frames
  int64_t in_frames = 0;           ///< frames of the input
  int64_t out_frames = 0;          ///< frames of one round of prediction
  int64_t interval = 1;            ///< frames between window starts when a split is made
  int64_t trunk_length = 0;        ///< frames of the pieces that a split deals out
  int64_t frames = 0;              ///< frames of a trajectory that count (the stored number may be larger)
  std::map<Side, int64_t> stride;  ///< spatial subsampling from the stored to the delivered grid
  double train_ratio = 0.5;
  int64_t held_out_in_dist = 0, held_out_out_dist = 0;  ///< whole trajectories kept from training
  bool shuffle_in_dist_first = false;  ///< order of the first two draws of the published split
  double mask_prob = 0.5;  ///< default probability that a simulated sample hides its unmeasured fields
  /// Field -> rule for missing values, zero | frame_mean; without a rule they are an error.
  std::map<std::string, std::string> fill;
  std::optional<Geometry> geometry;
  bool paired = true;  ///< trajectories of both sides belong together: by name, or by their parameters
  std::string pairing = "name";  ///< name | parameters
  /// Metrics of other benchmarks that are reported too: the_well, pdebench.
  std::vector<std::string> metrics;

  int64_t channels() const { return static_cast<int64_t>(fields.size()); }
  int64_t input_channels() const { return channels() + (condition_on_parameters ? parameter_count() : 0); }
  int64_t parameter_count() const { return static_cast<int64_t>(parameters.size()); }
  /// Evaluated channels c: the measured fields, which come first; without a measured side all fields.
  int64_t evaluated_channels() const;
  bool has_side(Side side) const;
  int64_t side_stride(Side side) const;
  /// Index of a field by name; a usage error with the nearest name otherwise.
  int64_t field_index(const std::string& field) const;
  std::filesystem::path folder(const std::filesystem::path& root, const std::string& key) const;
  std::filesystem::path home(const std::filesystem::path& root) const { return root / name; }
  /// Parameters out of a file name; nothing if the name does not match the pattern (of the side).
  std::optional<std::vector<double>> parse_name(const std::string& file, std::optional<Side> side = {}) const;
  const std::string& pattern(std::optional<Side> side) const;
  /// True if some parameters are in the files, not in their names.
  bool parameters_in_files() const;

  core::Json json() const;  ///< complete description, reads back to an equal one
  /// Of what defines the task: fields, sides, parameters, windows, splits, rules for missing values. Prose
  /// and the way of storage (formats, folders, names of files, places in them) do not enter.
  std::string sha256() const;
};

/// A built-in name, or the path of a YAML file. Keys in <data_root>/<name>/scenario.yaml override. Unknown
/// keys, wrong types and contradictions are usage errors that name the file and the nearest key.
Scenario load_scenario(const std::string& name_or_path, const std::filesystem::path& data_root = {});
Scenario scenario_from_json(const core::Json& values, const std::string& where);

std::vector<std::string> scenario_names();

}  // namespace windtunnel::datasets
