#include "results/record_export.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <map>

#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"
#include "core/text.h"
#include "results/check.h"
#include "results/record.h"
#include "results/run_folder.h"

namespace windtunnel::results {
namespace {

using core::Json;
namespace fs = std::filesystem;

std::string text_of(const Json& block, const char* key) {
  const Json value = block.value(key, Json());
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

/// Milliseconds since 1970 of "2025-01-31T12:00:00Z".
int64_t milliseconds(const std::string& utc) {
  std::tm parts{};
  if (!::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts)) return 0;
  return static_cast<int64_t>(::timegm(&parts)) * 1000;
}

// Model card
// ------------------------------------------------------------------------------------------------------

Json card_result(const Json& record) {
  const Json &task = record.at("task"), &data = record.at("dataset");
  Json metrics = Json::array();
  for (const auto& entry : record.at("metrics")) {
    if (!entry.at("value").is_number() || entry.at("field") != "all") continue;
    Json metric = {{"type", entry.at("id")},
                   {"name", entry_info(entry).label + " (" + text_of(entry, "subset") + ", rounds " +
                                entry.at("rounds").dump() + ")"},
                   {"value", entry.at("value")},
                   {"config", "unit " + text_of(entry, "unit") + ", n " + entry.at("n").dump()}};
    metrics.push_back(metric);
  }
  return {{"task", {{"type", "physical-field-forecasting"}, {"name", task.at("id")}}},
          {"dataset",
           {{"type", data.at("id")},
            {"name", scenario_label_of(record)},
            {"split", "test"},
            {"revision", text_of(data, "revision")},
            {"args",
             {{"test_sha256", text_of(data, "test_sha256")},
              {"protocol", task.at("protocol")},
              {"synthetic", record.at("synthetic").at("is_synthetic")}}}}},
          {"metrics", metrics},
          {"source", {{"name", "Windtunnel record " + text_of(record, "record_id")}}}};
}

fs::path write_model_index(const std::vector<RecordFile>& records, const fs::path& out) {
  std::map<std::string, Json> models;
  for (const auto& file : records) {
    const std::string name = model_label_of(file.record);
    Json& model = models[name];
    model["name"] = name;
    model["results"].push_back(card_result(file.record));
  }
  Json list = Json::array();
  for (auto& [name, model] : models) list.push_back(std::move(model));
  core::write_file_atomic(out, "---\n" + core::to_yaml(Json{{"model-index", list}}) + "---\n");
  return out;
}

// CSV
// -------------------------------------------------------------------------------------------------------

fs::path write_csv(const std::vector<RecordFile>& records, const fs::path& out) {
  std::string text =
      "record_id,created_utc,scenario,setting,protocol,synthetic,model,preset,seed,parameters,metric,field,"
      "subset,"
      "rounds,value,unit,higher_is_better,ci95_low,ci95_high,n,reason,train_wall_s,weights_sha256,command\n";
  for (const auto& file : records) {
    const Json &r = file.record, &task = r.at("task"), &model = r.at("model");
    for (const auto& entry : r.at("metrics")) {
      const Json interval = entry.value("ci95", Json());
      std::vector<std::string> line = {text_of(r, "record_id"),
                                       text_of(r, "created_utc"),
                                       text_of(task, "scenario"),
                                       text_of(task, "setting"),
                                       text_of(task, "protocol"),
                                       text_of(r.at("synthetic"), "label"),
                                       text_of(model, "name"),
                                       text_of(model, "preset"),
                                       text_of(r.at("training").at("seeds"), "init"),
                                       text_of(model, "parameters"),
                                       text_of(entry, "id"),
                                       text_of(entry, "field"),
                                       text_of(entry, "subset"),
                                       text_of(entry, "rounds"),
                                       text_of(entry, "value"),
                                       text_of(entry, "unit"),
                                       text_of(entry, "higher_is_better"),
                                       interval.is_array() ? interval[0].dump() : "",
                                       interval.is_array() ? interval[1].dump() : "",
                                       text_of(entry, "n"),
                                       text_of(entry, "reason"),
                                       text_of(r.at("training").at("measured"), "wall_s"),
                                       text_of(model, "weights_sha256"),
                                       text_of(r, "command")};
      for (auto& cell : line) cell = csv_cell(cell);
      text += core::join(line, ",") + "\n";
    }
  }
  core::write_file_atomic(out, text);
  return out;
}

// MLflow file store
// -----------------------------------------------------------------------------------------

void flatten(const Json& value, const std::string& name, std::map<std::string, std::string>& params) {
  if (value.is_object())
    for (const auto& [key, child] : value.items())
      flatten(child, name.empty() ? key : name + "." + key, params);
  else
    params[name] = value.is_string() ? value.get<std::string>() : value.dump();
}

/// A number from the text, as experiment and run ids must be: decimal for experiments, 32 hex digits for
/// runs.
std::string experiment_id(const std::string& scenario) {
  uint64_t hash = 1469598103934665603u;
  for (unsigned char c : scenario) hash = (hash ^ c) * 1099511628211u;
  return std::to_string(hash % 900000000000000000u + 100000000000000000u);
}

fs::path write_mlflow(const std::vector<RecordFile>& records, const fs::path& out) {
  for (const auto& file : records) {
    const Json &r = file.record, &task = r.at("task");
    const std::string scenario = text_of(task, "scenario"), experiment = experiment_id(scenario),
                      id = text_of(r, "record_id").substr(0, 32);
    const int64_t end = milliseconds(text_of(r, "created_utc"));
    const Json wall = r.at("training").at("measured").value("wall_s", Json(0));
    const int64_t start = end - static_cast<int64_t>((wall.is_number() ? wall.get<double>() : 0) * 1000);
    const fs::path home = out / experiment, run = home / id;
    for (const char* folder : {"metrics", "params", "tags", "artifacts"}) core::make_folder(run / folder);
    core::write_file_atomic(home / "meta.yaml",
                            core::to_yaml(Json{{"artifact_location", "mlflow-artifacts:/" + experiment},
                                               {"creation_time", start},
                                               {"experiment_id", experiment},
                                               {"last_update_time", end},
                                               {"lifecycle_stage", "active"},
                                               {"name", scenario}}));
    core::write_file_atomic(
        run / "meta.yaml",
        core::to_yaml(Json{{"artifact_uri", "mlflow-artifacts:/" + experiment + "/" + id + "/artifacts"},
                           {"end_time", end},
                           {"entry_point_name", ""},
                           {"experiment_id", experiment},
                           {"lifecycle_stage", "active"},
                           {"run_id", id},
                           {"run_name", model_label_of(r) + ", " + text_of(task, "setting")},
                           {"run_uuid", id},
                           {"source_name", "windtunnel"},
                           {"source_type", 4},
                           {"source_version", text_of(r.at("harness"), "git_commit")},
                           {"start_time", start},
                           {"status", r.at("status").at("state") == "complete" ? 3 : 4},
                           {"tags", Json::array()},
                           {"user_id", text_of(r.at("submission"), "submitter")}}));
    for (const auto& entry : r.at("metrics")) {
      if (!entry.at("value").is_number() || entry.at("field") != "all") continue;
      const bool main = entry.at("subset") == task.at("subset") && entry.at("rounds") == task.at("rounds");
      const std::string name =
          text_of(entry, "id") +
          (main ? "" : "." + text_of(entry, "subset") + ".rounds" + text_of(entry, "rounds"));
      core::write_file_atomic(run / "metrics" / name,
                              std::to_string(end) + " " + core::number(entry.at("value")) + " 0\n");
    }
    std::map<std::string, std::string> params;
    flatten(r.at("training").value("config", Json::object()), "", params);
    for (const auto& [name, value] : params)
      core::write_file_atomic(run / "params" / board_name(name), value);
    const std::map<std::string, std::string> tags = {
        {"mlflow.runName", model_label_of(r)},
        {"mlflow.source.git.commit", text_of(r.at("harness"), "git_commit")},
        {"record_id", text_of(r, "record_id")},
        {"command", text_of(r, "command")},
        {"synthetic", text_of(r.at("synthetic"), "label")}};
    for (const auto& [name, value] : tags) core::write_file_atomic(run / "tags" / name, value);
    core::write_file_atomic(run / "artifacts/record.json", core::canonical(r) + "\n");
  }
  return out;
}

// Croissant
// -------------------------------------------------------------------------------------------------

fs::path write_croissant(const std::vector<RecordFile>& records, const fs::path& out) {
  const Json context = {{"@language", "en"},
                        {"@vocab", "https://schema.org/"},
                        {"sc", "https://schema.org/"},
                        {"cr", "http://mlcommons.org/croissant/"},
                        {"dct", "http://purl.org/dc/terms/"},
                        {"conformsTo", "dct:conformsTo"},
                        {"citeAs", "cr:citeAs"},
                        {"recordSet", "cr:recordSet"},
                        {"field", "cr:field"},
                        {"dataType", {{"@id", "cr:dataType"}, {"@type", "@vocab"}}},
                        {"source", "cr:source"},
                        {"fileObject", "cr:fileObject"},
                        {"extract", "cr:extract"},
                        {"column", "cr:column"}};
  Json files = Json::array(), sets = Json::array();
  for (const auto& file : records) {
    const Json &r = file.record, &rows = r.at("per_sample");
    const std::string id = text_of(r, "record_id"), short_id = id.substr(0, 12);
    const fs::path path = file.path.parent_path();
    files.push_back({{"@type", "cr:FileObject"},
                     {"@id", "record-" + short_id},
                     {"name", "record-" + short_id},
                     {"description", model_label_of(r) + ", " + text_of(r.at("task"), "id")},
                     {"contentUrl", file.path.filename().string()},
                     {"encodingFormat", "application/json"},
                     {"sha256", core::sha256_file(file.path)}});
    if (!rows.is_object()) continue;
    files.push_back({{"@type", "cr:FileObject"},
                     {"@id", "rows-" + short_id},
                     {"name", "rows-" + short_id},
                     {"contentUrl", rows.at("file")},
                     {"encodingFormat", "text/csv"},
                     {"sha256", rows.at("sha256")}});
    Json fields = Json::array();
    for (const auto& column : rows.at("columns")) {
      const std::string name = column;
      const bool text = name == "sample_id" || name == "subset";
      fields.push_back(
          {{"@type", "cr:Field"},
           {"@id", "scores-" + short_id + "/" + name},
           {"name", name},
           {"dataType", text               ? "sc:Text"
                        : name == "rounds" ? "sc:Integer"
                                           : "sc:Float"},
           {"source", {{"fileObject", {{"@id", "rows-" + short_id}}}, {"extract", {{"column", name}}}}}});
    }
    sets.push_back({{"@type", "cr:RecordSet"},
                    {"@id", "scores-" + short_id},
                    {"name", "scores-" + short_id},
                    {"description", "scores per test window of record " + id},
                    {"field", fields}});
  }
  const Json& first = records.front().record;
  const std::string licence = text_of(first.at("dataset"), "licence");
  Json dataset = {
      {"@context", context},
      {"@type", "sc:Dataset"},
      {"conformsTo", "http://mlcommons.org/croissant/1.0"},
      {"name", "windtunnel-results"},
      {"description", "Scores of learned solvers per test window, with the records they belong to."},
      {"version", text_of(first.at("harness"), "version")},
      {"datePublished", text_of(first, "created_utc").substr(0, 10)},
      {"distribution", files},
      {"recordSet", sets}};
  if (!licence.empty()) dataset["license"] = licence;
  core::write_file_atomic(out, dataset.dump(2) + "\n");
  return out;
}

using Writer = fs::path (*)(const std::vector<RecordFile>&, const fs::path&);
const std::vector<std::pair<std::string, Writer>> kWriters = {{"model-index", write_model_index},
                                                              {"mlflow", write_mlflow},
                                                              {"csv", write_csv},
                                                              {"croissant", write_croissant}};

}  // namespace

const std::vector<std::string>& export_targets() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const auto& [name, unused] : kWriters) list.push_back(name);
    return list;
  }();
  return names;
}

fs::path export_records(const std::vector<RecordFile>& records, const std::string& target,
                        const fs::path& out) {
  if (records.empty()) throw data_error("nothing to export", "at least one record");
  for (const auto& [name, write] : kWriters)
    if (name == target) return write(records, out);
  throw usage_error("unknown export '" + target + "'", core::join(export_targets(), ", "),
                    core::suggestion(target, export_targets()));
}

}  // namespace windtunnel::results
