#include "results/leaderboard_table.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/text.h"
#include "results/check.h"
#include "results/html.h"

namespace windtunnel::results {
namespace {

using MetricCells = std::vector<std::pair<MetricInfo, std::vector<Cell>>>;

std::string header(const std::string& label, const std::string& below, bool higher_is_better,
                   const std::string& metric = "", bool left = false) {
  std::string html = "<th scope=\"col\"";
  if (left) html += " class=\"l\"";
  html += std::string(" data-first=\"") + (higher_is_better ? "descending" : "ascending") + "\"";
  if (!metric.empty()) html += " data-metric=\"" + escaped(metric) + "\"";
  html += "><button type=\"button\">" + escaped(label) + "</button>";
  if (!below.empty()) html += "<small>" + escaped(below) + "</small>";
  return html + "</th>";
}

std::string metric_header(const View& view, const MetricInfo& metric) {
  const std::string unit = shown_unit(view, metric.id);
  return header(metric.label,
                (metric.higher_is_better ? "higher" : "lower") + (unit.empty() ? "" : ", " + unit),
                metric.higher_is_better, metric.id);
}

std::string metric_cell(const MetricInfo& metric, const Cell& cell, const std::string& reason,
                        const std::string& marks = "") {
  if (!cell.value) {
    const std::string shown = reason.empty()                                           ? "–"
                              : reason == "nan" || reason == "inf" || reason == "-inf" ? reason
                                                                                       : "n/a";
    return "<td class=\"none\"" + (reason.empty() ? "" : " title=\"" + escaped(reason) + "\"") + ">" +
           escaped(shown) + "</td>";
  }
  std::string html =
      "<td class=\"v" + std::string(cell.rank == 1 ? " best" : "") + "\" data-v=\"" +
      core::number(*cell.value) + "\" data-rank=\"" + std::to_string(cell.rank) +
      "\" style=\"--b:" + core::number(static_cast<double>(static_cast<int>(cell.bar * 1000 + 0.5)) / 1000) +
      "\">" + format_value(metric, *cell.value);
  if (cell.n > 1) html += "<small>± " + format_value(metric, cell.deviation) + "</small>";
  return html + marks + "</td>";
}

std::string plain_cell(double value, const std::string& shown) {
  if (!(value > 0)) return "<td class=\"none\">–</td>";
  return "<td data-v=\"" + core::number(value) + "\">" + escaped(shown) + "</td>";
}

/// Median of the time of one sample alone, with the 95th percentile.
std::string latency_cell(const Row& row) {
  if (!(row.latency_ms > 0)) return "<td class=\"none\">–</td>";
  MetricInfo shown;  // four significant digits
  const std::string slow = format_value(shown, std::round(row.latency_p95_ms * 100) / 100);
  return "<td data-v=\"" + core::number(row.latency_ms) + "\">" +
         format_value(shown, std::round(row.latency_ms * 100) / 100) + "<small>95 %: " + slow +
         "</small></td>";
}

/// The first column: rank in the first metric, name, marks.
std::string name_cell(const Row& row, int64_t rank) {
  const bool run = !row.records.empty();
  std::string html = "<th scope=\"row\"><span class=\"rank muted\">" +
                     (rank > 0 ? std::to_string(rank) : "–") + "</span>&ensp;" +
                     (run ? "<a class=\"quiet\" href=\"models/" + board_name(row.model) + ".html\">" : "") +
                     escaped(row.label) + (run ? "</a>" : "");
  if (!row.trained) html += " <small>no training</small>";
  if (row.failed > 0) html += " <span class=\"chip warn\">" + std::to_string(row.failed) + " failed</span>";
  return html + "</th>";
}

std::string open_row(const Row& row) {
  return std::string("<tr") + (row.trained ? "" : " class=\"untrained\"") + " data-level=\"" +
         std::to_string(static_cast<int>(row.level)) + "\" data-model=\"" + escaped(row.label) + " " +
         escaped(row.model) + "\">";
}

/// "+0.012 [0.004, 0.020]" with the group of rows that do not differ.
std::string comparison_cell(const MetricInfo& metric, const Row& row) {
  const auto at = row.to_best.find(metric.id);
  if (at == row.to_best.end()) return "<td class=\"none\">–</td>";
  const Comparison& c = at->second;
  const int64_t group = row.group.at(metric.id);
  const std::string mark = "<span class=\"chip group" + std::string(group == 1 ? " first" : "") + "\">" +
                           std::to_string(group) + "</span> ";
  const std::string p = c.p < 0.001 ? "p < 0.001" : "p = " + core::number(std::round(c.p * 1000) / 1000);
  const std::string what = "paired bootstrap over " + std::to_string(c.blocks) + " trajectories, " +
                           std::to_string(c.samples) + " windows: " + p;
  if (c.difference == 0 && c.low == 0 && c.high == 0)
    return "<td data-v=\"0\" title=\"the best of the table\">" + mark + "best</td>";
  const bool root = metric.aggregation.rfind("root", 0) == 0;
  MetricInfo shown = metric;
  if (root) shown.decimals = -1;
  const auto sign = [&](double v) { return (v < 0 ? "−" : "+") + format_value(shown, std::abs(v)); };
  return "<td data-v=\"" + core::number(c.difference) + "\" title=\"" + what + "\">" + mark +
         sign(c.difference) + "<small>" + sign(c.low) + " to " + sign(c.high) + ", " + p + "</small></td>";
}

std::string record_cell(const Leaderboard& board, const Row& row) {
  std::vector<std::string> links;
  std::string command;
  for (size_t index : row.records) {
    const RecordFile& file = board.records[index];
    const std::string id = file.record.at("record_id");
    std::string link = "<a class=\"mono\" href=\"runs/" + id + ".html\">" + id.substr(0, 8) +
                       "</a> <a href=\"records/" + id + ".json\">JSON</a>";
    if (file.has_report) link += " <a href=\"reports/" + id + ".html\">report</a>";
    links.push_back(link);
    if (command.empty()) command = file.record.at("command");
  }
  std::string list = core::join(links, "<br>");
  if (links.size() > 1)
    list = "<details><summary>" + std::to_string(links.size()) + " records</summary>" + list + "</details>";
  return "<td class=\"l\">" + list + "<details><summary>command</summary><code>" + escaped(command) +
         "</code></details></td>";
}

std::string metric_columns(const View& view, const MetricCells& columns, bool headline) {
  std::string html;
  for (const auto& [metric, unused] : columns)
    if (is_headline(metric.id) == headline) html += metric_header(view, metric);
  return html;
}

/// A label for screen readers and keyboard users of the scrolling region.
std::string open_scroll(const std::string& label) {
  return "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" + escaped(label) + "\">";
}

std::string view_name(const View& view) {
  return view.title + ", " + setting_label(view.setting) + ", " + view.protocol;
}

std::string other_metrics(const View& view, const MetricCells& columns, const std::vector<Row>& rows) {
  if (std::all_of(columns.begin(), columns.end(), [](const auto& c) { return is_headline(c.first.id); }))
    return "";
  std::string html = "<details class=\"all\"><summary>Other metrics</summary>" +
                     open_scroll(view_name(view) + ", other metrics") +
                     "<table class=\"sortable\"><thead><tr>" + header("Model", "", false, "", true) +
                     metric_columns(view, columns, false) + "</tr></thead><tbody>\n";
  for (size_t r = 0; r < rows.size(); ++r) {
    html += open_row(rows[r]) + name_cell(rows[r], static_cast<int64_t>(r) + 1);
    for (const auto& [metric, list] : columns) {
      if (is_headline(metric.id)) continue;
      const auto reason = rows[r].reasons.find(metric.id);
      html += metric_cell(metric, list[r], reason == rows[r].reasons.end() ? "" : reason->second);
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div></details>\n";
}

}  // namespace

std::string level_badge(Level level) {
  const std::string number = std::to_string(static_cast<int>(level));
  return "<span class=\"chip level level" + number + "\" title=\"" + escaped(level_note(level)) + "\">" +
         number + " " + escaped(level_name(level)) + "</span>";
}

MetricCells cells(const Leaderboard& board, const std::vector<Row>& rows) {
  MetricCells columns;
  for (const auto& metric : board.metrics) {
    std::vector<std::optional<double>> values;
    bool any = false;
    for (const auto& row : rows) {
      const auto it = row.metrics.find(metric.id);
      values.push_back(it == row.metrics.end() ? std::nullopt : std::optional(it->second.mean));
      any = any || it != row.metrics.end() || row.reasons.count(metric.id) != 0;
    }
    if (!any) continue;
    const auto rank = ranks(values, metric.higher_is_better);
    const auto bar = bars(values, metric.higher_is_better);
    std::vector<Cell> column;
    for (size_t r = 0; r < rows.size(); ++r) {
      Cell cell;
      cell.value = values[r];
      if (values[r]) {
        const Aggregate& aggregate = rows[r].metrics.at(metric.id);
        cell.deviation = aggregate.deviation;
        cell.n = aggregate.n;
        cell.rank = rank[r];
        cell.bar = *bar[r];
      }
      column.push_back(cell);
    }
    columns.emplace_back(metric, std::move(column));
  }
  return columns;
}

std::string cell_text(const MetricInfo& metric, const Cell& cell) {
  if (!cell.value) return "–";
  std::string text = format_value(metric, *cell.value);
  if (cell.n > 1) text += " ± " + format_value(metric, cell.deviation);
  return text;
}

std::string shown_unit(const View& view, const std::string& metric) {
  const auto it = view.units.find(metric);
  return it == view.units.end() ? "" : format_unit(it->second);
}

std::string run_table(const Leaderboard& board, const View& view) {
  const MetricCells columns = cells(board, view.rows);
  std::vector<std::string> ids;
  for (const auto& column : columns) ids.push_back(column.first.id);
  const std::string primary = primary_metric(ids);
  MetricInfo info = metric_info(primary);
  for (const auto& metric : board.metrics)
    if (metric.id == primary) info = metric;
  std::string html = open_scroll(view_name(view)) + "<table class=\"wide sortable runs\"><thead><tr>" +
                     header("Model", "", false, "", true) + header("Params", "", false) +
                     metric_columns(view, columns, true) + header("Skill", info.label, true) +
                     header("To best", info.label, false) + header("Seeds", "", true) +
                     header("Training", "time", false) + header("FLOPs", "per forecast", false) +
                     header("Latency", "ms, one sample", false) +
                     header("Level", "verified", true, "", true) +
                     "<th scope=\"col\" class=\"l\">Record</th></tr></thead><tbody>\n";
  for (size_t r = 0; r < view.rows.size(); ++r) {
    const Row& row = view.rows[r];
    int64_t rank = 0;
    for (const auto& [metric, list] : columns)
      if (metric.id == primary) rank = list[r].rank;
    html += open_row(row) + name_cell(row, rank) + plain_cell(row.parameters, format_count(row.parameters));
    for (const auto& [metric, list] : columns) {
      if (!is_headline(metric.id)) continue;
      const auto reason = row.reasons.find(metric.id);
      html += metric_cell(metric, list[r], reason == row.reasons.end() ? "" : reason->second);
    }
    const auto skill = row.skill.find(primary);
    if (skill == row.skill.end())
      html += "<td class=\"none\">–</td>";
    else
      html += "<td data-v=\"" + core::number(skill->second) + "\">" + format_skill(skill->second) + "</td>";
    html += comparison_cell(info, row);
    html += plain_cell(static_cast<double>(row.records.size()), std::to_string(row.records.size())) +
            plain_cell(row.trained ? row.train_seconds : 0, format_seconds(row.train_seconds)) +
            plain_cell(row.operations, format_operations(row.operations)) + latency_cell(row) +
            "<td class=\"l\" data-v=\"" + std::to_string(static_cast<int>(row.level)) + "\">" +
            level_badge(row.level) + "</td>" + record_cell(board, row) + "</tr>\n";
  }
  return html + "</tbody></table></div>\n" + other_metrics(view, columns, view.rows);
}

std::string published_table(const Leaderboard& board, const View& view) {
  const MetricCells columns = cells(board, view.published);
  std::vector<std::string> notes;
  std::set<std::string> sources;
  const auto mark_of = [&](const std::string& reason) {
    auto it = std::find(notes.begin(), notes.end(), reason);
    if (it == notes.end()) it = notes.insert(notes.end(), reason);
    return "<sup class=\"mark\" title=\"" + escaped(reason) + "\">" +
           std::string(1, static_cast<char>('a' + (it - notes.begin()) % 26)) + "</sup>";
  };
  std::string html = open_scroll("Published figures, " + view_name(view)) +
                     "<table class=\"wide sortable\"><thead><tr>" +
                     header("Published model", "", false, "", true) + header("Params", "", false);
  for (const auto& [metric, unused] : columns) html += metric_header(view, metric);
  html += "</tr></thead><tbody>\n";
  const auto rank_of = [&](size_t r) {
    for (const auto& [metric, list] : columns)
      if (metric.id == primary_metric({})) return list[r].rank;
    return columns.empty() ? int64_t{0} : columns[0].second[r].rank;
  };
  std::vector<size_t> order;
  for (size_t r = 0; r < view.published.size(); ++r) order.push_back(r);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank_of(a) < rank_of(b); });
  for (size_t r : order) {
    const Row& row = view.published[r];
    sources.insert(row.source);
    std::string whole_row;
    for (const auto& flag : row.flags)
      if (flag.metrics.empty()) whole_row += mark_of(flag.reason);
    std::string name = name_cell(row, rank_of(r));
    name.insert(name.rfind("</th>"), whole_row + " <span class=\"chip ref\">published</span>");
    html += open_row(row) + name + plain_cell(row.parameters, format_count(row.parameters));
    for (const auto& [metric, list] : columns) {
      std::string marks;
      for (const auto& flag : row.flags)
        if (std::find(flag.metrics.begin(), flag.metrics.end(), metric.id) != flag.metrics.end())
          marks += mark_of(flag.reason);
      html += metric_cell(metric, list[r], "", marks);
    }
    html += "</tr>\n";
  }
  html += "</tbody></table></div>\n";
  if (!notes.empty()) {
    html += "<ol class=\"notes\" type=\"a\">";
    for (const auto& note : notes) html += "<li>" + escaped(note) + "</li>";
    html += "</ol>\n";
  }
  return html +
         "<p class=\"muted\"><small>Source: " + escaped(core::join({sources.begin(), sources.end()}, "; ")) +
         "</small></p>\n";
}

}  // namespace windtunnel::results
