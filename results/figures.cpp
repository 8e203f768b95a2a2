#include "results/figures.h"

#include <charconv>

#include "core/error.h"
#include "core/json.h"
#include "core/safetensors.h"
#include "core/text.h"

namespace windtunnel::results {
namespace {

using core::Array;
using core::Json;

constexpr const char* kFormat = "windtunnel-figures/1";

void require_shape(const std::string& where, const Array& array, size_t axes, int64_t channels) {
  const bool whole = array.numel() == core::numel(array.shape);
  if (!whole || array.shape.size() != axes || array.shape.back() != channels || array.numel() == 0)
    throw data_error(where + ": shape " + core::to_string(array.shape),
                     std::to_string(axes) + " axes, the last with " + std::to_string(channels) + " channels");
}

void require_consistent(const std::string& origin, const Figures& figures) {
  const auto channels = static_cast<int64_t>(figures.fields.size());
  for (size_t k = 0; k < figures.samples.size(); ++k) {
    const auto& sample = figures.samples[k];
    const std::string where = origin + ": sample" + std::to_string(k);
    require_shape(where + "/input", sample.input, 4, channels);
    require_shape(where + "/target", sample.target, 4, channels);
    require_shape(where + "/prediction", sample.prediction, 4, channels);
    if (sample.prediction.shape != sample.target.shape)
      throw data_error(where + "/prediction: shape " + core::to_string(sample.prediction.shape),
                       core::to_string(sample.target.shape) + ", the target's");
  }
  if (figures.spectrum_target.numel() > 0 || figures.spectrum_error.numel() > 0) {
    require_shape(origin + ": spectrum/target", figures.spectrum_target, 2, channels);
    require_shape(origin + ": spectrum/error", figures.spectrum_error, 2, channels);
    if (figures.spectrum_target.shape != figures.spectrum_error.shape)
      throw data_error(origin + ": spectrum/error: shape " + core::to_string(figures.spectrum_error.shape),
                       core::to_string(figures.spectrum_target.shape));
  }
  if (figures.probes_target.numel() > 0 || figures.probes_prediction.numel() > 0) {
    const core::Shape& shape = figures.probes_target.shape;
    const bool axes = shape.size() == 2 || (shape.size() == 3 && shape[2] >= 1 && shape[2] <= channels);
    if (!axes || shape != figures.probes_prediction.shape ||
        figures.probes_target.numel() != core::numel(shape) ||
        figures.probes_prediction.numel() != core::numel(shape) ||
        shape[0] != static_cast<int64_t>(figures.probe_stations.size()))
      throw data_error(origin + ": probes: shapes " + core::to_string(figures.probes_target.shape) + " and " +
                           core::to_string(figures.probes_prediction.shape),
                       "equal shapes (stations,probes[,fields]) with one label per station");
  }
}

core::TensorView view(const Array& array) {
  return {core::DType::f32, array.shape, reinterpret_cast<const std::byte*>(array.data.data())};
}

const std::string& metadata(const core::SafetensorsFile& file, const std::string& origin,
                            const std::string& key) {
  const auto it = file.metadata().find(key);
  if (it == file.metadata().end()) throw data_error(origin + ": metadata '" + key + "' is missing", kFormat);
  return it->second;
}

}  // namespace

void write_figures(const std::filesystem::path& path, const Figures& figures) {
  require_consistent("figures", figures);
  std::vector<std::pair<std::string, core::TensorView>> tensors;
  Json fields = Json::array(), ids = Json::array();
  for (const auto& field : figures.fields) fields.push_back({{"name", field.name}, {"unit", field.unit}});
  for (size_t k = 0; k < figures.samples.size(); ++k) {
    const std::string prefix = "sample" + std::to_string(k) + "/";
    tensors.emplace_back(prefix + "input", view(figures.samples[k].input));
    tensors.emplace_back(prefix + "target", view(figures.samples[k].target));
    tensors.emplace_back(prefix + "prediction", view(figures.samples[k].prediction));
    ids.push_back(figures.samples[k].id);
  }
  const auto add = [&](const char* name, const Array& array) {
    if (array.numel() > 0) tensors.emplace_back(name, view(array));
  };
  add("spectrum/target", figures.spectrum_target);
  add("spectrum/error", figures.spectrum_error);
  add("probes/target", figures.probes_target);
  add("probes/prediction", figures.probes_prediction);
  core::write_safetensors(
      path, tensors,
      {{"format", kFormat},
       {"fields", fields.dump()},
       {"samples", ids.dump()},
       {"probe_stations", Json(figures.probe_stations).dump()},
       {"frame_interval_s",
        figures.frame_interval_s > 0 ? core::number(figures.frame_interval_s) : std::string()}});
}

Figures read_figures(const std::filesystem::path& path) {
  const core::SafetensorsFile file(path);
  const std::string origin = path.string();
  if (metadata(file, origin, "format") != kFormat)
    throw data_error(origin + ": format '" + metadata(file, origin, "format") + "'", kFormat);
  Figures figures;
  const auto list = [&](const std::string& key) {
    const Json value = core::parse_json(metadata(file, origin, key), origin + ", metadata " + key);
    if (!value.is_array()) throw data_error(origin + ": metadata '" + key + "' is no list", "a JSON list");
    return value;
  };
  try {
    for (const auto& field : list("fields")) figures.fields.push_back({field.at("name"), field.at("unit")});
    for (const auto& id : list("samples")) {
      const std::string prefix = "sample" + std::to_string(figures.samples.size()) + "/";
      figures.samples.push_back({id, file.floats(prefix + "input"), file.floats(prefix + "target"),
                                 file.floats(prefix + "prediction")});
    }
    for (const auto& station : list("probe_stations")) figures.probe_stations.push_back(station);
  } catch (const Json::exception&) {
    throw data_error(origin + ": malformed metadata", "lists of fields, sample ids and station labels");
  }
  const auto optional = [&](const char* name) { return file.contains(name) ? file.floats(name) : Array(); };
  figures.spectrum_target = optional("spectrum/target");
  figures.spectrum_error = optional("spectrum/error");
  figures.probes_target = optional("probes/target");
  figures.probes_prediction = optional("probes/prediction");
  const std::string& interval = metadata(file, origin, "frame_interval_s");
  std::from_chars(interval.data(), interval.data() + interval.size(), figures.frame_interval_s);
  require_consistent(origin, figures);
  return figures;
}

}  // namespace windtunnel::results
