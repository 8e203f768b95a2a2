#include "results/inside.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/file.h"
#include "core/image.h"
#include "core/json.h"
#include "core/safetensors.h"
#include "results/catalogue.h"
#include "results/html.h"

namespace windtunnel::results {
namespace {

using core::Array;
using core::Image;
using core::Json;

constexpr const char* kFormat = "windtunnel-inside/1";
constexpr int64_t kColumns = 6;
constexpr size_t kMaxFields = 4;

void check(const std::string& origin, const Inside& inside) {
  const Array* first = nullptr;
  for (const auto& step : inside.steps) {
    const size_t axes = step.codes ? 3 : 4;
    const bool whole = step.values.shape.size() == axes && step.values.numel() > 0 &&
                       step.values.numel() == static_cast<int64_t>(step.values.data.size());
    const bool channels =
        step.codes || (whole && step.values.shape.back() == static_cast<int64_t>(inside.fields.size()));
    if (!whole || !channels || (!step.codes && first && first->shape != step.values.shape))
      throw data_error(origin + ": step '" + step.name + "' has shape " + core::to_string(step.values.shape),
                       step.codes ? "(T',H',W')" : "(T,H,W,C), equal in all steps, one channel per field");
    if (!step.codes && !first) first = &step.values;
  }
  if (!first) throw data_error(origin + ": no step is a field", "the original field first");
}

/// Frames to show: evenly spread, the last given one and the first predicted one among them.
std::vector<int64_t> columns_of(const Inside& inside) {
  int64_t frames = 0, given = 0;
  for (const auto& step : inside.steps)
    if (!step.codes) frames = step.values.size(0), given = step.given;
  std::vector<int64_t> list;
  for (int64_t k = 0; k < std::min(kColumns, frames); ++k)
    list.push_back(frames <= kColumns ? k : k * (frames - 1) / (kColumns - 1));
  if (given > 0 && given < frames) {
    list.push_back(given - 1);
    list.push_back(given);
  }
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

/// One row of pictures with its name.
struct Strip {
  std::string name, note;
  std::vector<Image> images;
};

Image map_of(const float* values, const Array& shape, int64_t stride, double low, double high,
             const char* colours, int scale) {
  return core::render_field(values, static_cast<int>(shape.size(1)), static_cast<int>(shape.size(2)), stride,
                            low, high, colours, scale);
}

std::vector<Strip> field_strips(const Inside& inside, int64_t channel, const std::vector<int64_t>& columns) {
  const auto channels = static_cast<int64_t>(inside.fields.size());
  const Array* truth = nullptr;
  double low = INFINITY, high = -INFINITY, largest = 0;
  const auto value = [&](const Array& a, int64_t i) {
    return a.data[static_cast<size_t>(i * channels + channel)];
  };
  for (const auto& step : inside.steps) {
    if (step.codes) continue;
    for (int64_t i = 0; i < step.values.numel() / channels; ++i) {
      if (!truth) {
        low = std::min<double>(low, value(step.values, i));
        high = std::max<double>(high, value(step.values, i));
      } else if (const double gap = std::abs(value(step.values, i) - value(*truth, i)); std::isfinite(gap)) {
        largest = std::max(largest, gap);
      }
    }
    if (!truth) truth = &step.values;
  }
  if (!(low < high)) high = low + 1;
  if (largest == 0) largest = 1;
  std::vector<Strip> strips;
  for (const auto& step : inside.steps) {
    if (step.codes) continue;
    const int64_t frame = step.values.size(1) * step.values.size(2);
    Strip fields{step.name, step.note, {}}, errors{"its error", "", {}};
    Array gap({1, step.values.size(1), step.values.size(2), 1});
    for (const int64_t t : columns) {
      fields.images.push_back(map_of(step.values.data.data() + t * frame * channels + channel, step.values,
                                     channels, low, high, "viridis", 2));
      for (int64_t i = 0; i < frame; ++i)
        gap.data[static_cast<size_t>(i)] = value(step.values, t * frame + i) - value(*truth, t * frame + i);
      errors.images.push_back(map_of(gap.data.data(), gap, 1, -largest, largest, "balance", 2));
    }
    strips.push_back(std::move(fields));
    if (&step.values != truth) strips.push_back(std::move(errors));
  }
  return strips;
}

std::vector<Strip> code_strips(const Inside& inside) {
  std::vector<const Inside::Step*> steps;
  double high = 1;
  for (const auto& step : inside.steps)
    if (step.codes) {
      steps.push_back(&step);
      for (const float code : step.values.data) high = std::max<double>(high, code);
    }
  std::vector<Strip> strips;
  const auto add = [&](const std::string& name, const std::string& note, const Array& values, double top,
                       const char* colours) {
    Strip strip{name, note, {}};
    const int64_t frame = values.size(1) * values.size(2);
    const int scale = static_cast<int>(std::max<int64_t>(1, 128 / std::max(values.size(1), values.size(2))));
    for (int64_t t = 0; t < values.size(0); ++t)
      strip.images.push_back(map_of(values.data.data() + t * frame, values, 1, 0, top, colours, scale));
    strips.push_back(std::move(strip));
  };
  for (const auto* step : steps) add(step->name, step->note, step->values, high, "viridis");
  if (steps.size() >= 2 && steps[0]->values.shape == steps[1]->values.shape) {
    Array equal(steps[0]->values.shape);
    for (size_t i = 0; i < equal.data.size(); ++i)
      equal.data[i] = steps[0]->values.data[i] == steps[1]->values.data[i];
    add("where they agree", "White: the same code.", equal, 1, "gray");
  }
  return strips;
}

std::string table(const std::vector<Strip>& strips, const std::vector<std::string>& heads) {
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Steps\"><table "
      "class=\"film\"><thead><tr><th></th>";
  for (const auto& head : heads) html += "<th scope=\"col\">" + escaped(head) + "</th>";
  html += "</tr></thead><tbody>";
  for (const auto& strip : strips) {
    html += "<tr><th scope=\"row\" title=\"" + escaped(strip.note) + "\">" + escaped(strip.name) + "</th>";
    for (size_t k = 0; k < strip.images.size(); ++k)
      html += "<td><img alt=\"" + escaped(strip.name + ", " + heads.at(k)) +
              "\" src=\"data:image/png;base64," + core::base64(core::encode_png(strip.images[k])) +
              "\"></td>";
    html += "</tr>";
  }
  return html + "</tbody></table></div>\n";
}

/// Rows of pictures below each other.
Image sheet(const std::vector<Strip>& strips) {
  constexpr int kGap = 4;
  int width = 0, height = 0;
  for (const auto& strip : strips) {
    int row = 0;
    for (const auto& image : strip.images) row += image.width + kGap;
    width = std::max(width, row - kGap);
    height += strip.images.front().height + kGap;
  }
  Image all(width, height - kGap);
  int top = 0;
  for (const auto& strip : strips) {
    int left = 0;
    for (const auto& image : strip.images) {
      for (int y = 0; y < image.height; ++y)
        for (int x = 0; x < image.width; ++x) {
          const auto at = 3 * static_cast<size_t>(y * image.width + x);
          all.set(left + x, top + y, {image.rgb[at], image.rgb[at + 1], image.rgb[at + 2]});
        }
      left += image.width + kGap;
    }
    top += strip.images.front().height + kGap;
  }
  return all;
}

}  // namespace

std::filesystem::path inside_file(const std::filesystem::path& run) { return run / "inside.safetensors"; }

void write_inside(const std::filesystem::path& path, const Inside& inside) {
  check("inside", inside);
  std::vector<std::pair<std::string, core::TensorView>> tensors;
  Json steps = Json::array();
  for (const auto& step : inside.steps) {
    tensors.emplace_back(std::to_string(steps.size()),
                         core::TensorView{core::DType::f32, step.values.shape,
                                          reinterpret_cast<const std::byte*>(step.values.data.data())});
    steps.push_back({{"name", step.name}, {"note", step.note}, {"codes", step.codes}, {"given", step.given}});
  }
  core::write_safetensors(path, tensors,
                          {{"format", kFormat},
                           {"sample", inside.sample},
                           {"fields", Json(inside.fields).dump()},
                           {"steps", steps.dump()}});
}

Inside read_inside(const std::filesystem::path& path) {
  const core::SafetensorsFile file(path);
  const std::string origin = path.string();
  const auto text = [&](const std::string& key) {
    const auto it = file.metadata().find(key);
    if (it == file.metadata().end())
      throw data_error(origin + ": metadata '" + key + "' is missing", kFormat);
    return it->second;
  };
  if (text("format") != kFormat) throw data_error(origin + ": format '" + text("format") + "'", kFormat);
  Inside inside;
  inside.sample = text("sample");
  try {
    inside.fields = core::parse_json(text("fields"), origin).get<std::vector<std::string>>();
    for (const auto& step : core::parse_json(text("steps"), origin))
      inside.steps.push_back({step.at("name"), step.at("note"), step.at("codes"), step.at("given"),
                              file.floats(std::to_string(inside.steps.size()))});
  } catch (const Json::exception&) {
    throw data_error(origin + ": malformed metadata", "lists of fields and steps");
  }
  check(origin, inside);
  return inside;
}

std::string inside_section(const Inside& inside) {
  const auto columns = columns_of(inside);
  std::vector<std::string> heads, latent;
  int64_t given = 0;
  for (const auto& step : inside.steps)
    if (!step.codes) given = step.given;
  for (const int64_t t : columns)
    heads.push_back(t < given ? "given frame " + std::to_string(t + 1)
                              : "frame +" + std::to_string(t - given + 1));
  std::string html =
      "<section class=\"group\"><h2>Inside the model</h2>\n<p class=\"muted\">One window of sample " +
      escaped(inside.sample) + ".";
  for (const auto& step : inside.steps)
    if (!step.note.empty()) html += " <b>" + escaped(step.name) + "</b>: " + escaped(step.note);
  html += "</p>\n<div class=\"films\">\n";
  for (size_t c = 0; c < std::min(inside.fields.size(), kMaxFields); ++c)
    html += "<div class=\"film\"><h3>" + escaped(inside.fields[c]) + "</h3>\n" +
            table(field_strips(inside, static_cast<int64_t>(c), columns), heads) + "</div>\n";
  const auto codes = code_strips(inside);
  if (!codes.empty()) {
    for (size_t t = 0; t < codes.front().images.size(); ++t)
      latent.push_back("latent frame " + std::to_string(t + 1));
    html += "<div class=\"film\"><h3>Codes</h3>\n" + table(codes, latent) + "</div>\n";
  }
  return html + "</div>\n</section>\n";
}

void write_inside_pictures(const std::filesystem::path& folder, const Inside& inside) {
  core::make_folder(folder);
  const auto columns = columns_of(inside);
  for (size_t c = 0; c < std::min(inside.fields.size(), kMaxFields); ++c)
    core::write_png(folder / ("inside_" + inside.fields[c] + ".png"),
                    sheet(field_strips(inside, static_cast<int64_t>(c), columns)));
  if (const auto codes = code_strips(inside); !codes.empty())
    core::write_png(folder / "inside_codes.png", sheet(codes));
}

}  // namespace windtunnel::results
