#include "runners/gap_page.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/image.h"
#include "core/text.h"
#include "results/chart.h"
#include "results/html.h"

namespace windtunnel::runners {
namespace {

using core::Json;
using datasets::FieldGap;
using datasets::FieldStatistics;
using datasets::TrajectoryGap;
using results::escaped;
using results::Series;

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string percent(double value) { return short_number(100 * value) + " %"; }

template <class T>
std::string picture(const std::vector<T>& values, int64_t height, int64_t width, double low, double high,
                    const char* map, const std::string& caption) {
  std::vector<float> field(values.begin(), values.end());
  const int scale = std::max<int>(1, static_cast<int>(384 / width));
  const auto image = core::render_field(field.data(), static_cast<int>(height), static_cast<int>(width), 1,
                                        low, high, map, scale);
  return "<figure><figcaption>" + escaped(caption) + " <small>" + short_number(low) + " to " +
         short_number(high) + "</small></figcaption><img alt=\"" + escaped(caption) +
         "\" src=\"data:image/png;base64," + core::base64(core::encode_png(image)) + "\"></figure>";
}

template <class T>
void widen(const std::vector<T>& values, double& low, double& high) {
  for (const auto v : values) {
    low = std::min<double>(low, v);
    high = std::max<double>(high, v);
  }
}

std::vector<double> difference(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> d(a.size());
  for (size_t i = 0; i < a.size(); ++i) d[i] = a[i] - b[i];
  return d;
}

/// Both sides with one scale, then what is between them.
std::string pictures(const TrajectoryGap& gap, size_t c) {
  const auto &r = gap.real.fields[c], &n = gap.numerical.fields[c];
  const int64_t h = gap.real.height, w = gap.real.width;
  const std::string name = gap.fields[c].field;
  std::string html = "<div class=\"charts\">";
  const auto pair = [&](const auto& real, const auto& numerical, const std::string& what) {
    double low = 1e30, high = -1e30;
    widen(real, low, high);
    widen(numerical, low, high);
    if (!(low < high)) high = low + 1;
    html += picture(real, h, w, low, high, "viridis", what + " of " + name + ", measured");
    html += picture(numerical, h, w, low, high, "viridis", what + " of " + name + ", simulated");
  };
  const auto error = [&](const std::vector<double>& real, const std::vector<double>& numerical,
                         const std::string& what) {
    const auto d = difference(numerical, real);
    double low = 1e30, high = -1e30;
    widen(d, low, high);
    const double most = std::max({-low, high, 1e-30});
    html += picture(d, h, w, -most, most, "balance", what + " of " + name + ", simulated - measured");
  };
  pair(r.last_frame, n.last_frame, "last frame");
  pair(r.mean, n.mean, "mean");
  error(r.mean, n.mean, "mean");
  pair(r.deviation, n.deviation, "deviation");
  error(r.deviation, n.deviation, "deviation");
  return html + "</div>";
}

Series profile(const TrajectoryGap& gap, const std::vector<double>& field, int64_t station,
               const std::string& side, int color) {
  Series s{side + ", column " + std::to_string(station), {}, side == "simulated", color};
  for (int64_t r = 0; r < gap.real.height; ++r)
    s.points.push_back({static_cast<double>(r), field[static_cast<size_t>(r * gap.real.width + station)]});
  return s;
}

std::string charts(const TrajectoryGap& gap, size_t c, double dt) {
  const auto &r = gap.real.fields[c], &n = gap.numerical.fields[c];
  const FieldGap& info = gap.fields[c];
  const std::string unit = info.unit;
  std::vector<Series> mean, deviation;
  for (size_t i = 0; i < gap.stations.size(); ++i) {
    const int64_t x = gap.stations[i];
    if (x < 0 || x >= gap.real.width) continue;
    const auto color = static_cast<int>(i);
    mean.push_back(profile(gap, r.mean, x, "measured", color));
    mean.push_back(profile(gap, n.mean, x, "simulated", color));
    deviation.push_back(profile(gap, r.deviation, x, "measured", color));
    deviation.push_back(profile(gap, n.deviation, x, "simulated", color));
  }
  const auto spectrum = [](const std::vector<double>& power, double step, const std::string& name,
                           bool dashed) {
    Series s{name, {}, dashed, dashed ? 1 : 0};
    for (size_t k = 0; k < power.size(); ++k)
      s.points.push_back({static_cast<double>(k + 1) * step, power[k]});
    return s;
  };
  double low = std::min(r.sample.front(), n.sample.front()),
         high = std::max(r.sample.back(), n.sample.back());
  if (!(low < high)) high = low + 1;
  const auto density = [&](const FieldStatistics& f, const std::string& name, bool dashed) {
    constexpr int kBins = 60;
    std::vector<double> count(kBins, 0);
    for (const float v : f.sample)
      count[static_cast<size_t>(
          std::clamp(static_cast<int>((v - low) / (high - low) * kBins), 0, kBins - 1))] += 1;
    Series s{name, {}, dashed, dashed ? 1 : 0};
    for (int b = 0; b < kBins; ++b)
      s.points.push_back({low + (b + 0.5) * (high - low) / kBins,
                          count[b] * kBins / (high - low) / static_cast<double>(f.sample.size())});
    return s;
  };
  const double to_hertz = dt > 0 ? 1 / dt : 1;
  const std::string frequency = dt > 0 ? "frequency, Hz" : "frequency, cycles per frame";
  return "<div class=\"charts\">" +
         results::line_chart({"Mean of " + info.field, "row", unit, false, false}, mean) +
         results::line_chart({"Deviation of " + info.field, "row", unit, false, false}, deviation) +
         results::line_chart({"Spectrum in time of " + info.field, frequency, "power", true, true},
                             {spectrum(r.time_spectrum, r.frequency_step * to_hertz, "measured", false),
                              spectrum(n.time_spectrum, n.frequency_step * to_hertz, "simulated", true)}) +
         results::line_chart({"Spectrum along rows of " + info.field, "cycles per row", "power", true, true},
                             {spectrum(r.row_spectrum, 1, "measured", false),
                              spectrum(n.row_spectrum, 1, "simulated", true)}) +
         results::line_chart({"Distribution of " + info.field, unit, "density", false, true},
                             {density(r, "measured", false), density(n, "simulated", true)}) +
         "</div>";
}

struct Row {
  std::string id;
  FieldGap gap;
  double profile_error;
};

std::vector<Row> rows_of(const std::vector<TrajectoryGap>& gaps) {
  std::vector<Row> rows;
  for (const auto& gap : gaps)
    for (const auto& field : gap.fields) rows.push_back({gap.id, field, gap.profile_error});
  return rows;
}

}  // namespace

std::string gap_page(const datasets::Scenario& scenario, const std::vector<TrajectoryGap>& gaps,
                     size_t pictured) {
  std::string body = "<h1>" + escaped(scenario.title.empty() ? scenario.name : scenario.title) +
                     ": gap between both sides</h1>\n";
  if (scenario.synthetic)
    body +=
        "<p class=\"synthetic\"><strong>Synthetic</strong>Both sides are computed; \"measured\" is the side "
        "seen through the instrument.</p>\n";
  body +=
      "<section class=\"group\"><h2>Numbers</h2>\n<p class=\"muted\">Gaps of mean and deviation: 2-norm of "
      "the difference over that of the measured side. Distribution: Wasserstein distance over the measured "
      "deviation. Profile error: mean over stations and probes of the difference of the mean "
      "profiles.</p>\n<div class=\"scroll\"><table class=\"wide\"><thead><tr><th "
      "class=\"l\">trajectory</th><th class=\"l\">field</th><th>mean</th><th>deviation</th><th>frequency, "
      "measured</th><th>simulated</th><th>distribution</th><th>profile error</th></tr></thead><tbody>\n";
  for (const Row& row : rows_of(gaps))
    body += "<tr><td class=\"l\">" + escaped(row.id) + "</td><td class=\"l\">" + escaped(row.gap.field) +
            "</td><td>" + percent(row.gap.mean_gap) + "</td><td>" + percent(row.gap.deviation_gap) +
            "</td><td>" + short_number(row.gap.frequency_real) + "</td><td>" +
            short_number(row.gap.frequency_numerical) + "</td><td>" + short_number(row.gap.distribution_gap) +
            "</td><td>" + short_number(row.profile_error) + " " + escaped(row.gap.unit) + "</td></tr>\n";
  body += "</tbody></table></div>\n<p class=\"muted\">Frequencies in cycles per frame.</p></section>\n";
  const size_t count = std::min(pictured, gaps.size());
  for (size_t k = 0; k < count; ++k) {
    const TrajectoryGap& gap = gaps[count == 1 ? 0 : k * (gaps.size() - 1) / (count - 1)];
    body += "<section class=\"group\"><h2>" + escaped(gap.id) + "</h2>\n";
    for (size_t c = 0; c < gap.fields.size(); ++c) body += pictures(gap, c) + charts(gap, c, scenario.dt);
    body += "</section>\n";
  }
  return results::html_page(scenario.name + ": gap", body);
}

Json gap_json(const datasets::Scenario& scenario, const std::vector<TrajectoryGap>& gaps) {
  Json list = Json::array();
  double mean = 0, deviation = 0, profile = 0, distribution = 0, n = 0;
  for (const auto& gap : gaps) {
    Json fields = Json::array();
    for (const auto& f : gap.fields) {
      fields.push_back({{"field", f.field},
                        {"unit", f.unit},
                        {"mean_gap", f.mean_gap},
                        {"deviation_gap", f.deviation_gap},
                        {"frequency_real", f.frequency_real},
                        {"frequency_numerical", f.frequency_numerical},
                        {"distribution_gap", f.distribution_gap}});
      mean += f.mean_gap;
      deviation += f.deviation_gap;
      distribution += f.distribution_gap;
      profile += gap.profile_error;
      n += 1;
    }
    list.push_back({{"id", gap.id}, {"profile_error", gap.profile_error}, {"fields", fields}});
  }
  n = std::max(1.0, n);
  return {{"scenario", scenario.name},
          {"synthetic", scenario.synthetic},
          {"trajectories", list},
          {"mean",
           {{"mean_gap", mean / n},
            {"deviation_gap", deviation / n},
            {"distribution_gap", distribution / n},
            {"profile_error", profile / n}}}};
}

std::string gap_table(const datasets::Scenario& scenario, const std::vector<TrajectoryGap>& gaps) {
  std::string text;
  char line[256];
  std::snprintf(line, sizeof line, "%-28s %-10s %9s %9s %9s %9s %9s %11s\n", "trajectory", "field", "mean",
                "dev.", "f meas.", "f sim.", "distr.", "profile");
  text += line;
  for (const Row& row : rows_of(gaps)) {
    std::snprintf(line, sizeof line, "%-28s %-10s %8.1f%% %8.1f%% %9.4f %9.4f %9.3f %11.4g\n", row.id.c_str(),
                  row.gap.field.c_str(), 100 * row.gap.mean_gap, 100 * row.gap.deviation_gap,
                  row.gap.frequency_real, row.gap.frequency_numerical, row.gap.distribution_gap,
                  row.profile_error);
    text += line;
  }
  if (scenario.synthetic) text += "synthetic data: both sides are computed\n";
  return text;
}

}  // namespace windtunnel::runners
