#include <algorithm>
#include <set>

#include "core/text.h"
#include "results/leaderboard.h"
#include "results/leaderboard_table.h"
#include "results/run_folder.h"

namespace windtunnel::results {
namespace {

using core::Json;

std::vector<std::string> record_ids(const Leaderboard& board, const Row& row) {
  std::vector<std::string> ids;
  for (size_t index : row.records) ids.push_back(board.records[index].record.at("record_id"));
  return ids;
}

std::string command_of(const Leaderboard& board, const Row& row) {
  return board.records[row.records.front()].record.at("command");
}

std::string flag_text(const Row& row) {
  std::vector<std::string> parts;
  for (const auto& flag : row.flags)
    parts.push_back((flag.metrics.empty() ? "" : core::join(flag.metrics, " ") + ": ") + flag.reason);
  return core::join(parts, "; ");
}

Json rows_json(const Leaderboard& board, const std::vector<Row>& rows) {
  const auto columns = cells(board, rows);
  Json list = Json::array();
  for (size_t r = 0; r < rows.size(); ++r) {
    const Row& row = rows[r];
    Json metrics = Json::object();
    for (const auto& [metric, column] : columns)
      if (column[r].value)
        metrics[metric.id] = {{"mean", *column[r].value}, {"deviation", column[r].deviation},
                              {"n", column[r].n},         {"rank", column[r].rank},
                              {"bar", column[r].bar},     {"text", cell_text(metric, column[r])}};
    Json entry = {{"model", row.model},
                  {"label", row.label},
                  {"trained", row.trained},
                  {"metrics", metrics},
                  {"skill", row.skill.empty() ? Json::object() : Json(row.skill)},
                  {"records", record_ids(board, row)}};
    if (row.parameters > 0) entry["parameters"] = row.parameters;
    if (row.train_seconds > 0) entry["train_seconds"] = row.train_seconds;
    if (row.frame_seconds > 0) entry["seconds_per_frame"] = row.frame_seconds;
    if (row.operations > 0) entry["flops_per_sample"] = row.operations;
    if (row.latency_ms > 0) entry["ms_per_sample_p50"] = row.latency_ms;
    if (row.latency_p95_ms > 0) entry["ms_per_sample_p95"] = row.latency_p95_ms;
    if (row.failed > 0) entry["failed"] = row.failed;
    if (!row.records.empty()) {
      entry["level"] = static_cast<int>(row.level);
      entry["command"] = board.records[row.records.front()].record.at("command");
    }
    for (const auto& [id, c] : row.to_best)
      entry["to_best"][id] = {
          {"difference", c.difference}, {"ci95", {c.low, c.high}},  {"p", c.p},
          {"windows", c.samples},       {"trajectories", c.blocks}, {"group", row.group.at(id)}};
    if (!row.reasons.empty()) entry["missing"] = row.reasons;
    if (!row.source.empty()) entry["source"] = row.source;
    for (const auto& flag : row.flags)
      entry["flags"].push_back({{"metrics", flag.metrics}, {"reason", flag.reason}});
    list.push_back(std::move(entry));
  }
  return list;
}

Json rankings_json(const View& view) {
  Json all = Json::object();
  for (const auto& [id, ranking] : view.rankings) {
    Json models = Json::array();
    for (size_t i = 0; i < ranking.ranked.size(); ++i)
      models.push_back(
          {{"label", view.rows[ranking.ranked[i]].label}, {"mean_rank", ranking.analysis.mean_rank[i]}});
    all[id] = {{"models", models},
               {"trajectories", ranking.analysis.blocks},
               {"friedman_p", ranking.analysis.friedman_p},
               {"critical_difference", ranking.analysis.critical_difference}};
  }
  return all;
}

std::string view_title(const View& view) {
  return view.title + ", " + setting_label(view.setting) + " (protocol " + view.protocol + ", " +
         std::to_string(view.rounds) + (view.rounds == 1 ? " round" : " rounds") + ", test windows " +
         view.subset + ", data " + view.dataset + ")";
}

/// Characters on the screen of UTF-8 text.
size_t width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, size_t columns, bool left) {
  const std::string space(columns > width(text) ? columns - width(text) : 0, ' ');
  return left ? text + space : space + text;
}

}  // namespace

