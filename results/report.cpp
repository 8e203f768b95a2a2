#include "results/report.h"

#include <algorithm>
#include <cmath>

#include "core/file.h"
#include "core/text.h"
#include "results/catalogue.h"
#include "results/chart.h"
#include "results/figures.h"
#include "results/html.h"
#include "results/inside.h"
#include "results/journal.h"
#include "results/record.h"
#include "results/report_figures.h"
#include "results/run_folder.h"

namespace windtunnel::results {
namespace {

using core::Json;
namespace fs = std::filesystem;

std::string plain(const Json& value) {
  if (value.is_null()) return "–";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return format_value(metric_info("value"), value.get<double>());
  return value.dump();
}

std::string text_at(const Json& object, const char* key) {
  return object.contains(key) && object.at(key).is_string() ? object.at(key).get<std::string>()
                                                            : std::string();
}

/// Definition list of the keys present, in the order given: {key, shown name}.
std::string facts(const Json& object, const std::vector<std::pair<const char*, const char*>>& keys) {
  std::string html = "<dl class=\"facts-list\">";
  for (const auto& [key, name] : keys) {
    if (!object.contains(key) || object.at(key).is_null() || object.at(key) == "" ||
        object.at(key).is_object())
      continue;
    html += "<dt>" + std::string(name) + "</dt><dd" +
            (std::string(key).find("sha256") != std::string::npos ? " class=\"mono\"" : "") + ">" +
            escaped(plain(object.at(key))) + "</dd>";
  }
  return html + "</dl>\n";
}

std::string value_text(const Json& entry) {
  const MetricInfo info = entry_info(entry);
  if (!entry.at("value").is_number()) return text_at(entry, "reason");
  std::string text = format_value(info, entry.at("value"));
  if (entry.contains("standard_error") && entry.at("standard_error").is_number())
    text += " ± " + format_value(info, entry.at("standard_error"));
  return text;
}

std::string skill_cell(double value) {
  if (!std::isfinite(value)) return "<td class=\"none\">–</td>";
  const double shown = std::clamp(value, -1.0, 1.0) * 50;
  return "<td data-v=\"" + core::number(value) + "\">" + format_skill(value) +
         "<span class=\"skill\" aria-hidden=\"true\"><i" + (value < 0 ? " class=\"bad\"" : "") +
         " style=\"left:" + core::number(std::round(shown < 0 ? 50 + shown : 50)) +
         "%;width:" + core::number(std::round(std::abs(shown))) + "%\"></i><b></b></span></td>";
}

bool is_main(const Json& record, const Json& entry) {
  const Json& task = record.at("task");
  return entry.at("field") == "all" && entry.at("subset") == task.at("subset") &&
         entry.at("rounds") == task.at("rounds");
}

std::vector<std::string> main_ids(const Json& record) {
  std::vector<std::string> ids;
  for (const auto& entry : record.at("metrics"))
    if (is_main(record, entry)) ids.push_back(entry.at("id"));
  return in_display_order(ids);
}

std::string score_table(const Json& record) {
  std::vector<std::string> references;  // persistence first
  for (const auto& [name, unused] : record.at("baselines").items()) references.push_back(name);
  std::stable_partition(references.begin(), references.end(),
                        [](const auto& name) { return name == "persistence"; });
  const bool skilled = !references.empty() && references[0] == "persistence";
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Scores\"><table "
      "class=\"wide\"><thead><tr>"
      "<th scope=\"col\" class=\"l\">Metric</th><th scope=\"col\">Value</th><th scope=\"col\" "
      "class=\"l\">Unit</th>"
      "<th scope=\"col\" class=\"l\">Better</th>";
  if (skilled) html += "<th scope=\"col\">Skill<small>against persistence</small></th>";
  for (const auto& name : references) html += "<th scope=\"col\">" + escaped(name) + "</th>";
  html += "<th scope=\"col\">Samples</th></tr></thead><tbody>\n";
  for (const auto& id : main_ids(record)) {
    const Json& entry = *find_metric(record, id);
    const MetricInfo info = entry_info(entry);
    const bool higher = entry.at("higher_is_better");
    html += "<tr><th scope=\"row\"" +
            (info.formula.empty() ? "" : " title=\"" + escaped(info.formula) + "\"") + ">" +
            escaped(info.label) + "</th><td><strong>" + escaped(value_text(entry)) +
            "</strong></td><td class=\"l muted\">" + escaped(format_unit(entry.at("unit"))) +
            "</td><td class=\"l muted\">" + (higher ? "higher" : "lower") + "</td>";
    if (skilled) {
      const Json* reference = find_metric(record, id, "persistence");
      const bool both = reference && reference->at("value").is_number() && entry.at("value").is_number();
      html += skill_cell(both ? skill(entry.at("value"), reference->at("value"), higher) : NAN);
    }
    for (const auto& name : references) {
      const Json* reference = find_metric(record, id, name);
      html += reference ? "<td>" + escaped(value_text(*reference)) + "</td>" : "<td class=\"none\">–</td>";
    }
    html += "<td>" + plain(entry.at("n")) + "</td></tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

/// Scores of single fields, other test windows, other numbers of rounds.
std::string detail_table(const Json& record) {
  std::string rows;
  for (const auto& entry : record.at("metrics")) {
    if (is_main(record, entry)) continue;
    rows += "<tr><th scope=\"row\">" + escaped(entry_info(entry).label) + "</th><td class=\"l\">" +
            escaped(plain(entry.at("field"))) + "</td><td class=\"l\">" + escaped(plain(entry.at("subset"))) +
            "</td><td>" + plain(entry.at("rounds")) + "</td><td>" + escaped(value_text(entry)) + "</td><td>" +
            plain(entry.at("n")) + "</td></tr>\n";
  }
  if (rows.empty()) return "";
  return "<details class=\"all\"><summary>By field, test windows and rounds</summary><div class=\"scroll\" "
         "tabindex=\"0\" "
         "role=\"region\" aria-label=\"Scores by field\"><table><thead><tr><th scope=\"col\" "
         "class=\"l\">Metric</th>"
         "<th scope=\"col\" class=\"l\">Field</th><th scope=\"col\" class=\"l\">Windows</th><th "
         "scope=\"col\">Rounds</th>"
         "<th scope=\"col\">Value</th><th scope=\"col\">Samples</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div></details>\n";
}

/// At most `limit` points, each the mean of its neighbours: long runs have 10^5 updates.
std::vector<std::pair<double, double>> thinned(const std::vector<std::pair<int64_t, double>>& points,
                                               size_t limit) {
  std::vector<std::pair<double, double>> result;
  const size_t bucket = std::max<size_t>(1, (points.size() + limit - 1) / limit);
  for (size_t begin = 0; begin < points.size(); begin += bucket) {
    const size_t end = std::min(points.size(), begin + bucket);
    double x = 0, y = 0;
    for (size_t i = begin; i < end; ++i) x += static_cast<double>(points[i].first), y += points[i].second;
    result.emplace_back(x / static_cast<double>(end - begin), y / static_cast<double>(end - begin));
  }
  return result;
}

std::string training_section(const Json& record, const fs::path& journal) {
  const Json& training = record.at("training");
  std::string html = "<section class=\"group\"><h2>Training</h2>\n";
  if (!record.at("model").at("trainable").get<bool>())
    return html + "<p>This model learns nothing.</p></section>\n";
  html += "<div class=\"columns\">" +
          facts(training, {{"optimizer", "optimiser"},
                           {"schedule", "schedule"},
                           {"pretrain_updates", "updates, pretraining"},
                           {"updates", "updates"},
                           {"epochs", "epochs"},
                           {"samples_seen", "samples seen"},
                           {"selection_metric", "chosen by"},
                           {"best_update", "chosen update"},
                           {"best_value", "validation there"}}) +
          facts(training.at("measured"), {{"wall_s", "elapsed, s"},
                                          {"cpu_s", "processor, s"},
                                          {"device_s", "accelerator, s"},
                                          {"peak_host_mb", "memory, MB"},
                                          {"peak_device_mb", "accelerator memory, MB"},
                                          {"resumed", "continued"}}) +
          "</div>\n";
  if (!fs::exists(journal)) return html + "</section>\n";
  std::string charts;
  std::vector<Series> loss;
  std::map<std::string, std::vector<Series>> validation;
  for (const auto& stage : curves(read_journal(journal))) {
    if (!stage.loss.empty()) loss.push_back({stage.stage, thinned(stage.loss, 400), false, -1});
    for (const auto& [id, points] : stage.validation)
      validation[id].push_back({stage.stage, thinned(points, 400), false, -1});
  }
  if (!loss.empty()) charts += line_chart({"Training loss", "update", "loss", false, true}, loss);
  std::vector<std::string> ids;
  for (const auto& [id, unused] : validation) ids.push_back(id);
  std::string more;
  for (const auto& id : in_display_order(ids)) {
    const MetricInfo info = metric_info(id);
    const bool first = id == training.value("selection_metric", Json("rmse")) || id == primary_metric(ids);
    (first ? charts : more) += line_chart(
        {"Validation: " + info.label, "update", info.label, false, !info.higher_is_better}, validation[id]);
  }
  html += "<div class=\"charts\">" + charts + "</div>\n";
  if (!more.empty())
    html += "<details class=\"all\"><summary>Other validation metrics</summary><div class=\"charts\">" +
            more + "</div></details>\n";
  return html + "</section>\n";
}

std::string setup_section(const Json& record, const RunFolder& folder) {
  std::string html = "<section class=\"group\"><h2>Set-up</h2>\n<h3>Command that repeats the run</h3><pre>" +
                     escaped(record.at("command").get<std::string>()) + "</pre>\n<div class=\"columns\">\n";
  html += "<div><h3>Task and data</h3>" +
          facts(record.at("task"), {{"id", "task"},
                                    {"scenario", "scenario"},
                                    {"setting", "setting"},
                                    {"protocol", "protocol"},
                                    {"protocol_sha256", "protocol hash"},
                                    {"subset", "test windows"},
                                    {"rounds", "rounds"},
                                    {"input_frames", "input frames"},
                                    {"output_frames", "forecast frames"}}) +
          facts(record.at("dataset"), {{"id", "data set"},
                                       {"revision", "revision"},
                                       {"licence", "licence"},
                                       {"grid", "grid"},
                                       {"n_train", "training windows"},
                                       {"n_val", "validation windows"},
                                       {"n_test", "test windows"},
                                       {"manifest_sha256", "data hash"}}) +
          "</div>\n";
  html += "<div><h3>Model</h3>" +
          facts(record.at("model"), {{"name", "name"},
                                     {"version", "version"},
                                     {"preset", "preset"},
                                     {"compat", "variant"},
                                     {"plugin", "plug-in"},
                                     {"parameters", "parameters"},
                                     {"precision", "precision"},
                                     {"weights_sha256", "weights hash"}}) +
          "<h3>Speed</h3>" +
          facts(record.at("inference"),
                {{"batch", "samples per pass"}, {"flops_per_sample", "operations per forecast"}}) +
          facts(record.at("inference").at("measured"), {{"ms_per_sample_p50", "ms for one sample, median"},
                                                        {"ms_per_sample_p95", "ms for one sample, 95 %"},
                                                        {"frames_per_s", "frames per second, batched"},
                                                        {"peak_host_mb", "memory, MB"}}) +
          "</div>\n";
  html +=
      "<div><h3>Environment</h3>" +
      facts(record.at("environment"), {{"cpu_model", "processor"},
                                       {"cpu_cores", "cores"},
                                       {"ram_mb", "memory, MB"},
                                       {"threads", "threads"},
                                       {"gpu_model", "accelerator"},
                                       {"os", "system"},
                                       {"kernel", "kernel"},
                                       {"architecture", "architecture"},
                                       {"compiler", "compiler"},
                                       {"build_type", "build"}}) +
      facts(record.at("harness"), {{"name", "program"}, {"version", "version"}, {"git_commit", "commit"}}) +
      "</div>\n</div>\n";
  if (fs::exists(folder.config()))
    html +=
        "<h3>Configuration</h3><pre tabindex=\"0\">" + escaped(core::read_file(folder.config())) + "</pre>\n";
  return html + "</section>\n";
}

std::string page_head(const Json& record, const std::string& links) {
  const Json &task = record.at("task"), &model = record.at("model");
  const std::string label = model_label_of(record);
  std::string html = "<header class=\"top\"><div><h1>" + escaped(label) + " on " +
                     escaped(scenario_label_of(record)) + "</h1><div class=\"facts\">";
  const auto chip = [&](const std::string& text) {
    html += "<span class=\"chip\">" + escaped(text) + "</span>";
  };
  chip(setting_label(task.at("setting")) + ": " + setting_note(task.at("setting")));
  chip("protocol " + task.at("protocol").get<std::string>());
  chip(plain(task.at("rounds")) + (task.at("rounds") == 1 ? " round" : " rounds"));
  if (!text_at(model, "preset").empty()) chip("preset " + text_at(model, "preset"));
  for (const auto& [name, seed] : record.at("training").at("seeds").items())
    chip("seed " + name + " " + seed.dump());
  chip(record.at("created_utc").get<std::string>().substr(0, 10));
  html += "</div><p>Record <span class=\"mono\">" + record.at("record_id").get<std::string>().substr(0, 16) +
          "…</span></p></div><div class=\"links\">" + links +
          "<button type=\"button\" id=\"theme\" hidden "
          "aria-label=\"light or dark "
          "colours\"></button></div></header>\n";
  return html;
}

std::string warnings(const Json& record) {
  std::vector<std::string> lines;
  const Json& status = record.at("status");
  if (status.at("state") != "complete")
    lines.push_back("This run is " + plain(status.at("state")) + ": " + plain(status.at("reason")));
  const Json& checks = record.at("checks");
  for (const auto& warning : checks.value("warnings", Json::array())) lines.push_back(warning);
  for (const auto& module : checks.value("dead_modules", Json::array()))
    lines.push_back("Module without effect: " + module.get<std::string>());
  if (lines.empty()) return "";
  std::string html = "<ul class=\"synthetic\">";
  for (const auto& line : lines) html += "<li>" + escaped(line) + "</li>";
  return html + "</ul>\n";
}

}  // namespace

std::string report_body(const Json& record, const fs::path& run, bool pictures, const std::string& links,
                        const std::string& first) {
  const RunFolder folder{run};
  std::string body = page_head(record, links);
  if (record.at("synthetic").at("is_synthetic").get<bool>())
    body += synthetic_mark(record.at("synthetic").at("label").get<std::string>());
  body += warnings(record) + first + "<h2>Scores</h2>\n" + score_table(record) + detail_table(record);
  if (pictures && fs::exists(folder.figures())) {
    const Figures figures = read_figures(folder.figures());
    body += forecast_section(figures) + spectrum_section(figures) + probe_section(figures);
  }
  if (pictures && fs::exists(inside_file(run))) body += inside_section(read_inside(inside_file(run)));
  return body + training_section(record, folder.journal()) + setup_section(record, folder);
}

std::string report_page(const fs::path& run) {
  const Json record = read_record(RunFolder{run}.record());
  return html_page(model_label_of(record) + " on " + scenario_label_of(record),
                   report_body(record, run, true), "theme.js");
}

fs::path write_report(const fs::path& run) {
  const RunFolder folder{run};
  core::write_file_atomic(folder.report(), report_page(run));
  if (fs::exists(folder.figures())) write_pictures(folder.pictures(), read_figures(folder.figures()));
  if (fs::exists(inside_file(run))) write_inside_pictures(folder.pictures(), read_inside(inside_file(run)));
  return folder.report();
}

}  // namespace windtunnel::results
