#include "results/report_figures.h"

#include <algorithm>
#include <cmath>

#include "core/file.h"
#include "core/image.h"
#include "core/text.h"
#include "results/catalogue.h"
#include "results/chart.h"
#include "results/html.h"

namespace windtunnel::results {
namespace {

using core::Array;
using core::Image;

constexpr const char* kFieldMap = "viridis";
constexpr const char* kErrorMap = "balance";
constexpr int kStills = 5, kGap = 2, kDelayMs = 130;
constexpr size_t kMaxFields = 4;  // combustion-like scenarios have 16; the page stays small

/// One channel of a sample with the colour limits of its pictures.
struct Film {
  const Figures::Sample& sample;
  int64_t channel, frames, height, width, channels;
  double low = INFINITY, high = -INFINITY, error = 0;
  Array difference;  // (T,H,W,1), prediction - target

  Film(const Figures::Sample& s, int64_t c)
      : sample(s),
        channel(c),
        frames(s.target.size(0)),
        height(s.target.size(1)),
        width(s.target.size(2)),
        channels(s.target.size(3)),
        difference({frames, height, width, 1}) {
    for (int64_t i = 0; i < difference.numel(); ++i) {
      const auto at = static_cast<size_t>(i * channels + channel);
      const float target = s.target.data[at], gap = s.prediction.data[at] - target;
      difference.data[static_cast<size_t>(i)] = gap;
      if (std::isfinite(target)) low = std::min<double>(low, target), high = std::max<double>(high, target);
      if (std::isfinite(gap)) error = std::max<double>(error, std::abs(gap));
    }
    if (!(low < high)) low = std::isfinite(low) ? low - 0.5 : 0, high = low + 1;
    if (error == 0) error = 1;
  }

