#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "core/sha256.h"
#include "core/text.h"
#include "results/catalogue.h"
#include "results/check.h"
#include "results/distributions.h"
#include "results/leaderboard.h"
#include "results/levels.h"
#include "results/record.h"

namespace windtunnel::results {
namespace {

using core::Json;
namespace fs = std::filesystem;

constexpr double kSameForecast = 1e-6;  // relative, of trivial forecasts on one test set
constexpr double kSurprising = 1e-3;    // one-sided probability of a seed this much better than the others

constexpr const char* kOfTheModel = "normalized_mse";  // in units of the model's own statistics

struct Entry {
  fs::path path;
  Json record;
};

std::string text_of(const Json& block, const char* key) {
  const Json value = block.value(key, Json());
  return value.is_string() ? value.get<std::string>() : "";
}

/// What must be equal for two records to be scored on the same windows of the same data.
std::string test_of(const Json& record) {
  const Json &task = record.at("task"), &data = record.at("dataset");
  return core::canonical({task.at("scenario"), task.at("protocol_sha256"), task.at("subset"),
                          task.at("rounds"), data.value("manifest_sha256", Json()),
                          data.value("revision", Json()), data.value("test_sha256", Json()),
                          data.at("n_test"), record.at("synthetic").at("label")});
}

class FolderChecker {
 public:
  FolderChecker(const std::vector<Entry>& entries, std::vector<Finding>& findings)
      : entries_(entries), findings_(findings) {}

  void run() {
    for (const auto& entry : entries_) {
      const std::string id = entry.record.at("record_id");
      if (const auto [it, fresh] = ids_.emplace(id, &entry); !fresh) {
        add(Severity::warning, "duplicate_id", entry, "the same record as " + it->second->path.string());
        continue;
      }
      copies(entry);
      weights(entry);
      definitions(entry);
    }
    for (const auto& entry : entries_)
      for (const auto& old : entry.record.at("supersedes")) replaced_.insert(old.get<std::string>());
    for (const auto& entry : entries_) history(entry);
    seeds();
  }

 private:
  void add(Severity severity, const char* code, const Entry& entry, const std::string& reason) {
    findings_.push_back({severity, code, entry.path.string(), reason});
  }

  void copies(const Entry& entry) {
    const Json& record = entry.record;
    if (record.contains("confirms") && !record.at("confirms").empty()) return;  // meant to be the same
    Json content = comparable(record);
    for (const char* key : {"submission", "notes", "command", "supersedes"}) content.erase(key);
    const std::string run = core::sha256(core::canonical(content));
    if (const auto [it, fresh] = runs_.emplace(run, &entry); !fresh)
      add(Severity::error, "copied", entry,
          "equals " + it->second->path.string() +
              " but for times, environment and submitter: one run counted twice");
    if (!record.at("per_sample").is_object() || !record.at("model").at("trainable").get<bool>()) return;
    const auto [it, fresh] = rows_.emplace(record.at("per_sample").at("sha256"), &entry);
    if (!fresh && record.at("model").value("weights_sha256", Json()) !=
                      it->second->record.at("model").value("weights_sha256", Json()))
      add(Severity::error, "copied_rows", entry,
          "its scores per sample are those of " + it->second->path.string() + ", whose weights are others");
  }

  /// The same weights may be scored by another protocol, over more rounds or other windows, never under
  /// another scenario, setting or model.
  void weights(const Entry& entry) {
    const Json& task = entry.record.at("task");
    const std::string hash = text_of(entry.record.at("model"), "weights_sha256");
    if (hash.empty()) return;
    const std::string used = task.at("scenario").get<std::string>() + ", setting " +
                             task.at("setting").get<std::string>() + ", model " +
                             entry.record.at("model").at("name").get<std::string>();
    const auto [it, fresh] = weights_.emplace(hash, std::pair(used, &entry));
    if (!fresh && it->second.first != used)
      add(Severity::error, "duplicate_weights", entry,
          "the weights of " + used + " are those of " + it->second.first + " (" +
              it->second.second->path.string() + ")");
  }

