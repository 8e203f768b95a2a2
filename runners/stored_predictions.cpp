#include "runners/stored_predictions.h"

#include <algorithm>
#include <cmath>

#include "baselines/baseline.h"
#include "baselines/phase_list.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "core/sha256.h"
#include "core/text.h"
#include "results/record.h"
#include "tasks/protocol.h"

namespace windtunnel::runners {
namespace {

constexpr const char* kFormat = "windtunnel-probe/1";

/// Channels 0..c-1 of (T,H,W,C).
core::Array first_channels(const core::Array& field, int64_t c) {
  core::Shape shape = field.shape;
  const int64_t channels = shape.back(), points = field.numel() / channels;
  shape.back() = c;
  core::Array out(shape);
  for (int64_t i = 0; i < points; ++i)
    std::copy_n(field.data.begin() + i * channels, c, out.data.begin() + i * c);
  return out;
}

core::Array as_batch(core::Array field) {
  field.shape.insert(field.shape.begin(), 1);
  return field;
}

}  // namespace

core::Json write_stored_predictions(const std::filesystem::path& path,
                                    const std::vector<tasks::CapturedSample>& captured, int64_t channels,
                                    const std::optional<metrics::ProbeGeometry>& probes, int64_t limit) {
  std::vector<core::Array> fields;
  std::vector<std::string> names, ids;
  int64_t bytes = 0;
  for (const auto& sample : captured) {
    core::Array prediction = first_channels(sample.prediction, channels),
                target = first_channels(sample.target, channels);
    bytes += 4 * (prediction.numel() + target.numel());
    if (bytes > limit) break;
    names.push_back("prediction/" + std::to_string(ids.size()));
    fields.push_back(std::move(prediction));
    names.push_back("target/" + std::to_string(ids.size()));
    fields.push_back(std::move(target));
    ids.push_back(sample.id);
  }
  if (ids.empty()) return nullptr;
  std::vector<std::pair<std::string, core::TensorView>> tensors;
  for (size_t i = 0; i < fields.size(); ++i)
    tensors.emplace_back(names[i],
                         core::TensorView{core::DType::f32, fields[i].shape,
                                          reinterpret_cast<const std::byte*>(fields[i].data.data())});
  core::Json geometry = nullptr;
  if (probes)
    geometry = {{"diameter", probes->diameter},
                {"center_x", probes->center_x},
                {"center_y", probes->center_y},
                {"stride", probes->stride}};
  core::write_safetensors(path, tensors,
                          {{"format", kFormat},
                           {"samples", core::canonical(core::Json(ids))},
                           {"probes", core::canonical(geometry)}});
  return {{"sha256", nullptr},
          {"probe_file", path.filename().string()},
          {"probe_sha256", core::sha256_file(path)},
          {"probe_samples", ids}};
}

std::string compare_stored_predictions(const core::Json& record, const std::filesystem::path& probe,
                                       const results::PerSampleTable& rows) {
  try {
    const core::SafetensorsFile file(probe);
    const auto& facts = file.metadata();
    if (!facts.count("format") || facts.at("format") != kFormat || !facts.count("samples"))
      return "not a file of stored predictions (" + std::string(kFormat) + ")";
    const auto ids = core::parse_json(facts.at("samples"), probe.string()).get<std::vector<std::string>>();
    if (core::Json(ids) != record.at("predictions").value("probe_samples", core::Json()))
      return "holds other windows than the record says";
    if (ids.empty()) return "holds no predictions";
    const core::Json& task = record.at("task");
    const tasks::Protocol protocol = tasks::protocol(task.at("protocol"));
    const bool exact = task.at("protocol") == "corrected";
    for (size_t k = 0; k < ids.size(); ++k) {
      const core::Array prediction = as_batch(file.floats("prediction/" + std::to_string(k))),
                        target = as_batch(file.floats("target/" + std::to_string(k)));
      if (target.shape.size() != 5 || prediction.shape != target.shape)
        return ids[k] + ": prediction " + core::to_string(prediction.shape) + ", target " +
               core::to_string(target.shape);
      const auto row = std::find_if(rows.rows.begin(), rows.rows.end(), [&](const auto& r) {
        return r.sample_id == ids[k] && task.at("rounds") == r.rounds;
      });
      if (row == rows.rows.end()) return ids[k] + " is not among the scored windows";
      tasks::EvaluateOptions options;
      options.rounds = task.at("rounds");
      options.measured = target.shape.back();
      if (const auto it = facts.find("probes"); it != facts.end() && exact) {
        const core::Json g = core::parse_json(it->second, probe.string());
        if (g.is_object())
          options.probes =
              metrics::ProbeGeometry{g.at("diameter").get<int64_t>(), g.at("center_x").get<int64_t>(),
                                     g.at("center_y").get<int64_t>(), g.at("stride").get<int64_t>()};
      }
      tasks::PredictionScorer scorer(protocol, options);
      scorer.add(prediction, target, {ids[k]});
      const tasks::Evaluation again = scorer.finish();
      size_t compared = 0;
      for (size_t c = 0; c < again.columns.size(); ++c) {
        const auto at = std::find(rows.metrics.begin(), rows.metrics.end(), again.columns[c]);
        if (at == rows.metrics.end() || again.columns[c] == "normalized_mse") continue;  // needs statistics
        const double stored = row->values[static_cast<size_t>(at - rows.metrics.begin())],
                     value = again.rows.at(0).values[c];
        if (!std::isfinite(value) || std::isnan(stored)) continue;
        ++compared;
        if (!(std::abs(value - stored) <=
              (exact ? 1e-6 : 1e-5) * std::max(std::abs(value), std::abs(stored)) + 1e-30))
          return ids[k] + ": " + again.columns[c] + " is " + core::number(stored) +
                 " in the rows, the stored prediction gives " + core::number(value);
      }
      if (compared == 0) return ids[k] + ": no score in common with the rows";
    }
    return "";
  } catch (const Error& problem) {
    return problem.found();
  } catch (const core::Json::exception& problem) {
    return probe.filename().string() + ": " + problem.what();
  }
}

namespace {

/// An unknown baseline or option is the schema's and the configuration's affair, not the phases'.
std::vector<std::string> phases_of(const core::Json& config) {
  const std::string name = config.value("baseline", "");
  if (!baselines::phase_lists().contains(name)) return {};
  auto options = baselines::registry().at(name).options();
  core::read_options(*options, config.value("model", core::Json::object()), "the record's configuration");
  return baselines::phase_lists().at(name).phases(*options);
}

}  // namespace

results::CheckOptions full_checks() {
  results::CheckOptions options;
  for (const auto& name : tasks::protocol_names()) options.protocols[name] = tasks::protocol(name).hash();
  options.predictions = compare_stored_predictions;
  options.phases = phases_of;
  options.now = results::utc_now();
  return options;
}

}  // namespace windtunnel::runners