Json leaderboard_json(const Leaderboard& board) {
  Json metrics = Json::array(), views = Json::array();
  for (const auto& metric : board.metrics)
    metrics.push_back({{"id", metric.id},
                       {"label", metric.label},
                       {"formula", metric.formula},
                       {"higher_is_better", metric.higher_is_better}});
  for (const auto& view : board.views)
    views.push_back({{"scenario", view.scenario},
                     {"dataset", view.dataset},
                     {"data_hash", view.data_hash},
                     {"protocol", view.protocol},
                     {"protocol_hash", view.protocol_hash},
                     {"subset", view.subset},
                     {"rounds", view.rounds},
                     {"setting", view.setting},
                     {"synthetic", view.synthetic},
                     {"units", view.units.empty() ? Json::object() : Json(view.units)},
                     {"rankings", rankings_json(view)},
                     {"rows", rows_json(board, view.rows)},
                     {"published", rows_json(board, view.published)}});
  return {{"schema", "windtunnel-leaderboard/1.0"},
          {"updated", board.updated},
          {"metrics", metrics},
          {"views", views},
          {"notes", board.notes}};
}

std::string leaderboard_csv(const Leaderboard& board) {
  std::string text =
      "scenario,dataset,protocol,subset,rounds,setting,synthetic,kind,model,label,parameters,metric,unit,"
      "higher_is_better,"
      "mean,deviation,n,rank,bar,skill,to_best,to_best_low,to_best_high,to_best_p,group,level,command,"
      "records,"
      "source,flags\n";
  for (const auto& view : board.views)
    for (const bool published : {false, true}) {
      const auto& rows = published ? view.published : view.rows;
      for (const auto& [metric, column] : cells(board, rows))
        for (size_t r = 0; r < rows.size(); ++r) {
          if (!column[r].value) continue;
          const Row& row = rows[r];
          const auto unit = view.units.find(metric.id);
          const auto skill = row.skill.find(metric.id);
          const auto best = row.to_best.find(metric.id);
          const bool found = best != row.to_best.end(), run = !row.records.empty();
          std::vector<std::string> line = {view.scenario,
                                           view.dataset,
                                           view.protocol,
                                           view.subset,
                                           std::to_string(view.rounds),
                                           view.setting,
                                           view.synthetic,
                                           published ? "published" : "run",
                                           row.model,
                                           row.label,
                                           row.parameters > 0 ? core::number(row.parameters) : "",
                                           metric.id,
                                           unit == view.units.end() ? "" : unit->second,
                                           metric.higher_is_better ? "true" : "false",
                                           core::number(*column[r].value),
                                           core::number(column[r].deviation),
                                           std::to_string(column[r].n),
                                           std::to_string(column[r].rank),
                                           core::number(column[r].bar),
                                           skill == row.skill.end() ? "" : core::number(skill->second),
                                           found ? core::number(best->second.difference) : "",
                                           found ? core::number(best->second.low) : "",
                                           found ? core::number(best->second.high) : "",
                                           found ? core::number(best->second.p) : "",
                                           found ? std::to_string(row.group.at(metric.id)) : "",
                                           run ? std::to_string(static_cast<int>(row.level)) : "",
                                           run ? command_of(board, row) : "",
                                           core::join(record_ids(board, row), " "),
                                           row.source,
                                           flag_text(row)};
          for (auto& cell : line) cell = csv_cell(cell);
          text += core::join(line, ",") + "\n";
        }
    }
  return text;
}