  Image field(const Array& array, int64_t frame) const {
    return core::render_field(array.data.data() + frame * array.size(1) * array.size(2) * channels + channel,
                              static_cast<int>(array.size(1)), static_cast<int>(array.size(2)), channels, low,
                              high, kFieldMap, 1);
  }
  Image gap(int64_t frame) const {
    return core::render_field(difference.data.data() + frame * height * width, static_cast<int>(height),
                              static_cast<int>(width), 1, -error, error, kErrorMap, 1);
  }
  /// Target, prediction and error side by side, for every frame.
  std::vector<uint8_t> movie() const {
    std::vector<Image> list;
    for (int64_t t = 0; t < frames; ++t) {
      Image wide(static_cast<int>(3 * width) + 2 * kGap, static_cast<int>(height), {128, 128, 128});
      const Image parts[3] = {field(sample.target, t), field(sample.prediction, t), gap(t)};
      for (int p = 0; p < 3; ++p)
        for (int y = 0; y < parts[p].height; ++y)
          for (int x = 0; x < parts[p].width; ++x) {
            const auto at = 3 * static_cast<size_t>(y * parts[p].width + x);
            wide.set(p * (static_cast<int>(width) + kGap) + x, y,
                     {parts[p].rgb[at], parts[p].rgb[at + 1], parts[p].rgb[at + 2]});
          }
      list.push_back(std::move(wide));
    }
    return core::encode_apng(list, kDelayMs);
  }
};

std::string image_tag(const std::vector<uint8_t>& png, const std::string& alt,
                      const std::string& style = "") {
  return "<img alt=\"" + escaped(alt) + "\"" + (style.empty() ? "" : " class=\"" + style + "\"") +
         " src=\"data:image/png;base64," + core::base64(png) + "\">";
}

std::string scale_bar(const std::string& map, const std::string& name, double low, double high,
                      const std::string& unit) {
  Image strip(64, 1);
  for (int x = 0; x < strip.width; ++x) strip.set(x, 0, core::colormap(map, x / 63.0));
  const MetricInfo plain = metric_info("value");
  return "<span>" + escaped(name) + " " + format_value(plain, low) +
         image_tag(core::encode_png(strip), "colour scale") + format_value(plain, high) +
         (format_unit(unit).empty() ? "" : " " + escaped(format_unit(unit))) + "</span>";
}

std::string still_table(const Film& film, const Figures& figures) {
  std::vector<int64_t> shown;
  const int64_t count = std::min<int64_t>(kStills, film.frames);
  for (int64_t i = 0; i < count; ++i) shown.push_back(count == 1 ? 0 : i * (film.frames - 1) / (count - 1));
  std::string head = "<thead><tr><th></th><th scope=\"col\">last input</th>",
              target = "<tr><th scope=\"row\">target</th><td>",
              prediction = "<tr><th scope=\"row\">prediction</th><td></td>",
              gap = "<tr><th scope=\"row\">error</th><td></td>";
  target += image_tag(core::encode_png(film.field(film.sample.input, film.sample.input.size(0) - 1)),
                      "last input frame") +
            "</td>";
  for (int64_t t : shown) {
    std::string when = "+" + std::to_string(t + 1);
    head += "<th scope=\"col\">frame " + when;
    if (figures.frame_interval_s > 0)
      head += ", " +
              format_value(metric_info("time"), static_cast<double>(t + 1) * figures.frame_interval_s) + " s";
    head += "</th>";
    target += "<td>" +
              image_tag(core::encode_png(film.field(film.sample.target, t)), "target, frame " + when) +
              "</td>";
    prediction +=
        "<td>" +
        image_tag(core::encode_png(film.field(film.sample.prediction, t)), "prediction, frame " + when) +
        "</td>";
    gap += "<td>" + image_tag(core::encode_png(film.gap(t)), "error, frame " + when) + "</td>";
  }
  return "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Stills\"><table class=\"film\">" +
         head + "</tr></thead><tbody>" + target + "</tr>" + prediction + "</tr>" + gap +
         "</tr></tbody></table></div>\n";
}

/// Channel of the rows row_begin.. of an array (...,channels), against first_x, first_x + 1, ...
std::vector<std::pair<double, double>> column(const Array& array, int64_t row_begin, int64_t rows,
                                              int64_t channel, int64_t channels, double first_x) {
  std::vector<std::pair<double, double>> points;
  for (int64_t i = 0; i < rows; ++i)
    points.emplace_back(first_x + static_cast<double>(i),
                        array.data[static_cast<size_t>((row_begin + i) * channels + channel)]);
  return points;
}

std::string with_unit(const Figures::Field& field) {
  return field.name + (format_unit(field.unit).empty() ? "" : " (" + format_unit(field.unit) + ")");
}

}  // namespace

std::string forecast_section(const Figures& figures) {
  if (figures.samples.empty()) return "";
  std::string html = "<section class=\"group\"><h2>Forecasts</h2>\n<div class=\"films\">\n";
  const size_t fields = std::min(figures.fields.size(), kMaxFields);
  for (const auto& sample : figures.samples)
    for (size_t c = 0; c < fields; ++c) {
      const Film film(sample, static_cast<int64_t>(c));
      const auto& field = figures.fields[c];
      html += "<div class=\"film\"><h3>" + escaped(field.name) + " <small>sample " + escaped(sample.id) +
              "</small></h3>\n<div class=\"scales\">" +
              scale_bar(kFieldMap, field.name, film.low, film.high, field.unit) +
              scale_bar(kErrorMap, "error", -film.error, film.error, field.unit) + "</div>\n" +
              still_table(film, figures) +
              "<figure><figcaption>Target, prediction, error: " + std::to_string(film.frames) +
              " frames</figcaption>" +
              image_tag(film.movie(), "animation of target, prediction and error of " + field.name, "movie") +
              "</figure></div>\n";
    }
  html += "</div>\n";
  if (figures.fields.size() > fields)
    html += "<p class=\"muted\">The first " + std::to_string(fields) + " of " +
            std::to_string(figures.fields.size()) + " fields are shown.</p>\n";
  return html + "</section>\n";
}

std::string spectrum_section(const Figures& figures) {
  if (figures.spectrum_target.numel() == 0) return "";
  std::vector<Series> series;
  const int64_t bins = figures.spectrum_target.size(0), channels = figures.spectrum_target.size(1);
  for (size_t c = 0; c < std::min(figures.fields.size(), kMaxFields); ++c) {
    const auto channel = static_cast<int64_t>(c);
    series.push_back({figures.fields[c].name + ", target",
                      column(figures.spectrum_target, 0, bins, channel, channels, 0), false,
                      static_cast<int>(c)});
    series.push_back({figures.fields[c].name + ", error",
                      column(figures.spectrum_error, 0, bins, channel, channels, 0), true,
                      static_cast<int>(c)});
  }
  return "<section class=\"group\"><h2>Spectrum</h2>\n<p class=\"muted\">Radial bins of the space-time "
         "transform over all test "
         "samples. Where the error reaches the target, the forecast of that scale is worthless.</p>\n<div "
         "class=\"charts\">" +
         line_chart({"Spectrum of target and error", "radial bin", "amplitude", false, true}, series) +
         "</div></section>\n";
}

std::string probe_section(const Figures& figures) {
  if (figures.probes_target.numel() == 0) return "";
  const int64_t stations = figures.probes_target.size(0), probes = figures.probes_target.size(1);
  const int64_t fields = figures.probes_target.numel() / (stations * probes);
  std::string charts;
  for (size_t c = 0; c < std::min(static_cast<size_t>(fields), kMaxFields); ++c) {
    std::vector<Series> series;
    for (int64_t s = 0; s < stations; ++s) {
      const std::string& station = figures.probe_stations[static_cast<size_t>(s)];
      const auto channel = static_cast<int64_t>(c);
      series.push_back({station + ", target",
                        column(figures.probes_target, s * probes, probes, channel, fields, 1), false,
                        static_cast<int>(s)});
      series.push_back({station + ", prediction",
                        column(figures.probes_prediction, s * probes, probes, channel, fields, 1), true,
                        static_cast<int>(s)});
    }
    charts += line_chart({"Mean of " + figures.fields[c].name + " at the probes", "probe across the stream",
                          with_unit(figures.fields[c])},
                         series);
  }
  return "<section class=\"group\"><h2>Probe profiles</h2>\n<p class=\"muted\">Mean over the frames of the "
         "first sample at stations behind the body.</p>\n<div class=\"charts\">" +
         charts + "</div></section>\n";
}

void write_pictures(const std::filesystem::path& folder, const Figures& figures) {
  if (figures.samples.empty()) return;
  core::make_folder(folder);
  for (size_t c = 0; c < std::min(figures.fields.size(), kMaxFields); ++c) {
    const Film film(figures.samples[0], static_cast<int64_t>(c));
    const std::string name = "sample0_" + figures.fields[c].name;
    const auto movie = film.movie();
    core::write_file_atomic(folder / (name + ".png"),
                            std::string_view(reinterpret_cast<const char*>(movie.data()), movie.size()));
    core::write_png(folder / (name + "_target.png"), film.field(film.sample.target, film.frames - 1));
    core::write_png(folder / (name + "_prediction.png"), film.field(film.sample.prediction, film.frames - 1));
    core::write_png(folder / (name + "_error.png"), film.gap(film.frames - 1));
  }
}

}  // namespace windtunnel::results
