#include "results/check.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"
#include "core/text.h"
#include "results/catalogue.h"
#include "results/check_phases.h"
#include "results/record.h"
#include "results/run_folder.h"
#include "results/schema.h"

namespace windtunnel::results {
namespace {

using core::Json;
namespace fs = std::filesystem;

constexpr double kRecompute = 1e-6;  // relative, of scores from per-sample rows
constexpr double kTooGood = 1e-3;    // an error this small a share of persistence's wants a second look
constexpr int64_t kChunkedRounds =
    4;  // above this the published protocol averages chunks: no score is a plain mean

std::string shown(const Json& value) {
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  return text.size() > 70 ? text.substr(0, 67) + "..." : text;
}

class Checker {
 public:
  Checker(const Json& record, fs::path path, const CheckOptions& options, std::vector<Finding>& findings)
      : record_(record), path_(std::move(path)), options_(options), findings_(findings) {}

  void run() {
    identity();
    place();
    configuration();
    protocol();
    command();
    for (size_t i = 0; i < record_.at("metrics").size(); ++i)
      metric("/metrics/" + std::to_string(i), record_.at("metrics")[i]);
    for (const auto& [name, list] : record_.at("baselines").items())
      for (size_t i = 0; i < list.size(); ++i)
        metric("/baselines/" + name + "/" + std::to_string(i), list[i]);
    duplicates();
    relations();
    completeness();
    side_files();
  }

 private:
  void add(Severity severity, const char* code, const std::string& place, const std::string& reason) {
    findings_.push_back({severity, code, path_.string() + ": " + place, reason});
  }
  void error(const char* code, const std::string& place, const std::string& reason) {
    add(Severity::error, code, place, reason);
  }

  bool published_chunks(const Json& entry) const {
    return record_.at("task").at("protocol") != "corrected" &&
           entry.at("rounds").get<int64_t>() > kChunkedRounds;
  }

  void identity() {
    const std::string id = record_id(record_);
    if (record_.at("record_id") != id)
      error("id", "/record_id",
            "found " + record_.at("record_id").get<std::string>() + ", the content's hash is " + id +
                ": the record was edited");
    const std::string stem = path_.stem().string();
    if (stem.size() == 64 && stem.find_first_not_of("0123456789abcdef") == std::string::npos &&
        record_.at("record_id") != stem)
      error("id", "/record_id",
            "the file is named " + stem + ", the record says " + record_.at("record_id").get<std::string>());
  }

  void configuration() {
    const Json& training = record_.at("training");
    if (!training.contains("config")) return;
    const Json& config = training.at("config");
    const std::string hash = core::sha256(core::canonical(config));
    if (training.at("config_sha256") != hash)
      error("hash", "/training/config_sha256",
            "does not match the configuration in the record (" + hash + ")");
    const Json &task = record_.at("task"), &model = record_.at("model");
    const bool trained = task.at("setting") != "inference";
    const auto same = [&](const std::string& place, const Json& told, const Json& configured) {
      const bool numbers = told.is_number() && configured.is_number();
      if (told.is_null() || configured.is_null() || told == configured ||
          (numbers && told.get<double>() == configured.get<double>()))
        return;
      error("configuration", place,
            "the record says " + shown(told) + ", the configuration " + shown(configured));
    };
    const auto in = [&](const char* block, const char* key) {
      return config.contains(block) && config.at(block).is_object() ? config.at(block).value(key, Json())
                                                                    : Json();
    };
    same("/task/scenario", task.at("scenario"), config.value("scenario", Json()));
    same("/task/protocol", task.at("protocol"), config.value("protocol", Json()));
    if (trained) same("/task/setting", task.at("setting"), config.value("setting", Json()));
    same("/task/rounds", task.at("rounds"), in("evaluation", "rounds"));
    same("/task/subset", task.at("subset"), in("evaluation", "subset"));
    same("/model/name", model.at("name"), config.value("baseline", Json()));
    same("/model/preset", model.value("preset", Json()), config.value("preset", Json()));
    same("/model/compat", model.value("compat", Json()), config.value("compat", Json()));
    same("/model/options", model.value("options", Json()), config.value("model", Json()));
    const Json updates = in("training", "updates"), done = training.at("updates");
    if (updates.is_number() && done.get<double>() > allowed_updates(training, config, updates.get<double>()))
      error("configuration", "/training/updates",
            shown(done) + " updates, the configuration allows " + shown(updates));
    if (options_.phases)
      if (const auto fault = phases_at_fault(training, options_.phases(config)); !fault.empty())
        error("configuration", "/training/phases", fault);
    for (const auto& [name, seed] : training.at("seeds").items())
      same("/training/seeds/" + name, seed, in("training", "seed"));
  }