std::string leaderboard_markdown(const Leaderboard& board) {
  std::string text = "# Leaderboard\n";
  for (const auto& view : board.views)
    for (const bool published : {false, true}) {
      const auto& rows = published ? view.published : view.rows;
      if (rows.empty()) continue;
      const auto columns = cells(board, rows);
      text += "\n## " + view_title(view) + (published ? ": published figures" : "") + "\n\n";
      if (!view.synthetic.empty() && !published) text += "**Synthetic data**: " + view.synthetic + "\n\n";
      text += "| Model | Params |";
      std::string rule = "\n|---|---:|";
      for (const auto& [metric, unused] : columns) {
        if (!is_headline(metric.id)) continue;
        const std::string unit = shown_unit(view, metric.id);
        text += " " + metric.label + (unit.empty() ? "" : " [" + unit + "]") +
                (metric.higher_is_better ? " ↑" : " ↓") + " |";
        rule += "---:|";
      }
      text += rule + "\n";
      for (size_t r = 0; r < rows.size(); ++r) {
        text += "| " + rows[r].label + (published ? " (published)" : "") +
                (rows[r].flags.empty() ? "" : " †") + " | " + format_count(rows[r].parameters) + " |";
        for (const auto& [metric, column] : columns) {
          if (!is_headline(metric.id)) continue;
          const std::string shown = cell_text(metric, column[r]);
          text += column[r].rank == 1 ? " **" + shown + "** |" : " " + shown + " |";
        }
        text += "\n";
      }
      std::set<std::string> flags;
      for (const auto& row : rows)
        for (const auto& flag : row.flags)
          flags.insert("† " + row.label + ": " +
                       (flag.metrics.empty() ? "" : core::join(flag.metrics, ", ") + ": ") + flag.reason);
      for (const auto& flag : flags) text += "\n" + flag + "\n";
    }
  return text;
}

std::string leaderboard_text(const Leaderboard& board, const std::vector<std::string>& metrics) {
  std::string text;
  for (size_t first = 0; first < board.views.size();) {
    size_t last = first;
    while (last < board.views.size() && board.views[last].group() == board.views[first].group()) ++last;
    const std::vector<View> group(board.views.begin() + static_cast<std::ptrdiff_t>(first),
                                  board.views.begin() + static_cast<std::ptrdiff_t>(last));
    first = last;
    if (group[0].rows.empty()) continue;  // figures of papers are for the page
    text += group[0].title + ", protocol " + group[0].protocol + ", " + std::to_string(group[0].rounds) +
            (group[0].rounds == 1 ? " round" : " rounds") + ", test windows " + group[0].subset + "\n";
    if (!group[0].synthetic.empty()) text += "SYNTHETIC DATA: " + group[0].synthetic + "\n";
    std::vector<std::string> labels;
    for (const auto& view : group)
      for (const auto& row : view.rows)
        if (std::find(labels.begin(), labels.end(), row.label) == labels.end()) labels.push_back(row.label);
    for (const auto& id : metrics) {
      std::vector<std::vector<std::string>> lines(labels.size());
      const auto known = std::find_if(board.metrics.begin(), board.metrics.end(),
                                      [&, &wanted = id](const auto& m) { return m.id == wanted; });
      if (known == board.metrics.end()) continue;
      const MetricInfo& info = *known;
      bool any = false;
      for (const auto& view : group)
        for (const auto& [metric, column] : cells(board, view.rows)) {
          if (metric.id != id) continue;
          any = true;
          for (size_t i = 0; i < labels.size(); ++i) {
            std::string shown = "–";
            for (size_t r = 0; r < view.rows.size(); ++r)
              if (view.rows[r].label == labels[i])
                shown = cell_text(metric, column[r]) + (column[r].rank == 1 ? " *" : "  ");
            lines[i].push_back(shown);
          }
        }
      if (!any) continue;
      const std::string unit = shown_unit(group[0], id);
      std::vector<size_t> widths(group.size());
      size_t name = width(info.label) + width(unit) + 3;
      for (const auto& label : labels) name = std::max(name, width(label));
      for (size_t c = 0; c < group.size(); ++c) {
        widths[c] = width(setting_label(group[c].setting)) + 2;
        for (const auto& line : lines)
          if (c < line.size()) widths[c] = std::max(widths[c], width(line[c]));
      }
      text += "\n  " + padded(info.label + (unit.empty() ? "" : " [" + unit + "]"), name, true);
      for (size_t c = 0; c < group.size(); ++c)
        text += "  " + padded(setting_label(group[c].setting) + "  ", widths[c], false);
      text += "\n";
      for (size_t i = 0; i < labels.size(); ++i) {
        text += "  " + padded(labels[i], name, true);
        for (size_t c = 0; c < lines[i].size(); ++c) text += "  " + padded(lines[i][c], widths[c], false);
        text += "\n";
      }
      text += std::string("  (* best; ") + (info.higher_is_better ? "higher" : "lower") + " is better)\n";
    }
    text += "\n";
  }
  return text;
}

}  // namespace windtunnel::results
