#include <algorithm>
#include <charconv>

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

}  // namespace

std::vector<View> published_views(std::vector<std::string>* notes) {
  const Json sources = core::parse_yaml(text_of("sources.yaml"), "sources.yaml");
  if (notes) *notes = sources.at("notes").get<std::vector<std::string>>();
  std::vector<View> views;
  const auto view_of = [&](const View& wanted) -> View& {
    for (auto& view : views)
      if (view.group() == wanted.group() && view.setting == wanted.setting) return view;
    views.push_back(wanted);
    return views.back();
  };
  for (const auto& entry : sources.at("tables")) {
    const bool first_of_dataset = entry.at("dataset") == sources.at("flagged_dataset");
    for (const auto& line : table(entry.at("file"))) {
      bool chosen = true;
      if (entry.contains("where"))
        for (const auto& [column, text] : entry.at("where").items())
          chosen = chosen && line.at(column) == text;
      if (!chosen) continue;
      View wanted;
      const auto dataset = line.find("dataset");
      wanted.scenario = dataset == line.end() ? entry.at("scenario").get<std::string>()
                                              : mapped(sources.at("scenarios"), dataset->second);
      wanted.title = scenario_label(wanted.scenario);
      wanted.dataset = entry.at("dataset");
      wanted.protocol = "published";
      wanted.subset = "all";
      wanted.setting = entry.contains("setting") ? entry.at("setting").get<std::string>()
                                                 : mapped(sources.at("settings"), line.at("paradigm"));
      wanted.rounds = static_cast<int64_t>(number(line, "rounds").value_or(entry.value("rounds", 1.0)));
      View& view = view_of(wanted);
      const std::string label = line.at("model"), source = entry.at("source");
      auto row = std::find_if(view.published.begin(), view.published.end(),
                              [&](const Row& r) { return r.label == label; });
      if (row == view.published.end()) {
        Row fresh;
        fresh.label = label;
        fresh.model = mapped(sources.at("models"), label);
        const auto& untrained = sources.at("untrained");
        fresh.trained = std::find(untrained.begin(), untrained.end(), label) == untrained.end();
        fresh.source = source;
        if (first_of_dataset) fresh.flags = flags_of(line, wanted.rounds);
        if (entry.contains("flags") && entry.at("flags").contains(label))
          fresh.flags.push_back({{}, entry.at("flags").at(label).get<std::string>()});
        view.published.push_back(std::move(fresh));
        row = std::prev(view.published.end());
      } else if (row->source != source) {
        row->source += "; " + source;
      }
      if (const auto millions = number(line, "params_m")) row->parameters = *millions * 1e6;
      add_metrics(*row, line, entry.at("columns"));
    }
  }
  return views;
}

}  // namespace windtunnel::results