  /// In a board the folders say what the record says: <scenario>/<setting>/<model>/<id>/<id>.json.
  void place() {
    if (!options_.board || !is_record_id(path_.stem().string())) return;
    const Json& task = record_.at("task");
    const fs::path expected = fs::path(board_name(task.at("scenario"))) / board_name(task.at("setting")) /
                              board_name(record_.at("model").at("name"));
    fs::path found = path_.parent_path().parent_path();
    const fs::path model = found.filename(), setting = found.parent_path().filename(),
                   scenario = found.parent_path().parent_path().filename();
    if (scenario / setting / model != expected)
      error("place", "/task",
            "lies under " + (scenario / setting / model).string() + ", its content belongs under " +
                expected.string());
  }

  void protocol() {
    const Json& task = record_.at("task");
    const auto known = options_.protocols.find(task.at("protocol"));
    if (options_.protocols.empty()) return;
    if (known == options_.protocols.end())
      add(Severity::warning, "protocol", "/task/protocol",
          "'" + task.at("protocol").get<std::string>() + "' is not a protocol of this program");
    else if (known->second != task.at("protocol_sha256"))
      error("protocol", "/task/protocol_sha256",
            "found " + task.at("protocol_sha256").get<std::string>() + ", protocol " + known->first +
                " of this program is " + known->second);
  }

  /// The command that a reader will repeat must make this record, and must not tell about a machine.
  void command() {
    const std::vector<std::string> words = core::split(record_.at("command").get<std::string>(), ' ');
    const Json& task = record_.at("task");
    const auto same = [&](const char* flag, const std::string& wanted) {
      for (size_t i = 0; i + 1 < words.size(); ++i)
        if (words[i] == flag && fs::path(words[i + 1]).stem().string() != wanted)
          error("command", "/command",
                std::string(flag) + " " + words[i + 1] + ", the record is of " + wanted);
    };
    same("--scenario", task.at("scenario"));
    same("--baseline", record_.at("model").at("name"));
    if (task.at("setting") != "inference" && task.at("setting") != "single")
      same("--setting", task.at("setting"));
    for (const auto& word : words)
      if (word.rfind("/", 0) == 0 || word.find(":\\") != std::string::npos)
        add(Severity::warning, "private", "/command", "'" + word + "' is a path of one machine");
    if (record_.at("created_utc").get<std::string>() > options_.now && !options_.now.empty())
      error("time", "/created_utc",
            record_.at("created_utc").get<std::string>() + " lies in the future (now " + options_.now + ")");
  }

  void metric(const std::string& place, const Json& entry) {
    const std::string id = entry.at("id");
    const MetricInfo info = metric_info(id);
    if (entry.contains("plugin")) plugin_metric(place, entry, info);
    if (entry.at("value").is_null() != entry.contains("reason"))
      error(
          "reason", place,
          entry.contains("reason") ? "a reason stands beside a value" : "the value is null without a reason");
    if (!info.aggregation.empty()) {  // one of the cards
      if (entry.at("higher_is_better") != info.higher_is_better)
        error("direction", place,
              id + ": the record says " + (info.higher_is_better ? "lower" : "higher") +
                  " is better, it is the other way round");
      const bool chunked =
          record_.at("task").at("protocol") != "corrected" && entry.at("aggregation") == "set";
      const bool of_field =
          entry.at("field") != "all" && entry.at("aggregation") == "set";  // no rows of its own
      if (entry.at("aggregation") != info.aggregation && !chunked && !of_field)
        error("aggregation", place,
              id + ": found '" + entry.at("aggregation").get<std::string>() + "', expected '" +
                  info.aggregation + "'");
    }
    if (!entry.at("value").is_number()) return;
    const double value = entry.at("value");
    if (!info.higher_is_better && !info.aggregation.empty() && value < 0)
      error("plausible", place, id + " is " + core::number(value) + ", an error is not negative");
    if (info.higher_is_better && !info.aggregation.empty() && value > 1 + 1e-12)
      error("plausible", place, id + " is " + core::number(value) + ", at most 1 is possible");
    const int64_t n = entry.at("n"), tests = record_.at("dataset").at("n_test");
    if (n == 0) error("plausible", place, id + " has a value from 0 samples");
    if (n > tests)
      error("plausible", place,
            id + " is over " + std::to_string(n) + " samples, the test has " + std::to_string(tests));
    if (entry.contains("ci95") && entry.at("ci95").is_array() && entry.at("ci95").size() == 2 &&
        !(entry.at("ci95")[0].get<double>() <= value && value <= entry.at("ci95")[1].get<double>()))
      error("plausible", place, id + " lies outside its own interval");
  }

