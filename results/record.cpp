#include "results/record.h"

#include <chrono>
#include <cmath>
#include <ctime>

#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"
#include "results/schema.h"

namespace windtunnel::results {
namespace {

using core::Json;

Json object_or_empty(const Json& block) { return block.is_null() ? Json::object() : block; }

void require_valid(const Json& record, const std::string& origin) {
  const auto problems = validate(record, record_schema());
  if (problems.empty()) return;
  std::string found = origin + ": " + problems[0].path + ": " + problems[0].message;
  for (size_t i = 1; i < problems.size() && i < 5; ++i)
    found += "\n  " + problems[i].path + ": " + problems[i].message;
  if (problems.size() > 5) found += "\n  and " + std::to_string(problems.size() - 5) + " more";
  throw data_error(found, std::string("a record of the form ") + kRecordSchema,
                   "results/schema/record.schema.json documents every field");
}

void erase_measured(Json& value) {
  if (value.is_object()) value.erase("measured");
  if (value.is_structured())
    for (auto& child : value) erase_measured(child);
}

}  // namespace

Json MetricValue::json() const {
  Json entry = {{"id", id},
                {"version", version},
                {"value", nullptr},
                {"unit", unit},
                {"field", field},
                {"higher_is_better", higher_is_better},
                {"subset", subset},
                {"rounds", rounds},
                {"aggregation", aggregation},
                {"n", n}};
  if (std::isfinite(value))
    entry["value"] = value;
  else
    entry["reason"] = !reason.empty() ? reason : std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  for (const auto& [key, text] :
       {std::pair("plugin", &plugin), std::pair("label", &label), std::pair("formula", &formula)})
    if (!text->empty()) entry[key] = *text;
  if (standard_error && std::isfinite(*standard_error)) {
    entry["standard_error"] = *standard_error;
    if (std::isfinite(value))
      entry["ci95"] = {value - 1.96 * *standard_error, value + 1.96 * *standard_error};
    if (!method.empty()) entry["method"] = method;
  }
  return entry;
}

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Json make_record(const RecordDraft& draft) {
  Json record = {
      {"schema", kRecordSchema},
      {"created_utc", draft.created_utc.empty() ? utc_now() : draft.created_utc},
      {"supersedes", draft.supersedes},
      {"command", draft.command},
      {"synthetic", {{"is_synthetic", !draft.synthetic_label.empty()}, {"label", draft.synthetic_label}}},
      {"submission", object_or_empty(draft.submission)},
      {"harness", object_or_empty(draft.harness)},
      {"task", object_or_empty(draft.task)},
      {"dataset", object_or_empty(draft.dataset)},
      {"model", object_or_empty(draft.model)},
      {"training", object_or_empty(draft.training)},
      {"inference", object_or_empty(draft.inference)},
      {"environment", object_or_empty(draft.environment)},
      {"per_sample", draft.per_sample},
      {"predictions", draft.predictions},
      {"conformance", draft.conformance},
      {"checks", object_or_empty(draft.checks)},
      {"metrics", Json::array()},
      {"baselines", Json::object()},
      {"status",
       {{"state", draft.status},
        {"reason", draft.status_reason.empty() ? Json(nullptr) : Json(draft.status_reason)},
        {"n_failed", draft.n_failed}}}};
  if (!draft.confirms.empty()) record["confirms"] = draft.confirms;
  if (!draft.notes.empty()) record["notes"] = draft.notes;
  if (!record["submission"].contains("relationship")) record["submission"]["relationship"] = "first_party";
  if (!record["inference"].contains("measured")) record["inference"]["measured"] = Json::object();
  for (const auto& metric : draft.metrics) record["metrics"].push_back(metric.json());
  for (const auto& [name, metrics] : draft.baselines) {
    record["baselines"][name] = Json::array();
    for (const auto& metric : metrics) record["baselines"][name].push_back(metric.json());
  }
  record["record_id"] = record_id(record);
  require_valid(record, "new record");
  return record;
}

std::string record_id(const Json& record) {
  Json content = record;
  content.erase("record_id");
  content.erase("signature");
  return core::sha256(core::canonical(content));
}

Json comparable(Json record) {
  for (const char* key : {"record_id", "signature", "created_utc", "environment"}) record.erase(key);
  erase_measured(record);
  return record;
}

void write_record(const std::filesystem::path& path, const Json& record) {
  core::write_file_atomic(path, core::canonical(record) + "\n");
}

Json read_record(const std::filesystem::path& path) {
  const Json record = core::read_json(path.string());
  require_valid(record, path.string());
  const std::string id = record_id(record);
  if (record["record_id"] != id)
    throw data_error(
        path.string() + ": record_id is " + record["record_id"].get<std::string>(),
        id + ", the hash of the content",
        "the record was edited; corrections are new records that name the old one in 'supersedes'");
  return record;
}

const Json* find_metric(const Json& record, const std::string& id, const std::string& baseline) {
  const Json& task = record.at("task");
  const Json* list = &record.at("metrics");
  if (!baseline.empty()) {
    if (!record.at("baselines").contains(baseline)) return nullptr;
    list = &record.at("baselines").at(baseline);
  }
  for (const auto& entry : *list)
    if (entry.at("id") == id && entry.at("field") == "all" && entry.at("subset") == task.at("subset") &&
        entry.at("rounds") == task.at("rounds"))
      return &entry;
  return nullptr;
}

double skill(double value, double reference, bool higher_is_better) {
  return higher_is_better ? (value - reference) / (1 - reference) : 1 - value / reference;
}

}  // namespace windtunnel::results
