#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>

#include "core/error.h"
#include "core/file.h"
#include "core/image.h"
#include "datasets/trajectory.h"
#include "runners/program.h"

namespace windtunnel::runners {
namespace {

using datasets::Side;

struct Choice {
  std::string scenario, data, out = "plots", trajectory;
  std::vector<std::string> fields;
  int64_t frame = -1, frames = 1;
  int scale = 2;
};

constexpr int kGap = 4;

/// Frames (T,H,W) of one field of one side; empty if the side does not carry it.
struct Film {
  core::Array values;

  Film(const datasets::Scenario& scenario, const Choice& c, Side side, int64_t field) {
    if (!scenario.has_side(side) || !scenario.fields[static_cast<size_t>(field)].on(side)) return;
    const auto store = datasets::open_trajectories(scenario, c.data, side);
    const auto t = store->open(c.trajectory.empty() ? store->ids().front() : c.trajectory);
    const int64_t last = c.frame < 0 ? t->frames() - 1 : std::min(c.frame, t->frames() - 1);
    values =
        t->read({field}, std::max<int64_t>(0, last - c.frames + 1), last + 1, scenario.side_stride(side));
  }
  int64_t frames() const { return values.shape.empty() ? 0 : values.size(0); }
};

void paste(core::Image& to, const core::Image& from, int left) {
  for (int y = 0; y < from.height; ++y)
    for (int x = 0; x < from.width; ++x) {
      const auto at = 3 * static_cast<size_t>(y * from.width + x);
      to.set(left + x, y, {from.rgb[at], from.rgb[at + 1], from.rgb[at + 2]});
    }
}

void plot(const Choice& c) {
  const auto scenario = datasets::load_scenario(c.scenario, c.data);
  std::vector<int64_t> fields;
  for (const auto& name : c.fields) fields.push_back(scenario.field_index(name));
  if (fields.empty())
    for (int64_t i = 0; i < scenario.channels(); ++i)
      if (scenario.fields[static_cast<size_t>(i)].measured) fields.push_back(i);
  core::make_folder(c.out);
  for (const int64_t field : fields) {
    std::vector<Film> sides;
    for (const Side side : {Side::real, Side::numerical})
      if (Film film(scenario, c, side, field); film.frames() > 0) sides.push_back(std::move(film));
    if (sides.empty())
      throw usage_error("no side carries field '" + scenario.fields[static_cast<size_t>(field)].name + "'");
    // One scale for both sides: 0.5 to 99.5 % of all values.
    std::vector<float> all;
    int64_t frames = sides[0].frames();
    for (const auto& s : sides) {
      all.insert(all.end(), s.values.data.begin(), s.values.data.end());
      frames = std::min(frames, s.frames());
    }
    std::sort(all.begin(), all.end());
    const double low = all[all.size() / 200];
    double high = all[all.size() - 1 - all.size() / 200];
    if (!(low < high)) high = low + 1;
    std::vector<core::Image> pictures;
    for (int64_t t = 0; t < frames; ++t) {
      std::vector<core::Image> parts;
      int width = -kGap, height = 0;
      for (const auto& s : sides) {
        const int64_t h = s.values.size(1), w = s.values.size(2), at = s.frames() - frames + t;
        parts.push_back(core::render_field(s.values.data.data() + at * h * w, static_cast<int>(h),
                                           static_cast<int>(w), 1, low, high, "viridis", c.scale));
        width += parts.back().width + kGap;
        height = std::max(height, parts.back().height);
      }
      core::Image wide(width, height);
      int left = 0;
      for (const auto& part : parts) {
        paste(wide, part, left);
        left += part.width + kGap;
      }
      pictures.push_back(std::move(wide));
    }
    std::string name = scenario.fields[static_cast<size_t>(field)].name;
    std::replace_if(
        name.begin(), name.end(), [](char ch) { return !std::isalnum(static_cast<unsigned char>(ch)); }, '_');
    const auto path = std::filesystem::path(c.out) / (scenario.name + "_" + name + ".png");
    const auto bytes = pictures.size() == 1 ? core::encode_png(pictures[0]) : core::encode_apng(pictures, 80);
    core::write_file_atomic(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    std::printf("%s: %s, %.4g to %.4g %s%s\n", path.c_str(),
                sides.size() == 2 ? "measured, simulated" : "one side", low, high,
                scenario.fields[static_cast<size_t>(field)].unit.c_str(),
                scenario.synthetic ? ", synthetic" : "");
  }
}

// After the verb `data` itself, to which it adds.
const VerbRegistration registration(25, [](CLI::App& app, int&) {
  auto* verb = app.get_subcommand("data")->add_subcommand(
      "plot", "PNG of both sides of a trajectory, measured on the left; animated for several frames");
  auto choice = std::make_shared<Choice>();
  verb->add_option("scenario", choice->scenario, "name of a scenario or path of a scenario file")->required();
  verb->add_option("--data", choice->data, "folder that holds the scenario's folder")->required();
  verb->add_option("--out", choice->out, "folder of the pictures")->capture_default_str();
  verb->add_option("--trajectory", choice->trajectory, "file name (default: the first)");
  verb->add_option("--fields", choice->fields, "names, comma separated (default: those that are measured)")
      ->delimiter(',');
  verb->add_option("--frame", choice->frame, "last frame shown (-1: of the trajectory)")
      ->capture_default_str();
  verb->add_option("--frames", choice->frames, "frames of the animation")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  verb->add_option("--scale", choice->scale, "pixels per point")
      ->capture_default_str()
      ->check(CLI::Range(1, 16));
  verb->callback([choice] { plot(*choice); });
});

}  // namespace
}  // namespace windtunnel::runners
