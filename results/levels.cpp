#include "results/levels.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/text.h"
#include "results/record.h"

namespace windtunnel::results {
namespace {

using core::Json;

struct Text {
  const char *name, *note;
};
const Text& text_of(Level level) {
  static const std::vector<Text> texts = {
      {"refused", "a check found an error"},
      {"self-reported", "scores as the submitter gives them"},
      {"rows recomputed", "scores follow from the stored rows per test window"},
      {"predictions recomputed", "stored forecasts give the stored rows, and these the scores"},
      {"re-run by maintainers", "a run of the maintainers gives the same scores"},
      {"re-run independently", "others got the same scores on other hardware"}};
  return texts[static_cast<size_t>(static_cast<int>(level) + 1)];
}

bool hardware_differs(const Json& a, const Json& b) {
  const Json &x = a.at("environment"), &y = b.at("environment");
  for (const char* key : {"cpu_model", "gpu_model"})
    if (x.value(key, Json()) != y.value(key, Json())) return true;
  return false;
}

}  // namespace

std::string level_name(Level level) { return text_of(level).name; }
std::string level_note(Level level) { return text_of(level).note; }

Verification verify_record(const std::filesystem::path& path, const CheckOptions& options) {
  Verification result;
  const auto record = check_record(path, options, result.findings);
  if (!record || !passed(result.findings)) {
    result.level = Level::none;
    result.next = "the errors above";
    return result;
  }
  if (record->at("per_sample").is_null()) {
    result.next = "no rows per test window are stored beside the record";
    return result;
  }
  size_t recomputed = 0;
  for (const auto& entry : record->at("metrics"))
    recomputed +=
        entry.at("aggregation") != "set" && entry.at("field") == "all" && entry.at("value").is_number();
  if (recomputed == 0) {
    result.next = "no score is a function of the stored rows";
    return result;
  }
  result.level = Level::rows;
  const Json& predictions = record->at("predictions");
  if (!predictions.is_object() || !predictions.value("probe_file", Json()).is_string()) {
    result.next = "no predictions are stored beside the record";
  } else if (!options.predictions) {
    result.next = "stored predictions were not recomputed";
  } else {
    result.level = Level::predictions;
    result.next = "nobody has re-run it (`windtunnel verify RECORD --rerun --data DIR`)";
  }
  return result;
}

Level confirmed_level(Level level, const Json& record, const std::vector<const Json*>& confirming) {
  for (const Json* again : confirming) {
    if (again->at("record_id") == record.at("record_id") || !disagreement(record, *again).empty()) continue;
    const std::string who = again->at("submission").at("relationship");
    if (who == "maintainers") level = std::max(level, Level::maintainers);
    if (who == "third_party" && hardware_differs(record, *again)) level = std::max(level, Level::third_party);
  }
  return level;
}

std::string disagreement(const Json& record, const Json& again, double tolerance) {
  for (const char* key : {"scenario", "setting", "protocol_sha256", "subset", "rounds"})
    if (record.at("task").at(key) != again.at("task").at(key))
      return std::string(key) + " is " + again.at("task").at(key).dump() + ", not " +
             record.at("task").at(key).dump();
  if (record.at("dataset").at("n_test") != again.at("dataset").at("n_test"))
    return "it has " + again.at("dataset").at("n_test").dump() + " test windows, not " +
           record.at("dataset").at("n_test").dump();
  size_t compared = 0;
  for (const auto& entry : record.at("metrics")) {
    if (entry.at("field") != "all" || entry.at("subset") != record.at("task").at("subset") ||
        !entry.at("value").is_number())
      continue;
    const Json* other = find_metric(again, entry.at("id"));
    if (!other || !other->at("value").is_number()) continue;
    const double a = entry.at("value"), b = other->at("value");
    ++compared;
    if (std::abs(a - b) > tolerance * std::max(std::abs(a), std::abs(b)))
      return entry.at("id").get<std::string>() + " is " + core::number(b) + ", not " + core::number(a);
  }
  return compared ? "" : "no score in common";
}

}  // namespace windtunnel::results