  /// One name, one meaning.
  void definitions(const Entry& entry) {
    const Json &record = entry.record, &task = record.at("task"), &data = record.at("dataset"),
               &model = record.at("model");
    const auto once = [&](const char* code, const std::string& key, const std::string& value,
                          const std::string& what, size_t shown = 16) {
      if (value.empty()) return;
      const auto [it, fresh] = meanings_.emplace(std::string(code) + "\n" + key, std::pair(value, &entry));
      if (!fresh && it->second.first != value)
        add(Severity::error, code, entry,
            what + " is " + value.substr(0, shown) + ", in " + it->second.second->path.string() + " it is " +
                it->second.first.substr(0, shown));
    };
    const std::string protocol =
        task.at("protocol").get<std::string>() + " version " + text_of(task, "version");
    once("protocol", protocol, task.at("protocol_sha256"), "the hash of protocol " + protocol);
    if (!text_of(data, "manifest_sha256").empty()) {
      const std::string where = core::canonical(
          {task.at("scenario"), text_of(data, "manifest_sha256"), task.at("protocol_sha256")});
      once("split", where, text_of(data, "split_sha256"), "the split of the same data and protocol");
    }
    if (record.at("per_sample").is_object() && !text_of(data, "test_sha256").empty())
      once("split", core::canonical({text_of(data, "test_sha256"), task.at("rounds")}), windows(entry),
           "the set of test windows of one test hash");
    if (model.contains("options") && !model.at("options").empty())
      once("parameters",
           core::canonical({model.at("name"), model.at("options"), task.at("scenario"),
                            data.value("grid", Json()), model.value("compat", Json())}),
           model.at("parameters").dump(), "the number of parameters of the same model and options");
    for (const auto& metric : record.at("metrics")) {
      const std::string plugin = text_of(metric, "plugin"), id = metric.at("id");
      if (!plugin.empty())
        once("metric", id + " version " + metric.at("version").dump(),
             plugin.substr(0, plugin.rfind(' ')) + ": " + text_of(metric, "formula"),
             "the metric " + id + " of a plug-in", 200);
    }
    for (const auto& [name, list] : record.at("baselines").items())
      for (const auto& metric : list)
        if (metric.at("value").is_number() && metric.at("id") != kOfTheModel) forecast(entry, name, metric);
  }

  /// Hash of the sample ids in the per-sample file; empty if it cannot be read, which was said before.
  static std::string windows(const Entry& entry) {
    try {
      const auto table = read_per_sample(entry.path.parent_path() /
                                         entry.record.at("per_sample").at("file").get<std::string>());
      std::vector<std::string> ids;
      for (const auto& row : table.rows) ids.push_back(row.sample_id);
      std::sort(ids.begin(), ids.end());
      return core::sha256(core::join(ids, "\n"));
    } catch (const Error&) {
      return "";
    }
  }

  /// A trivial forecast has one score on one test set, whoever computes it.
  void forecast(const Entry& entry, const std::string& name, const Json& metric) {
    const std::string key = core::canonical({test_of(entry.record), name, metric.at("id"), metric.at("field"),
                                             metric.at("subset"), metric.at("rounds")});
    const double value = metric.at("value");
    const auto [it, fresh] = forecasts_.emplace(key, std::pair(value, &entry));
    if (fresh) return;
    const double other = it->second.first;
    if (std::abs(value - other) > kSameForecast * std::max(std::abs(value), std::abs(other)) &&
        told_.insert(&entry).second)
      add(Severity::error, "reference", entry,
          name + " scores " + core::number(value) + " in " + metric.at("id").get<std::string>() + ", in " +
              it->second.second->path.string() + " on the same test " + core::number(other));
  }

