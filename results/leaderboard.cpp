#include "results/leaderboard.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "core/error.h"
#include "core/sha256.h"
#include "core/text.h"
#include "results/check.h"
#include "results/record.h"

namespace windtunnel::results {
namespace {

using core::Json;
namespace fs = std::filesystem;

std::string text_or_empty(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

void erase_seeds(Json& value) {
  if (value.is_object())
    for (const char* key : {"seed", "seeds", "pretrained"}) value.erase(key);
  if (value.is_structured())
    for (auto& child : value) erase_seeds(child);
}

}  // namespace

std::string row_key(const Json& record) {
  const Json& model = record.at("model");
  Json config = record.at("training").value("config", Json::object());
  erase_seeds(config);
  return core::canonical({model.at("name"), model.value("options", Json()), text_or_empty(model, "plugin"),
                          text_or_empty(model, "version"), text_or_empty(model, "compat"),
                          text_or_empty(model, "preset"), config});
}

namespace {

/// Equal for repetitions of one run, whoever made them.
std::string run_key(const Json& record) {
  Json content = comparable(record);
  for (const char* key : {"submission", "notes", "command", "supersedes", "harness"}) content.erase(key);
  return core::sha256(core::canonical(content));
}

std::vector<RecordFile> without_repetitions(std::vector<RecordFile> records) {
  std::map<std::string, size_t> newest;
  for (size_t i = 0; i < records.size(); ++i) {
    const auto [it, fresh] = newest.emplace(run_key(records[i].record), i);
    if (!fresh && records[it->second].record.at("created_utc") < records[i].record.at("created_utc"))
      it->second = i;
  }
  std::vector<RecordFile> kept;
  for (size_t i = 0; i < records.size(); ++i)
    if (std::any_of(newest.begin(), newest.end(), [&](const auto& entry) { return entry.second == i; }))
      kept.push_back(std::move(records[i]));
  return kept;
}

View view_of(const Json& record, const std::string& subset, int64_t rounds) {
  const Json& task = record.at("task");
  const Json& dataset = record.at("dataset");
  View view;
  view.scenario = task.at("scenario");
  view.title = scenario_label_of(record);
  view.dataset = dataset.at("id");
  const std::string revision = text_or_empty(dataset, "revision");
  if (!revision.empty() && view.dataset.find(revision) == std::string::npos) view.dataset += " " + revision;
  view.data_hash = text_or_empty(dataset, "test_sha256");
  if (view.data_hash.empty()) view.data_hash = text_or_empty(dataset, "manifest_sha256");
  view.protocol = task.at("protocol");
  view.protocol_hash = task.at("protocol_sha256");
  view.subset = subset;
  view.setting = task.at("setting");
  view.rounds = rounds;
  const Json& synthetic = record.at("synthetic");
  if (synthetic.at("is_synthetic").get<bool>()) {
    view.synthetic = synthetic.at("label");
    if (view.synthetic.empty()) view.synthetic = "made data";
  }
  return view;
}

/// Means and deviations of a row while its runs are collected.
struct Collected {
  Row row;
  std::map<std::string, std::vector<double>> values, persistence;
  std::vector<double> seconds, frames, medians, slowest;
};

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

Aggregate aggregate(const std::vector<double>& values) {
  Aggregate result{static_cast<int64_t>(values.size()), mean_of(values), 0};
  double squares = 0;
  for (double value : values) squares += (value - result.mean) * (value - result.mean);
  if (result.n > 1) result.deviation = std::sqrt(squares / static_cast<double>(result.n - 1));
  return result;
}

/// What the records tell of each metric.
using Infos = std::map<std::string, MetricInfo>;

Infos infos_of(const std::vector<RecordFile>& records) {
  Infos infos;
  for (const auto& file : records)
    for (const auto& entry : file.record.at("metrics")) {
      const std::string id = entry.at("id");
      if (!infos.count(id)) infos.emplace(id, entry_info(entry));
    }
  return infos;
}

Row finished(Collected& collected, const Infos& infos) {
  Row& row = collected.row;
  for (const auto& [id, values] : collected.values) {
    row.metrics[id] = aggregate(values);
    row.reasons.erase(id);
  }
  for (const auto& [id, values] : collected.persistence)
    if (row.metrics.count(id)) {
      const double s = skill(row.metrics[id].mean, mean_of(values), infos.at(id).higher_is_better);
      if (std::isfinite(s)) row.skill[id] = s;
    }
  if (!collected.seconds.empty()) row.train_seconds = mean_of(collected.seconds);
  if (!collected.frames.empty()) row.frame_seconds = mean_of(collected.frames);
  if (!collected.medians.empty()) row.latency_ms = mean_of(collected.medians);
  if (!collected.slowest.empty()) row.latency_p95_ms = mean_of(collected.slowest);
  return row;
}

/// Cost of forecasts of one record.
void add_cost(Collected& row, const Json& inference) {
  const Json& measured = inference.at("measured");
  const auto amount = [](const Json& block, const char* key) {
    const Json value = block.value(key, Json());
    return value.is_number() ? value.get<double>() : 0.0;
  };
  if (const double speed = amount(measured, "frames_per_s"); speed > 0) row.frames.push_back(1 / speed);
  if (const double ms = amount(measured, "ms_per_sample_p50"); ms > 0) row.medians.push_back(ms);
  if (const double ms = amount(measured, "ms_per_sample_p95"); ms > 0) row.slowest.push_back(ms);
  row.row.operations = amount(inference, "flops_per_sample");
}

/// Collects the entries of one record that belong to the view.
void collect(Collected& into, const Json& record, const View& view,
             std::map<std::string, std::string>& units) {
  const auto wanted = [&](const Json& entry) {
    return entry.at("field") == "all" && entry.at("subset") == view.subset &&
           entry.at("rounds") == view.rounds;
  };
  for (const auto& entry : record.at("metrics")) {
    if (!wanted(entry)) continue;
    const std::string id = entry.at("id");
    units.emplace(id, entry.at("unit"));
    if (entry.at("value").is_number())
      into.values[id].push_back(entry.at("value"));
    else if (!into.values.count(id))
      into.row.reasons[id] = text_or_empty(entry, "reason");
  }
  if (record.at("baselines").contains("persistence"))
    for (const auto& entry : record.at("baselines").at("persistence"))
      if (wanted(entry) && entry.at("value").is_number())
        into.persistence[entry.at("id")].push_back(entry.at("value"));
}

/// Rows of one label get their preset, then a number, appended.
void make_labels_unique(std::vector<Row>& rows) {
  const auto repeated = [&](const Row& row) {
    return std::count_if(rows.begin(), rows.end(), [&](const Row& r) { return r.label == row.label; }) > 1;
  };
  std::vector<bool> doubtful;
  for (const auto& row : rows) doubtful.push_back(repeated(row));
  for (size_t i = 0; i < rows.size(); ++i)
    if (doubtful[i] && !rows[i].preset.empty()) rows[i].label += " (" + rows[i].preset + ")";
  std::map<std::string, int> seen;
  for (auto& row : rows)
    if (const int n = ++seen[row.label]; n > 1) row.label += " #" + std::to_string(n);
}

void sort_rows(std::vector<Row>& rows) {
  std::set<std::string> ids;
  for (const auto& row : rows)
    for (const auto& [id, unused] : row.metrics) ids.insert(id);
  const std::string primary = primary_metric(in_display_order({ids.begin(), ids.end()}));
  const double sign = metric_info(primary).higher_is_better ? -1 : 1;
  const auto key = [&](const Row& row) {
    const auto it = row.metrics.find(primary);
    return it == row.metrics.end() ? INFINITY : sign * it->second.mean;
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    return std::tuple(key(a), a.label) < std::tuple(key(b), b.label);
  });
}

/// Skill where a record brought no persistence forecast but the view has its row.
void add_skill_from_rows(View& view, const Infos& infos) {
  const auto it =
      std::find_if(view.rows.begin(), view.rows.end(), [](const Row& r) { return r.model == "persistence"; });
  if (it == view.rows.end()) return;
  const auto reference = it->metrics;
  for (auto& row : view.rows)
    for (const auto& [id, value] : row.metrics)
      if (!row.skill.count(id) && reference.count(id)) {
        const double s = skill(value.mean, reference.at(id).mean, infos.at(id).higher_is_better);
        if (std::isfinite(s)) row.skill[id] = s;
      }
}

/// A model without training stands under every setting of its group; a view of such models alone then goes.
void spread_untrained(std::vector<View>& views) {
  std::vector<std::pair<std::string, Row>> untrained;  // group, row
  std::set<std::string> groups_with_training;
  for (const auto& view : views) {
    if (view.setting != "inference") groups_with_training.insert(view.group());
    for (const auto& row : view.rows)
      if (!row.trained) untrained.emplace_back(view.group(), row);
  }
  std::erase_if(views, [&](const View& v) {
    return v.setting == "inference" && groups_with_training.count(v.group());
  });
  for (auto& view : views)
    for (const auto& [group, row] : untrained) {
      const auto same = [&, &r = row](const Row& other) {
        return other.model == r.model && other.preset == r.preset;
      };
      if (group == view.group() && std::none_of(view.rows.begin(), view.rows.end(), same))
        view.rows.push_back(row);
    }
}

void add_published(Leaderboard& board) {
  std::vector<View> own;
  for (auto& reference : published_views(&board.notes)) {
    bool placed = false;
    for (auto& view : board.views)
      if (view.protocol == "published" && view.synthetic.empty() && view.scenario == reference.scenario &&
          view.setting == reference.setting && view.rounds == reference.rounds &&
          view.subset == reference.subset) {
        view.published.insert(view.published.end(), reference.published.begin(), reference.published.end());
        placed = true;
      }
    if (!placed) own.push_back(std::move(reference));
  }
  board.views.insert(board.views.end(), std::make_move_iterator(own.begin()),
                     std::make_move_iterator(own.end()));
}

}  // namespace

std::string View::group() const {
  return core::join(
      {scenario, dataset, data_hash, protocol, protocol_hash, subset, std::to_string(rounds), synthetic},
      "\n");
}

std::vector<RecordFile> find_records(const fs::path& folder, std::vector<std::string>* skipped,
                                     std::vector<RecordFile>* old) {
  if (!fs::is_directory(folder))
    throw data_error("no folder " + folder.string(), "a folder with run folders or records");
  std::vector<fs::path> paths;
  for (const auto& entry :
       fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".json" &&
        (path.filename() == "record.json" || is_record_id(path.stem().string())) && entry.is_regular_file())
      paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  // Run folders first: of two copies of one record the one beside its report is kept.
  std::stable_partition(paths.begin(), paths.end(),
                        [](const auto& p) { return p.filename() == "record.json"; });
  std::vector<RecordFile> records;
  std::set<std::string> replaced, seen;
  for (const auto& path : paths) {
    try {
      Json record = read_record(path);
      for (const auto& id : record.at("supersedes")) replaced.insert(id);
      if (seen.insert(record.at("record_id")).second) {
        records.push_back({path, std::move(record)});
        records.back().has_report = fs::exists(path.parent_path() / "report.html");
      }
    } catch (const Error& error) {
      if (!skipped) throw;
      skipped->push_back(error.found());
    }
  }
  const auto first = std::stable_partition(records.begin(), records.end(), [&](const RecordFile& file) {
    return replaced.count(file.record.at("record_id")) == 0;
  });
  if (old) old->assign(std::make_move_iterator(first), std::make_move_iterator(records.end()));
  records.erase(first, records.end());
  return records;
}

Leaderboard make_leaderboard(std::vector<RecordFile> records, bool with_published) {
  Leaderboard board;
  board.records = without_repetitions(std::move(records));
  const Infos infos = infos_of(board.records);
  std::map<std::tuple<std::string, std::string>, size_t> index;  // group and setting -> view
  std::vector<std::map<std::string, Collected>> collected;       // per view, by row key
  for (size_t i = 0; i < board.records.size(); ++i) {
    const Json& record = board.records[i].record;
    board.updated = std::max(board.updated, record.at("created_utc").get<std::string>());
    const Json& model = record.at("model");
    std::set<std::pair<std::string, int64_t>> slices = {
        {record.at("task").at("subset"), record.at("task").at("rounds")}};
    for (const auto& entry : record.at("metrics")) slices.emplace(entry.at("subset"), entry.at("rounds"));
    for (const auto& [subset, rounds] : slices) {
      const View view = view_of(record, subset, rounds);
      const auto [at, fresh] = index.emplace(std::tuple(view.group(), view.setting), board.views.size());
      if (fresh) {
        board.views.push_back(view);
        collected.emplace_back();
      }
      Collected& row = collected[at->second][row_key(record)];
      row.row.model = model.at("name");
      row.row.label = model_label_of(record);
      row.row.preset = text_or_empty(model, "preset");
      row.row.parameters = model.at("parameters");
      row.row.trained = model.at("trainable");
      const Level level = board.records[i].level;
      row.row.level = row.row.records.empty() ? level : std::min(row.row.level, level);
      row.row.records.push_back(i);
      row.row.failed += record.at("status").at("state") != "complete";
      const Json& measured = record.at("training").at("measured");
      if (measured.contains("wall_s") && measured.at("wall_s").is_number())
        row.seconds.push_back(measured.at("wall_s"));
      add_cost(row, record.at("inference"));
      collect(row, record, view, board.views[at->second].units);
    }
  }
  for (size_t v = 0; v < board.views.size(); ++v)
    for (auto& [key, row] : collected[v]) board.views[v].rows.push_back(finished(row, infos));
  spread_untrained(board.views);
  for (auto& view : board.views) {
    make_labels_unique(view.rows);
    add_skill_from_rows(view, infos);
    sort_rows(view.rows);
  }
  add_statistics(board);
  if (with_published) add_published(board);

  std::stable_sort(board.views.begin(), board.views.end(), [](const View& a, const View& b) {
    const auto key = [](const View& v) {
      return std::tuple(v.rows.empty(), scenario_order(v.scenario), v.scenario, v.dataset, v.data_hash,
                        v.protocol, v.protocol_hash, v.subset != "all", v.subset, v.rounds,
                        setting_order(v.setting), v.setting);
    };
    return key(a) < key(b);
  });
  std::set<std::string> ids;
  for (const auto& view : board.views) {
    for (const auto& row : view.rows) {
      for (const auto& [id, unused] : row.metrics) ids.insert(id);
      for (const auto& [id, unused] : row.reasons) ids.insert(id);
    }
    for (const auto& row : view.published)
      for (const auto& [id, unused] : row.metrics) ids.insert(id);
  }
  for (const auto& id : in_display_order({ids.begin(), ids.end()})) {
    const auto told = infos.find(id);
    board.metrics.push_back(told == infos.end() ? metric_info(id) : told->second);
  }
  return board;
}

}  // namespace windtunnel::results
