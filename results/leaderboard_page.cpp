#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <tuple>

#include "core/text.h"
#include "results/chart.h"
#include "results/html.h"
#include "results/leaderboard.h"
#include "results/leaderboard_table.h"

namespace windtunnel::results {
namespace {

constexpr size_t kUntrainedColor = 3;  // after the three settings; page.css
constexpr size_t kRadarShapes = 6;     // more polygons hide each other

/// Views of one group, in order; all differ in the setting only.
using Group = std::vector<size_t>;

std::vector<Group> grouped(const Leaderboard& board) {
  std::vector<Group> groups;
  for (size_t v = 0; v < board.views.size(); ++v) {
    if (groups.empty() || board.views[groups.back()[0]].group() != board.views[v].group())
      groups.emplace_back();
    groups.back().push_back(v);
  }
  return groups;
}

bool has_runs(const Leaderboard& board, const Group& group) {
  return std::any_of(group.begin(), group.end(), [&](size_t v) { return !board.views[v].rows.empty(); });
}

std::string rounds_text(int64_t rounds) {
  return std::to_string(rounds) + (rounds == 1 ? " round" : " rounds");
}

std::string chips(const View& view) {
  std::string html = "<span class=\"chip\">protocol " + escaped(view.protocol) +
                     "</span><span class=\"chip\">" + rounds_text(view.rounds) +
                     "</span><span class=\"chip\">test windows: " + escaped(view.subset) +
                     "</span><span class=\"chip\">data " + escaped(view.dataset) + "</span>";
  if (!view.data_hash.empty())
    html += "<span class=\"chip mono\">data " + view.data_hash.substr(0, 8) + "</span>";
  if (!view.protocol_hash.empty())
    html += "<span class=\"chip mono\">protocol " + view.protocol_hash.substr(0, 8) + "</span>";
  if (!view.synthetic.empty()) html += "<span class=\"chip warn\">synthetic data</span>";
  return html;
}

// Filters
// -----------------------------------------------------------------------------------------------------------

std::string select(const std::string& key, const std::string& label, const std::vector<std::string>& values,
                   const std::string& chosen, std::string (*shown)(const std::string&)) {
  std::string html =
      "<label>" + label + "<select data-filter=\"" + key + "\"><option value=\"\">all</option>";
  for (const auto& value : values)
    html += "<option value=\"" + escaped(value) + "\"" + (value == chosen ? " selected" : "") + ">" +
            escaped(shown ? shown(value) : value) + "</option>";
  return html + "</select></label>\n";
}

template <class Get>
std::vector<std::string> distinct(const Leaderboard& board, Get get) {
  std::vector<std::string> values;
  for (const auto& view : board.views)
    if (std::find(values.begin(), values.end(), get(view)) == values.end()) values.push_back(get(view));
  return values;
}

std::string controls(const Leaderboard& board, const std::string& primary) {
  std::string html =
      "<div class=\"controls js\" hidden>\n<label>Metric of overview and charts<select id=\"metric\">";
  std::set<std::string> of_runs;
  for (const auto& view : board.views)
    for (const auto& row : view.rows)
      for (const auto& [id, unused] : row.metrics) of_runs.insert(id);
  for (const auto& metric : board.metrics)
    if (of_runs.count(metric.id))
      html += "<option value=\"" + escaped(metric.id) + "\"" + (metric.id == primary ? " selected" : "") +
              ">" + escaped(metric.label) + "</option>";
  html += "</select></label>\n";
  html += select("scenario", "Scenario", distinct(board, [](const View& v) { return v.scenario; }), "",
                 scenario_label);
  html += select("setting", "Setting", distinct(board, [](const View& v) { return v.setting; }), "",
                 setting_label);
  html +=
      select("protocol", "Protocol", distinct(board, [](const View& v) { return v.protocol; }), "", nullptr);
  const auto subsets = distinct(board, [](const View& v) { return v.subset; });
  if (subsets.size() > 1) html += select("subset", "Test windows", subsets, "all", nullptr);
  const auto rounds = distinct(board, [](const View& v) { return std::to_string(v.rounds); });
  if (rounds.size() > 1) html += select("rounds", "Rounds", rounds, "1", nullptr);
  html += "<label>Verified at least<select id=\"level\">";
  for (const Level level :
       {Level::reported, Level::rows, Level::predictions, Level::maintainers, Level::third_party})
    html += "<option value=\"" + std::to_string(static_cast<int>(level)) + "\">" +
            std::to_string(static_cast<int>(level)) + " " + escaped(level_name(level)) + "</option>";
  html +=
      "</select></label>\n<label>Model<input type=\"search\" id=\"search\" placeholder=\"part of a "
      "name\"></label>\n";
  if (!board.notes.empty())
    html +=
        "<label class=\"check\"><input type=\"checkbox\" id=\"reference\" checked>figures of "
        "papers</label>\n";
  return html + "</div>\n<p class=\"visually-hidden\" id=\"status\" aria-live=\"polite\"></p>\n";
}

// Overview
// ----------------------------------------------------------------------------------------------------------

std::string overview(const Leaderboard& board, const std::vector<Group>& groups, const std::string& primary) {
  std::vector<Group> shown;
  for (const auto& group : groups)
    if (has_runs(board, group) && board.views[group[0]].subset == board.views[groups[0][0]].subset)
      shown.push_back(group);
  std::vector<std::pair<std::string, std::string>> models;  // label, model
  for (const auto& group : shown)
    for (size_t v : group)
      for (const auto& row : board.views[v].rows)
        if (std::find(models.begin(), models.end(), std::pair(row.label, row.model)) == models.end())
          models.emplace_back(row.label, row.model);
  std::string top, below;
  for (const auto& group : shown) {
    const View& view = board.views[group[0]];
    top += "<th scope=\"colgroup\" colspan=\"" + std::to_string(group.size()) + "\">" + escaped(view.title) +
           "<small>" + escaped(view.protocol) + ", " + rounds_text(view.rounds) +
           (view.synthetic.empty() ? "" : ", synthetic") + "</small></th>";
    for (size_t v : group)
      below += "<th scope=\"col\" data-first=\"ascending\"><button type=\"button\">" +
               escaped(setting_label(board.views[v].setting)) + "</button></th>";
  }
  std::string html = "<h2>Overview</h2>\n<p class=\"muted\" id=\"metric-note\">" +
                     escaped(metric_info(primary).label) +
                     "</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Overview\">"
                     "<table class=\"matrix sortable\"><thead><tr><th></th>" +
                     top +
                     "</tr><tr><th scope=\"col\" class=\"l\" data-first=\"ascending\"><button "
                     "type=\"button\">Model</button></th>" +
                     below + "</tr></thead><tbody>\n";
  std::map<size_t, std::vector<Cell>> columns;
  for (const auto& group : shown)
    for (size_t v : group)
      for (auto& [metric, list] : cells(board, board.views[v].rows))
        if (metric.id == primary) columns[v] = list;
  const MetricInfo info = metric_info(primary);
  for (const auto& [label, model] : models) {
    std::string row_html;
    bool trained = true;
    for (const auto& group : shown)
      for (size_t v : group) {
        const auto& rows = board.views[v].rows;
        const auto row = std::find_if(rows.begin(), rows.end(), [&, &l = label, &m = model](const Row& r) {
          return r.label == l && r.model == m;
        });
        if (row == rows.end()) {
          row_html += "<td class=\"none\">–</td>";
          continue;
        }
        trained = trained && row->trained;
        const auto r = static_cast<size_t>(row - rows.begin());
        const Cell cell = columns.count(v) ? columns[v][r] : Cell();
        row_html += "<td data-cell=\"" + std::to_string(v) + "," + std::to_string(r) + "\"" +
                    (cell.value ? " data-v=\"" + core::number(*cell.value) + "\"" : "") +
                    " style=\"--b:" + format_value(metric_info("bar"), cell.bar) + "\"" +
                    (cell.rank == 1 ? " class=\"best\"" : "") + ">" + cell_text(info, cell) + "</td>";
      }
    html += std::string("<tr") + (trained ? "" : " class=\"untrained\"") + " data-model=\"" + escaped(label) +
            " " + escaped(model) + "\"><th scope=\"row\">" + escaped(label) + "</th>" + row_html + "</tr>\n";
  }
  return html +
         "</tbody></table></div>\n<p class=\"muted\"><small>Shade: position between the worst and the best "
         "of "
         "the column. Bold: best of the column.</small></p>\n";
}

// Charts
// ------------------------------------------------------------------------------------------------------------

std::string charts(const Leaderboard& board, const Group& group, const std::string& primary) {
  std::vector<std::string> settings;
  for (size_t v : group) settings.push_back(setting_label(board.views[v].setting));
  std::vector<std::string> with_untrained = settings;
  with_untrained.resize(std::max(settings.size(), kUntrainedColor));
  with_untrained.push_back("No training");
  std::string html = "<div class=\"charts settings\">\n";
  for (const auto& metric : board.metrics) {
    if (!is_headline(metric.id)) continue;
    std::vector<BarGroup> bar_groups;
    std::vector<Point> points, costs, speeds, work;
    bool any = false, untrained = false;
    for (size_t i = 0; i < group.size(); ++i)
      for (const auto& row : board.views[group[i]].rows) {
        auto at = std::find_if(bar_groups.begin(), bar_groups.end(),
                               [&](const auto& g) { return g.label == row.label; });
        if (at == bar_groups.end()) {
          bar_groups.push_back({row.label, std::vector<BarGroup::Bar>(group.size())});
          at = std::prev(bar_groups.end());
        }
        const auto value = row.metrics.find(metric.id);
        if (value == row.metrics.end()) continue;
        any = true;
        BarGroup::Bar bar{value->second.mean, value->second.deviation,
                          format_value(metric, value->second.mean), !row.trained};
        if (!row.trained) {  // one bar: the settings do not differ
          bar.color = static_cast<int>(kUntrainedColor);
          at->bars = {bar};
          untrained = true;
          continue;
        }
        if (at->bars.size() == group.size()) at->bars[i] = bar;
        const auto series = static_cast<int>(i);
        points.push_back({row.parameters, value->second.mean, row.label, series, false});
        costs.push_back({row.train_seconds, value->second.mean, row.label, series, false});
        work.push_back({row.operations, value->second.mean, row.label, series, false});
        speeds.push_back({row.frame_seconds * 1e3, value->second.mean, row.label, series, false});
      }
    if (!any) continue;
    const std::string unit = shown_unit(board.views[group[0]], metric.id);
    const std::string name = metric.label + (unit.empty() ? "" : " (" + unit + ")");
    html += "<div data-chart=\"" + escaped(metric.id) + "\"" + (metric.id == primary ? "" : " hidden") + ">" +
            bar_chart(name + (metric.higher_is_better ? ", higher is better" : ", lower is better"),
                      untrained ? with_untrained : settings, bar_groups) +
            "</div>\n";
    for (const auto& [what, unit_of_x, list] :
         {std::tuple("parameters", "parameters", &points), std::tuple("training time", "training, s", &costs),
          std::tuple("inference time", "ms per forecast frame", &speeds),
          std::tuple("operations", "floating-point operations of a forecast", &work)}) {
      const std::string scatter =
          scatter_chart({metric.label + " against " + what, unit_of_x, name, true, false}, settings, *list);
      if (!scatter.empty())
        html += "<div data-chart=\"" + escaped(metric.id) + "\"" + (metric.id == primary ? "" : " hidden") +
                ">" + scatter + "</div>\n";
    }
    for (size_t i = 0; i < group.size(); ++i) {
      const View& view = board.views[group[i]];
      const auto ranking = view.rankings.find(metric.id);
      if (ranking == view.rankings.end() || ranking->second.ranked.size() < 3) continue;
      const RankAnalysis& ranks = ranking->second.analysis;
      std::vector<std::string> names;
      for (size_t r : ranking->second.ranked) names.push_back(view.rows[r].label);
      char p[64];
      std::snprintf(p, sizeof p, "%lld trajectories, Friedman p %s", static_cast<long long>(ranks.blocks),
                    ranks.friedman_p < 0.001
                        ? "< 0.001"
                        : core::number(std::round(ranks.friedman_p * 1e3) / 1e3).c_str());
      html += "<div data-chart=\"" + escaped(metric.id) + "\"" + (metric.id == primary ? "" : " hidden") +
              ">" +
              rank_chart("Mean rank in " + metric.label + ", " + setting_label(view.setting) + " (" + p + ")",
                         names, ranks.mean_rank, ranks.order, ranks.cliques, ranks.critical_difference) +
              "</div>\n";
    }
  }
  return html + "</div>\n";
}

std::string radar_figure(const std::vector<Row>& rows, const std::string& title) {
  const Radar chart = radar(rows);
  std::vector<RadarShape> shapes;
  for (const auto& shape : chart.shapes)
    if (shapes.size() < kRadarShapes) shapes.push_back({rows[shape.row].label, shape.values});
  if (shapes.size() < 2) return "";
  return radar_chart(title, chart.axes, shapes);
}

std::string radars(const Leaderboard& board, const Group& group, bool published) {
  std::string html;
  for (size_t v : group) {
    const View& view = board.views[v];
    html += radar_figure(published ? view.published : view.rows,
                         "Radar, " + setting_label(view.setting) + (published ? ", published figures" : ""));
  }
  return html.empty()
             ? ""
             : "<details class=\"all\"><summary>Radar charts</summary><p class=\"muted\">Each axis is the "
               "mean "
               "of min-max bars of its metrics; 1 is the best of the table.</p><div class=\"charts\">\n" +
                   html + "</div></details>\n";
}

// Sections
// ----------------------------------------------------------------------------------------------------------

std::string open_view(const View& view) {
  return "<div class=\"view\" data-setting=\"" + escaped(view.setting) + "\">\n<h3>" +
         escaped(setting_label(view.setting)) + " <small>" + escaped(setting_note(view.setting)) +
         "</small></h3>\n";
}

std::string group_section(const Leaderboard& board, const Group& group, const std::string& primary) {
  const View& first = board.views[group[0]];
  const bool runs = has_runs(board, group);
  std::string html = "<section class=\"group" + std::string(runs ? "" : " paper") + "\" data-scenario=\"" +
                     escaped(first.scenario) + "\" data-protocol=\"" + escaped(first.protocol) +
                     "\" data-subset=\"" + escaped(first.subset) + "\" data-rounds=\"" +
                     std::to_string(first.rounds) + "\">\n<h2>" + escaped(first.title) +
                     (runs ? "" : " <span class=\"chip ref\">published figures</span>") +
                     "</h2>\n<div class=\"facts\">" + chips(first) + "</div>\n";
  if (!first.synthetic.empty()) html += synthetic_mark(first.synthetic);
  if (runs) html += charts(board, group, primary);
  for (size_t v : group) {
    const View& view = board.views[v];
    if (view.rows.empty()) continue;
    html += open_view(view) + run_table(board, view);
    if (!view.published.empty())
      html +=
          "<div class=\"reference\"><h3>Published figures <small>reference, ranked among themselves "
          "only</small></h3>\n" +
          published_table(board, view) + "</div>\n";
    html += "</div>\n";
  }
  if (!runs) {
    html += "<details class=\"all\"><summary>Tables</summary>\n";
    for (size_t v : group)
      html += open_view(board.views[v]) + published_table(board, board.views[v]) + "</div>\n";
    html += "</details>\n";
  }
  return html + radars(board, group, !runs) + "</section>\n";
}

std::string page_head(const Leaderboard& board, const std::string& title) {
  std::set<std::string> models, scenarios;
  for (const auto& view : board.views)
    for (const auto& row : view.rows) models.insert(row.model), scenarios.insert(view.scenario);
  const auto counted = [](size_t n, const std::string& word) {
    return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
  };
  return "<header class=\"top\"><div><h1>" + escaped(title) + "</h1><p>" +
         counted(board.records.size(), "record") + ", " + counted(models.size(), "model") + ", " +
         counted(scenarios.size(), "scenario") +
         (board.updated.empty() ? "" : "; newest record " + board.updated.substr(0, 10)) +
         "</p></div><div class=\"links\"><a href=\"leaderboard.csv\" download>CSV</a>"
         "<a href=\"leaderboard.json\" download>JSON</a><a href=\"feed.xml\">Feed</a><a "
         "href=\"leaderboard.md\" download>Markdown</a>"
         "<button type=\"button\" id=\"theme\" hidden aria-label=\"light or dark "
         "colours\"></button></div></header>\n";
}

}  // namespace

std::string leaderboard_page(const Leaderboard& board, const std::string& title) {
  const std::vector<Group> groups = grouped(board);
  std::vector<std::string> ids;
  for (const auto& metric : board.metrics) ids.push_back(metric.id);
  const std::string primary = primary_metric(ids);
  std::string body = page_head(board, title);
  const bool made =
      std::any_of(board.views.begin(), board.views.end(), [](const View& v) { return !v.synthetic.empty(); });
  const bool all_made = std::all_of(board.views.begin(), board.views.end(),
                                    [](const View& v) { return v.rows.empty() || !v.synthetic.empty(); });
  if (made)
    body += "<p class=\"synthetic\" role=\"note\"><strong>Synthetic data</strong> " +
            std::string(all_made ? "Every score of a run on this page"
                                 : "Some scores on this page, marked as such,") +
            (all_made ? " is" : " are") +
            " taken on data that a program made; no instrument measured them.</p>\n";
  body +=
      "<p>Models forecast the next frames of a physical field; every score compares a forecast with the "
      "measured side of "
      "the test windows. Tables with different data, protocol, rounds or test windows are never ranked "
      "together. "
      "<strong>Skill</strong> is 1 − error/error of persistence (the last frame repeated): above 0 is better "
      "than "
      "persistence.</p>\n";
  body +=
      "<p><strong>To best</strong> is the paired difference from the best row over the same test windows, "
      "with a "
      "95 % interval from a bootstrap over whole trajectories; rows that carry the same number do not differ "
      "from "
      "the first of them at 5 %. <strong>Level</strong> says how far a score was verified.</p>\n";
  body += controls(board, primary);
  if (!groups.empty()) body += overview(board, groups, primary);
  bool papers = false;
  for (const auto& group : groups) {
    if (!papers && !has_runs(board, group)) {
      papers = true;
      body +=
          "<section class=\"group paper\"><h2 id=\"published\">Figures of the papers</h2><div "
          "class=\"view\"><p>Printed or "
          "publicly reported figures, for reference: other data and protocol <em>published</em>. They are "
          "ranked among "
          "themselves and never with runs. Letters mark known inconsistencies.</p><ul class=\"muted\">";
      for (const auto& note : board.notes) body += "<li>" + escaped(note) + "</li>";
      body += "</ul></div></section>\n";
    }
    body += group_section(board, group, primary);
  }
  if (!board.replaced.empty()) {
    body +=
        "<section class=\"group\"><h2>History</h2><p class=\"muted\">Records that a newer one replaces, and "
        "re-runs that confirm another; they are no rows above.</p><ul>";
    for (const auto& file : board.replaced) {
      const std::string id = file.record.at("record_id");
      body +=
          "<li><a class=\"mono\" href=\"runs/" + id + ".html\">" + id.substr(0, 12) + "</a> " +
          escaped(model_label_of(file.record)) + ", " +
          escaped(file.record.at("task").at("id").get<std::string>()) + ", " +
          file.record.at("created_utc").get<std::string>().substr(0, 10) +
          (file.record.value("confirms", core::Json::array()).empty() ? ", replaced" : ", confirms another") +
          "</li>";
    }
    body += "</ul></section>\n";
  }
  if (!board.refused.empty()) {
    body +=
        "<section class=\"group\"><h2>Refused</h2><p class=\"muted\">Files that did not pass the "
        "checks.</p><ul>";
    for (const auto& reason : board.refused) body += "<li><code>" + escaped(reason) + "</code></li>";
    body += "</ul></section>\n";
  }
  body +=
      "<footer>Everything on this page derives from the linked records. A record's id is the hash of its "
      "content: an edited "
      "record no longer matches its name.</footer>\n";
  core::Json island = leaderboard_json(board);
  for (auto& view : island["views"]) view.erase("published");
  body += json_island("data", island);
  return html_page(title, body, "theme.js,leaderboard.js");
}

}  // namespace windtunnel::results
