#include <algorithm>
#include <set>

#include "core/text.h"
#include "results/check.h"
#include "results/html.h"
#include "results/leaderboard.h"
#include "results/leaderboard_table.h"
#include "results/report.h"

namespace windtunnel::results {
namespace {

using core::Json;

std::string id_of(const RecordFile& file) { return file.record.at("record_id"); }

std::string record_link(const std::string& id, const std::string& up, bool known) {
  const std::string shown = id.substr(0, 12);
  return known ? "<a class=\"mono\" href=\"" + up + "runs/" + id + ".html\">" + shown + "</a>"
               : "<span class=\"mono\">" + shown + "</span>";
}

bool on_board(const Leaderboard& board, const std::string& id) {
  for (const auto* list : {&board.records, &board.replaced})
    for (const auto& file : *list)
      if (id_of(file) == id) return true;
  return false;
}

std::string linked(const Leaderboard& board, const Json& ids) {
  std::vector<std::string> links;
  for (const auto& id : ids) links.push_back(record_link(id, "../", on_board(board, id)));
  return core::join(links, ", ");
}

/// "replaces", "replaced by", "confirms", "confirmed by".
std::string history(const Leaderboard& board, const Json& record) {
  std::string html;
  const auto add = [&](const char* name, const Json& ids) {
    if (!ids.empty()) html += "<dt>" + std::string(name) + "</dt><dd>" + linked(board, ids) + "</dd>";
  };
  add("replaces", record.at("supersedes"));
  add("repeats and confirms", record.value("confirms", Json::array()));
  Json replaced = Json::array(), confirmed = Json::array();
  for (const auto* list : {&board.records, &board.replaced})
    for (const auto& file : *list) {
      for (const auto& old : file.record.at("supersedes"))
        if (old == record.at("record_id")) replaced.push_back(id_of(file));
      for (const auto& id : file.record.value("confirms", Json::array()))
        if (id == record.at("record_id")) confirmed.push_back(id_of(file));
    }
  add("replaced by", replaced);
  add("confirmed by", confirmed);
  return html;
}

std::string verification(const Leaderboard& board, const RecordFile& file) {
  const Json &record = file.record, &submission = record.at("submission"), &checks = record.at("checks");
  std::string html = "<section><h2>Verification</h2>\n<dl class=\"facts-list\"><dt>level</dt><dd>" +
                     level_badge(file.level) + " " + escaped(level_note(file.level)) + "</dd>";
  if (!file.next.empty()) html += "<dt>not higher, because</dt><dd>" + escaped(file.next) + "</dd>";
  html += history(board, record);
  for (const char* key :
       {"submitter", "organisation", "relationship", "division", "licence", "paper", "code_url"})
    if (submission.contains(key) && submission.at(key).is_string() && submission.at(key) != "")
      html +=
          "<dt>" + std::string(key) + "</dt><dd>" + escaped(submission.at(key).get<std::string>()) + "</dd>";
  const Json overlap = checks.value("train_test_overlap", Json());
  if (overlap.is_number())
    html += "<dt>test windows sharing frames with training</dt><dd>" + overlap.dump() + "</dd>";
  return html + "</dl></section>\n";
}

using Columns = std::vector<std::pair<MetricInfo, std::vector<Cell>>>;

std::string score_of(const Columns& columns, size_t r, const std::string& id) {
  for (const auto& [metric, column] : columns)
    if (metric.id == id && column[r].value)
      return cell_text(metric, column[r]) +
             (column[r].rank ? " (" + std::to_string(column[r].rank) + ".)" : "");
  return "–";
}

}  // namespace

std::string record_page(const Leaderboard& board, const RecordFile& file) {
  const std::string id = id_of(file), model = file.record.at("model").at("name");
  std::string links = "<a href=\"../index.html\">Leaderboard</a>";
  const bool has_rows = std::any_of(board.records.begin(), board.records.end(), [&](const RecordFile& other) {
    return other.record.at("model").at("name") == model;
  });
  if (has_rows) links += "<a href=\"../models/" + board_name(model) + ".html\">Model</a>";
  links += "<a href=\"../records/" + id + ".json\" download>JSON</a>";
  if (file.has_report) links += "<a href=\"../reports/" + id + ".html\">Report with pictures</a>";
  return html_page(
      model_label_of(file.record) + " on " + scenario_label_of(file.record),
      report_body(file.record, file.path.parent_path(), !file.has_report, links, verification(board, file)),
      "theme.js");
}

std::string model_page(const Leaderboard& board, const std::string& model) {
  std::string title = model_label(model), rows, records;
  const RecordFile* example = nullptr;
  std::set<std::string> metrics;
  for (const auto& view : board.views)
    for (const auto& row : view.rows)
      if (row.model == model)
        for (const auto& [id, unused] : row.metrics)
          if (is_headline(id)) metrics.insert(id);
  const auto shown = in_display_order({metrics.begin(), metrics.end()});
  std::set<size_t> listed;
  for (const auto& view : board.views)
    for (size_t r = 0; r < view.rows.size(); ++r) {
      const Row& row = view.rows[r];
      if (row.model != model) continue;
      const Columns columns = cells(board, view.rows);
      rows += "<tr><th scope=\"row\">" + escaped(view.title) + "<small>" + escaped(view.dataset) +
              "</small></th>" + "<td class=\"l\">" + escaped(setting_label(view.setting)) +
              "</td><td class=\"l\">" + escaped(view.protocol) +
              (view.synthetic.empty() ? "" : ", synthetic") + "</td><td class=\"l\">" + escaped(view.subset) +
              ", " + std::to_string(view.rounds) + (view.rounds == 1 ? " round" : " rounds") +
              "</td><td class=\"l\">" + escaped(row.label) + "</td>";
      for (const auto& id : shown) rows += "<td>" + escaped(score_of(columns, r, id)) + "</td>";
      rows += "<td>" + std::to_string(row.records.size()) + "</td><td class=\"l\">" + level_badge(row.level) +
              "</td></tr>\n";
      for (size_t index : row.records) {
        example = &board.records[index];
        title = model_label_of(example->record);
        listed.insert(index);
      }
    }
  for (size_t index : listed) {
    const Json& record = board.records[index].record;
    records += "<tr><th scope=\"row\">" + record_link(record.at("record_id"), "../", true) +
               "</th><td class=\"l\">" + escaped(record.at("task").at("id").get<std::string>()) +
               "</td><td class=\"l\">" + record.at("created_utc").get<std::string>().substr(0, 10) +
               "</td><td class=\"l\">" + level_badge(board.records[index].level) + "</td></tr>\n";
  }
  std::string body = "<header class=\"top\"><div><h1>" + escaped(title) +
                     "</h1></div><div class=\"links\"><a href=\"../index.html\">Leaderboard</a><button "
                     "type=\"button\" id=\"theme\" hidden aria-label=\"light or dark "
                     "colours\"></button></div></header>\n";
  if (std::any_of(listed.begin(), listed.end(), [&](size_t index) {
        return board.records[index].record.at("synthetic").at("is_synthetic").get<bool>();
      }))
    body +=
        "<p class=\"synthetic\" role=\"note\"><strong>Synthetic data</strong> Rows marked synthetic are "
        "taken on data that a program made.</p>\n";
  if (example) {
    const Json &submission = example->record.at("submission"), &about = example->record.at("model");
    body += "<dl class=\"facts-list\">";
    const auto fact = [&](const char* name, const Json& value) {
      if (value.is_string() && value != "")
        body += "<dt>" + std::string(name) + "</dt><dd>" + escaped(value.get<std::string>()) + "</dd>";
    };
    fact("paper", submission.value("paper", Json()));
    fact("source", submission.value("code_url", Json()));
    fact("licence", submission.value("licence", Json()));
    fact("plug-in", about.value("plugin", Json()));
    if (about.value("options", Json::object()).size())
      body += "<dt>options</dt><dd class=\"mono\">" + escaped(about.at("options").dump()) + "</dd>";
    body += "</dl>\n";
  }
  body +=
      "<h2>Scores</h2>\n<p class=\"muted\">Mean ± deviation over seeds; in brackets the rank of its "
      "table.</p>"
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Scores\"><table "
      "class=\"wide\"><thead><tr><th scope=\"col\" class=\"l\">Scenario</th><th scope=\"col\" "
      "class=\"l\">Setting</th><th scope=\"col\" class=\"l\">Protocol</th><th scope=\"col\" "
      "class=\"l\">Test</th><th scope=\"col\" class=\"l\">Row</th>";
  for (const auto& metric : board.metrics)
    if (std::find(shown.begin(), shown.end(), metric.id) != shown.end())
      body += "<th scope=\"col\">" + escaped(metric.label) + "</th>";
  body +=
      "<th scope=\"col\">Seeds</th><th scope=\"col\" class=\"l\">Level</th></tr></thead><tbody>\n" + rows +
      "</tbody></table></div>\n<h2>Records</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
      "aria-label=\"Records\"><table><thead><tr><th scope=\"col\" class=\"l\">Record</th><th scope=\"col\" "
      "class=\"l\">Task</th><th scope=\"col\" class=\"l\">Made</th><th scope=\"col\" "
      "class=\"l\">Level</th></tr></thead><tbody>\n" +
      records + "</tbody></table></div>\n";
  return html_page(title, body, "theme.js");
}

std::string leaderboard_feed(const Leaderboard& board, const std::string& title) {
  constexpr size_t kEntries = 50;
  std::vector<const RecordFile*> newest;
  for (const auto& file : board.records) newest.push_back(&file);
  std::stable_sort(newest.begin(), newest.end(), [](const RecordFile* a, const RecordFile* b) {
    return a->record.at("created_utc") > b->record.at("created_utc");
  });
  newest.resize(std::min(newest.size(), kEntries));
  std::string xml =
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n<title>" +
      escaped(title) + "</title>\n<id>urn:windtunnel:leaderboard</id>\n<updated>" + board.updated +
      "</updated>\n";
  for (const RecordFile* file : newest) {
    const Json& record = file->record;
    xml += "<entry><title>" + escaped(model_label_of(record)) + ", " +
           escaped(record.at("task").at("id").get<std::string>()) + "</title><id>urn:sha256:" + id_of(*file) +
           "</id><updated>" + record.at("created_utc").get<std::string>() + "</updated><author><name>" +
           escaped(record.at("submission").value("submitter", Json()).is_string()
                       ? record.at("submission").at("submitter").get<std::string>()
                       : std::string("unnamed")) +
           "</name></author><link href=\"runs/" + id_of(*file) + ".html\"/></entry>\n";
  }
  return xml + "</feed>\n";
}

}  // namespace windtunnel::results
