#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/embedded.h"
#include "core/error.h"
#include "core/text.h"
#include "results/leaderboard.h"
#include "results/run_folder.h"

namespace windtunnel::results {
namespace published {
const std::vector<core::EmbeddedFile>& embedded_files();
}
namespace {

using core::Json;
using Line = std::map<std::string, std::string>;

const std::string& text_of(const std::string& name) {
  for (const auto& file : published::embedded_files())
    if (file.name == name) return file.text;
  throw environment_error("published figures: " + name + " is missing from this build");
}

std::vector<Line> table(const std::string& name) {
  const auto rows = parse_csv(text_of(name), name);
  std::vector<Line> lines;
  for (size_t i = 1; i < rows.size(); ++i) {
    Line line;
    for (size_t c = 0; c < rows[0].size() && c < rows[i].size(); ++c) line[rows[0][c]] = rows[i][c];
    lines.push_back(std::move(line));
  }
  return lines;
}

std::optional<double> number(const Line& line, const std::string& column) {
  const auto it = line.find(column);
  if (it == line.end() || it->second.empty()) return std::nullopt;
  double value = 0;
  const char* end = it->second.data() + it->second.size();
  const auto result = std::from_chars(it->second.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end)
    throw environment_error("published figures: column " + column + " holds '" + it->second + "'",
                            "a number");
  return value;
}

std::string mapped(const Json& names, const std::string& name) { return names.value(name, name); }

/// Flags of one line of a table; "*" stands for anything.
std::vector<Flag> flags_of(const Line& line, int64_t rounds) {
  static const std::vector<Line> known = table("flags.csv");
  static const std::vector<Line> consistency = table("consistency_implied_variance.csv");
  const auto same = [&](const Line& flag, const char* column) {
    const auto it = line.find(column);
    return flag.at(column) == "*" || (it != line.end() && it->second == flag.at(column));
  };
  std::vector<Flag> flags;
  for (const auto& flag : known) {
    if (!same(flag, "dataset") || !same(flag, "model") || !same(flag, "paradigm")) continue;
    if (flag.at("rounds") != "*" && flag.at("rounds") != std::to_string(rounds)) continue;
    const auto& columns = flag.at("columns");
    flags.push_back(
        {columns == "*" ? std::vector<std::string>() : core::split(columns, ' '), flag.at("reason")});
  }
  if (rounds == 1)
    for (const auto& row : consistency)
      if (row.at("flag") == "inconsistent" && same(row, "dataset") && same(row, "model") &&
          same(row, "paradigm"))
        flags.push_back(
            {{},
             "RMSE and R² of this row imply a test set with another variance than the other models' "
             "(ratio " +
                 row.at("ratio_to_dataset_median") + ")"});
  return flags;
}

void add_metrics(Row& row, const Line& line, const Json& columns) {
  for (const auto& [column, id] : columns.items()) {
    const auto text = line.find(column);
    if (text != line.end() && text->second.rfind('>', 0) == 0) {  // "larger than": no number to rank
      row.reasons[id.get<std::string>()] = text->second;
      continue;
    }
    const auto value = number(line, column);
    if (!value) continue;
    Aggregate aggregate{static_cast<int64_t>(number(line, "n_seeds").value_or(1)), *value, 0};
    aggregate.deviation = number(line, column + "_std").value_or(0);
    row.metrics[id.get<std::string>()] = aggregate;
  }
}

/// "{model}, seed {seed}" with the line's columns.
std::string filled(std::string text, const Line& line) {
  for (size_t open; (open = text.find('{')) != std::string::npos;) {
    const size_t close = text.find('}', open);
    const std::string column = text.substr(open + 1, close - open - 1);
    const auto it = line.find(column);
    if (it == line.end()) throw environment_error("published figures: no column '" + column + "'");
    text.replace(open, close - open + 1, it->second);
  }
  return text;
}

bool chosen(const Json& entry, const Line& line) {
  if (!entry.contains("where")) return true;
  for (const auto& [column, text] : entry.at("where").items())
    if (line.at(column) != text) return false;
  return true;
}

View view_of(const Json& sources, const Json& entry, const Line& line) {
  View view;
  const auto dataset = line.find("dataset");
  view.scenario = dataset == line.end() ? entry.at("scenario").get<std::string>()
                                        : mapped(sources.at("scenarios"), dataset->second);
  view.title = scenario_label(view.scenario);
  view.dataset = filled(entry.at("dataset"), line);
  view.protocol = "published";
  view.subset = "all";
  view.setting = entry.contains("setting") ? entry.at("setting").get<std::string>()
                                           : mapped(sources.at("settings"), line.at("paradigm"));
  view.rounds = static_cast<int64_t>(number(line, "rounds").value_or(entry.value("rounds", 1.0)));
  return view;
}

Row row_of(const Json& sources, const Json& entry, const Line& line, const View& view) {
  const auto& untrained = sources.at("untrained");
  const std::string model = line.at("model");
  Row row;
  row.label = filled(entry.value("label", "{model}"), line);
  row.model = mapped(sources.at("models"), model);
  row.trained = std::find(untrained.begin(), untrained.end(), model) == untrained.end();
  row.source = entry.at("source");
  if (view.dataset == sources.at("flagged_dataset")) row.flags = flags_of(line, view.rounds);
  if (entry.contains("flags") && entry.at("flags").contains(model))
    row.flags.push_back({{}, entry.at("flags").at(model).get<std::string>()});
  return row;
}

int64_t decimals_of(const std::string& text) {
  const size_t point = text.find('.');
  return point == std::string::npos ? 0 : static_cast<int64_t>(text.size() - point) - 1;
}

/// ": why" where the entry knows it.
std::string known_reason(const Json& entry, const Line& line) {
  const auto rounds = line.find("rounds");
  if (rounds == line.end() || !entry.contains("reasons")) return "";
  const std::string reason =
      entry.at("reasons").value(line.at("dataset") + "/" + line.at("model") + "/" + rounds->second, "");
  return reason.empty() ? "" : ": " + reason;
}

/// Figures that are printed a second time: what differs by more than rounding is marked, what is new is
/// added.
void compare_metrics(Row& row, const Line& line, const Json& entry) {
  Row again;
  add_metrics(again, line, entry.at("columns"));
  for (const auto& [column, id_text] : entry.at("columns").items()) {
    const std::string id = id_text;
    const auto second = again.metrics.find(id);
    if (second == again.metrics.end()) continue;
    const auto first = row.metrics.find(id);
    if (first == row.metrics.end()) {
      row.metrics.insert(*second);
      continue;
    }
    const std::string text = line.at(column);
    const int64_t decimals = std::min<int64_t>(decimals_of(text), entry.at("decimals").at(id));
    const double rounding = 0.5000001 * std::pow(10.0, static_cast<double>(-decimals));
    if (std::abs(first->second.mean - second->second.mean) > rounding)
      row.flags.push_back(
          {{id}, entry.at("source").get<std::string>() + " has " + text + known_reason(entry, line)});
  }
}

}  // namespace

std::vector<View> published_views(std::vector<std::string>* notes) {
  const Json sources = core::parse_yaml(text_of("sources.yaml"), "sources.yaml");
  if (notes) *notes = sources.at("notes").get<std::vector<std::string>>();
  std::vector<View> views;
  const auto known = [&](const View& wanted) -> View& {
    for (auto& view : views)
      if (view.group() == wanted.group() && view.setting == wanted.setting) return view;
    views.push_back(wanted);
    return views.back();
  };
  for (const auto& entry : sources.at("tables"))
    for (const auto& line : table(entry.at("file"))) {
      if (!chosen(entry, line)) continue;
      View& view = known(view_of(sources, entry, line));
      const Row fresh = row_of(sources, entry, line, view);
      auto row = std::find_if(view.published.begin(), view.published.end(),
                              [&](const Row& r) { return r.label == fresh.label; });
      if (row == view.published.end()) {
        view.published.push_back(fresh);
        row = std::prev(view.published.end());
      } else if (row->source.find(fresh.source) == std::string::npos) {
        row->source += "; " + fresh.source;
      }
      if (const auto millions = number(line, "params_m")) row->parameters = *millions * 1e6;
      if (entry.contains("decimals"))
        compare_metrics(*row, line, entry);
      else
        add_metrics(*row, line, entry.at("columns"));
      if (entry.contains("missing"))
        for (const auto& [column, id] : entry.at("columns").items())
          if (!row->metrics.count(id)) row->reasons[id] = entry.at("missing").get<std::string>();
    }
  return views;
}

}  // namespace windtunnel::results