  /// A plug-in's metric has a name of its own, and the record lists the plug-in.
  void plugin_metric(const std::string& place, const Json& entry, const MetricInfo& known) {
    const std::string plugin = entry.at("plugin"), id = entry.at("id");
    if (!known.aggregation.empty())
      error("metric", place, id + " is a metric of this program, the record says it is of plug-in " + plugin);
    const Json loaded = record_.at("harness").value("plugins", Json::array());
    if (std::none_of(loaded.begin(), loaded.end(), [&](const Json& p) {
          return p.at("name").get<std::string>() + " " + p.at("version").get<std::string>() == plugin;
        }))
      error("metric", place, id + " is of plug-in " + plugin + ", which /harness/plugins does not list");
  }

  void duplicates() {
    std::set<std::string> seen;
    for (const auto& entry : record_.at("metrics"))
      if (!seen.insert(core::canonical(
                           {entry.at("id"), entry.at("field"), entry.at("subset"), entry.at("rounds")}))
               .second)
        error("duplicate_metric", "/metrics",
              entry.at("id").get<std::string>() + " appears twice for the same field, windows and rounds");
  }

  std::optional<double> value(const std::string& id, const std::string& baseline = "") const {
    const Json* entry = find_metric(record_, id, baseline);
    return entry && entry->at("value").is_number() ? std::optional<double>(entry->at("value")) : std::nullopt;
  }

  /// Identities between scores of one test set.
  void relations() {
    const auto rmse = value("rmse"), mae = value("mae"), r2 = value("r2");
    if (rmse && mae && *mae > *rmse * (1 + 1e-6))
      error("plausible", "/metrics",
            "MAE " + core::number(*mae) + " exceeds RMSE " + core::number(*rmse) + ", which is impossible");
    const auto low = value("low_frmse"), mid = value("mid_frmse"), high = value("high_frmse"),
               all = value("frmse");
    if (low && mid && high && all) {
      const double least = std::min({*low, *mid, *high}), most = std::max({*low, *mid, *high});
      if (*all < least * (1 - 1e-6) || *all > most * (1 + 1e-6))
        error("plausible", "/metrics",
              "fRMSE " + core::number(*all) + " lies outside its bands " + core::number(least) + " to " +
                  core::number(most));
    }
    // RMSE^2 / (1 - R2) is the variance of the targets: the same for every forecast of one test set.
    const auto base_rmse = value("rmse", "persistence"), base_r2 = value("r2", "persistence");
    if (rmse && r2 && base_rmse && base_r2 && *r2 < 1 && *base_r2 < 1 && *rmse > 0 && *base_rmse > 0 &&
        !published_chunks(*find_metric(record_, "rmse"))) {
      const double mine = *rmse * *rmse / (1 - *r2), theirs = *base_rmse * *base_rmse / (1 - *base_r2);
      const double tolerance = 1e-4 + 1e-6 / (1 - *r2) + 1e-6 / (1 - *base_r2);
      if (std::abs(mine / theirs - 1) > tolerance)
        error("variance", "/metrics",
              "RMSE and R2 imply target variance " + core::number(mine) + ", those of persistence " +
                  core::number(theirs) + ": not the same test set");
    }
    for (const auto& entry : record_.at("metrics")) {
      const std::string id = entry.at("id");
      const auto mine = value(id), theirs = value(id, "persistence");
      if (mine && theirs && !metric_info(id).higher_is_better && *theirs > 0 && *mine < kTooGood * *theirs)
        add(Severity::warning, "too_good", "/metrics",
            id + " is " + core::number(*mine / *theirs) + " of persistence's: review by hand");
    }
  }