  void history(const Entry& entry) {
    const Json& task = entry.record.at("task");
    const auto of_other_task = [&](const Json& other) {
      return other.at("task").at("scenario") != task.at("scenario") ||
             other.at("task").at("setting") != task.at("setting") ||
             other.at("model").at("name") != entry.record.at("model").at("name");
    };
    for (const auto& old : entry.record.at("supersedes")) {
      const auto it = ids_.find(old.get<std::string>());
      if (it == ids_.end())
        add(Severity::warning, "supersedes", entry,
            "replaces " + old.get<std::string>() + ", which is not here");
      else if (of_other_task(it->second->record))
        add(Severity::error, "supersedes", entry,
            "replaces " + it->second->path.string() + ", a result of another task or model");
    }
    for (const auto& id : entry.record.value("confirms", Json::array())) {
      const auto it = ids_.find(id.get<std::string>());
      if (it == ids_.end())
        add(Severity::warning, "confirms", entry,
            "confirms " + id.get<std::string>() + ", which is not here");
      else if (of_other_task(it->second->record))
        add(Severity::error, "confirms", entry, "confirms " + it->second->path.string() + ", another task");
      else if (const std::string reason = disagreement(it->second->record, entry.record); !reason.empty())
        add(Severity::error, "confirms", entry,
            "does not confirm " + it->second->path.string() + ": " + reason);
    }
  }

  /// Seeds of one row: each once, and none implausibly better than the rest.
  void seeds() {
    std::map<std::string, std::vector<const Entry*>> rows;
    for (const auto& [id, entry] : ids_) {
      const Json& record = entry->record;
      if (replaced_.count(id) != 0 || !record.at("model").at("trainable").get<bool>() ||
          !record.value("confirms", Json::array()).empty())
        continue;
      rows[core::canonical({test_of(record), record.at("task").at("setting"), row_key(record)})].push_back(
          entry);
    }
    for (const auto& [key, list] : rows) {
      std::map<std::string, const Entry*> used;
      for (const Entry* entry : list) {
        const Json& seeds = entry->record.at("training").at("seeds");
        if (seeds.empty()) continue;
        const auto [it, fresh] = used.emplace(core::canonical(seeds), entry);
        if (!fresh)
          add(Severity::warning, "seeds", *entry,
              "has the seeds of " + it->second->path.string() + " and other scores");
      }
      surprising(list);
    }
  }

  void surprising(const std::vector<const Entry*>& list) {
    if (list.size() < 4) return;
    const std::string id = primary_metric({});
    for (const Entry* entry : list) {
      std::vector<double> others;
      const Json* mine = find_metric(entry->record, id);
      for (const Entry* other : list)
        if (other != entry)
          if (const Json* metric = find_metric(other->record, id); metric && metric->at("value").is_number())
            others.push_back(metric->at("value"));
      if (!mine || !mine->at("value").is_number() || others.size() < 3) continue;
      const double p = probability_below(mine->at("value"), others);
      if (p < kSurprising)
        add(Severity::warning, "too_good", *entry,
            id + " " + core::number(mine->at("value")) + " is far better than the other seeds' (p = " +
                core::number(std::round(p * 1e6) / 1e6) + "): review by hand");
    }
  }

  const std::vector<Entry>& entries_;
  std::vector<Finding>& findings_;
  std::map<std::string, const Entry*> ids_, runs_, rows_;
  std::map<std::string, std::pair<std::string, const Entry*>> weights_, meanings_;
  std::map<std::string, std::pair<double, const Entry*>> forecasts_;
  std::set<const Entry*> told_;
  std::set<std::string> replaced_;
};

bool looks_like_record(const fs::path& path) {
  return path.extension() == ".json" && (path.stem() == "record" || is_record_id(path.stem().string()));
}

}  // namespace

std::vector<Finding> check_folder(const fs::path& folder, const CheckOptions& options) {
  if (!fs::is_directory(folder)) throw data_error("no folder " + folder.string(), "a folder with records");
  std::vector<fs::path> paths;
  for (const auto& entry :
       fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied))
    if (entry.is_regular_file() && looks_like_record(entry.path())) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Finding> findings;
  std::vector<Entry> entries;
  for (const auto& path : paths)
    if (auto record = check_record(path, options, findings)) entries.push_back({path, std::move(*record)});
  FolderChecker(entries, findings).run();
  return findings;
}

}  // namespace windtunnel::results