  void completeness() {
    const Json &model = record_.at("model"), &status = record_.at("status"), &checks = record_.at("checks");
    const bool complete = status.at("state") == "complete";
    // Predictions of another program stand for themselves: their hash takes the place of the weights'.
    const Json& predictions = record_.at("predictions");
    const bool foreign = predictions.is_object() && predictions.value("sha256", Json()).is_string();
    if (model.at("trainable").get<bool>()) {
      if (!model.contains("weights_sha256") || model.at("weights_sha256").is_null())
        add(complete && !foreign ? Severity::error : Severity::warning, "weights", "/model/weights_sha256",
            "a trained model without the hash of its weights");
      if (record_.at("training").at("seeds").empty() && !foreign)
        error("seeds", "/training/seeds", "a trained model without seeds");
    }
    if (complete && record_.at("metrics").empty())
      error("status", "/status", "complete, but without a score");
    if (!complete && (status.at("reason").is_null() || status.at("reason") == ""))
      error("status", "/status/reason",
            "the run is " + status.at("state").get<std::string>() + " without a reason");
    if (complete && status.at("n_failed").get<int64_t>() > 0)
      error("status", "/status",
            "complete, but " + std::to_string(status.at("n_failed").get<int64_t>()) + " samples failed");
    if (checks.value("test_used_for_selection", Json(false)) == true)
      error("leak", "/checks", "the test set was used to choose the checkpoint");
    const Json overlap = checks.value("train_test_overlap", Json(nullptr));
    if (overlap.is_number() && overlap.get<int64_t>() > 0)
      add(record_.at("task").at("protocol") == "corrected" ? Severity::error : Severity::warning, "leak",
          "/checks", overlap.dump() + " test windows share frames with training windows");
    for (const char* key : {"dead_modules", "zero_gradient_parameters"})
      if (checks.contains(key) && !checks.at(key).empty())
        add(Severity::warning, "dead", "/checks/" + std::string(key),
            std::to_string(checks.at(key).size()) +
                " parts of the model do nothing, first: " + checks.at(key)[0].get<std::string>());
    for (const auto& old : record_.at("supersedes"))
      if (old == record_.at("record_id")) error("supersedes", "/supersedes", "replaces itself");
    if (record_.at("environment").empty())
      add(Severity::warning, "environment", "/environment", "nothing is known about the machine");
    const Json& synthetic = record_.at("synthetic");
    if (synthetic.at("is_synthetic").get<bool>() == synthetic.at("label").get<std::string>().empty())
      error("synthetic", "/synthetic", "made data need a label, measured data must not have one");
  }

  void side_files() {
    const Json& predictions = record_.at("predictions");
    if (predictions.is_object() && predictions.contains("probe_file") &&
        predictions.at("probe_file").is_string())
      hash_matches("/predictions/probe_file", predictions.at("probe_file"),
                   predictions.value("probe_sha256", Json(nullptr)));
    const Json& block = record_.at("per_sample");
    if (block.is_null()) {
      add(Severity::warning, "per_sample", "/per_sample", "no scores per sample: nothing can be recomputed");
      return;
    }
    if (!hash_matches("/per_sample/file", block.at("file"), block.at("sha256"))) return;
    try {
      const PerSampleTable table = read_per_sample(path_.parent_path() / block.at("file").get<std::string>());
      if (table.rows.size() != block.at("rows").get<size_t>())
        error("per_sample", "/per_sample/rows",
              "the file has " + std::to_string(table.rows.size()) + " rows, the record says " +
                  block.at("rows").dump());
      rows(table, block);
      for (size_t i = 0; i < record_.at("metrics").size(); ++i)
        recompute("/metrics/" + std::to_string(i), record_.at("metrics")[i], table);
      predictions_give_rows(table);
    } catch (const Error& problem) {
      error("per_sample", "/per_sample", problem.found());
    }
  }

  /// The rows themselves: those of the test windows, once each, with possible values.
  void rows(const PerSampleTable& table, const Json& block) {
    std::vector<std::string> header = {"sample_id", "subset", "rounds"};
    header.insert(header.end(), table.metrics.begin(), table.metrics.end());
    if (block.at("columns") != Json(header))
      error("per_sample", "/per_sample/columns", "the file has other columns than the record says");
    const Json& task = record_.at("task");
    std::vector<std::string> ids;
    const bool complete = record_.at("status").at("state") == "complete";
    for (const auto& row : table.rows) {
      if (row.rounds != task.at("rounds")) continue;
      ids.push_back(row.sample_id);
      for (size_t c = 0; c < row.values.size(); ++c) {
        const MetricInfo info = metric_info(table.metrics[c]);
        const bool error_like = !info.aggregation.empty() && !info.higher_is_better;
        if (error_like && row.values[c] < 0)
          error("plausible", "/per_sample", row.sample_id + ": " + table.metrics[c] + " is negative");
        if (complete && table.metrics[c] == "mse" && !std::isfinite(row.values[c]))
          error("status", "/per_sample",
                row.sample_id + ": " + table.metrics[c] + " is not finite in a run said to be complete");
      }
    }
    if (task.at("subset") == "all" && ids.size() != record_.at("dataset").at("n_test").get<size_t>())
      error("per_sample", "/dataset/n_test",
            "the test has " + record_.at("dataset").at("n_test").dump() + " windows, the rows are of " +
                std::to_string(ids.size()));
  }

  void predictions_give_rows(const PerSampleTable& table) {
    const Json& predictions = record_.at("predictions");
    if (!options_.predictions || !predictions.is_object() ||
        !predictions.value("probe_file", Json()).is_string())
      return;
    const fs::path probe = path_.parent_path() / predictions.at("probe_file").get<std::string>();
    if (!fs::exists(probe)) return;  // said before
    const std::string reason = options_.predictions(record_, probe, table);
    if (!reason.empty()) error("predictions", "/predictions/probe_file", reason);
  }

  bool hash_matches(const std::string& place, const std::string& file, const Json& expected) {
    const fs::path side = path_.parent_path() / file;
    if (!fs::exists(side)) {
      error("hash", place, "side file " + file + " is missing beside the record");
      return false;
    }
    const std::string found = core::sha256_file(side);
    if (expected == found) return true;
    error("hash", place, file + " has SHA-256 " + found + ", the record says " + expected.dump());
    return false;
  }

  static bool in_subset(const std::string& row, const std::string& wanted) {
    return wanted == "all" || wanted == "first" || wanted == "first_last" || row == wanted ||
           (wanted == "unseen" && row != "seen");
  }

  void recompute(const std::string& place, const Json& entry, const PerSampleTable& table) {
    const std::string aggregation = entry.at("aggregation"), id = entry.at("id");
    if (aggregation == "set" || entry.at("field") != "all" || !entry.at("value").is_number()) return;
    const std::string column = aggregation == "mean" ? id : aggregation.substr(5);
    const auto at = std::find(table.metrics.begin(), table.metrics.end(), column);
    if (at == table.metrics.end()) {
      error("recompute", place,
            id + " follows from column '" + column + "', which the per-sample file lacks");
      return;
    }
    double sum = 0;
    int64_t n = 0;
    for (const auto& row : table.rows)
      if (row.rounds == entry.at("rounds") && in_subset(row.subset, entry.at("subset")))
        sum += row.values[static_cast<size_t>(at - table.metrics.begin())], ++n;
    if (n != entry.at("n").get<int64_t>()) {
      error(
          "recompute", place,
          id + " is over " + entry.at("n").dump() + " samples, the per-sample file has " + std::to_string(n));
      return;
    }
    const double mean = sum / static_cast<double>(n), again = aggregation == "mean" ? mean : std::sqrt(mean);
    const double value = entry.at("value");
    if (!(std::abs(again - value) <= kRecompute * std::max(std::abs(again), std::abs(value)) + 1e-300))
      error("recompute", place,
            id + " is " + core::number(value) + ", its per-sample rows give " + core::number(again));
  }

  const Json& record_;
  fs::path path_;
  const CheckOptions& options_;
  std::vector<Finding>& findings_;
};

std::optional<Json> load(const fs::path& path, std::vector<Finding>& findings) {
  try {
    Json record = core::read_json(path.string());
    const auto problems = validate(record, record_schema());
    for (const auto& problem : problems)
      findings.push_back({Severity::error, "schema", path.string() + ": " + problem.path, problem.message});
    if (problems.empty()) return record;
  } catch (const Error& problem) {
    findings.push_back({Severity::error, "schema", path.string(), problem.found()});
  }
  return std::nullopt;
}

}  // namespace

const char* to_string(Severity severity) {
  return severity == Severity::error ? "error" : severity == Severity::warning ? "warning" : "note";
}

std::vector<Finding> check_record(const fs::path& path, const CheckOptions& options) {
  std::vector<Finding> findings;
  check_record(path, options, findings);
  return findings;
}

std::optional<Json> check_record(const fs::path& path, const CheckOptions& options,
                                 std::vector<Finding>& findings) {
  auto record = load(path, findings);
  if (record) Checker(*record, path, options, findings).run();
  return record;
}

bool passed(const std::vector<Finding>& findings) {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& f) { return f.severity == Severity::error; });
}

std::string describe(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& finding : findings)
    text += std::string(to_string(finding.severity)) + " [" + finding.code + "] " + finding.place + ": " +
            finding.reason + "\n";
  return text;
}

bool is_record_id(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string board_name(const std::string& name) {
  std::string safe;
  for (unsigned char c : name)
    safe += std::isalnum(c) || c == '.' || c == '_' || c == '-' ? static_cast<char>(c) : '_';
  return safe.empty() || safe[0] == '.' ? "_" + safe : safe;
}

}  // namespace windtunnel::results
