#include "datasets/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/draw.h"
#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "datasets/inspect.h"
#include "datasets/trajectory.h"
#include "datasets/vorticity.h"

namespace windtunnel::datasets {
namespace {

constexpr const char* kVorticity = "vorticity";
constexpr size_t kDefaultFields = 4;
constexpr double kOuter = 0.001;
constexpr int kMargin = 8, kBarWidth = 14, kLetter = 8, kTextScale = 1, kTickScale = 1;
constexpr int64_t kWantedWidth = 320, kSmallestBody = 60;
constexpr std::array<uint8_t, 3> kGray{128, 128, 128};

/// One field over all chosen frames.
struct Film {
  std::string title, unit;
  std::vector<float> values;  ///< (T,H,W)
  double low = 0, high = 1;
  std::string map;
};

void choose_range(Film& film) {
  std::vector<float> sorted = film.values;
  std::erase_if(sorted, [](float v) { return !std::isfinite(v); });
  if (sorted.empty()) return;
  const auto at = [&](double share) {
    const auto k = static_cast<std::ptrdiff_t>(std::lround(share * static_cast<double>(sorted.size() - 1)));
    std::nth_element(sorted.begin(), sorted.begin() + k, sorted.end());
    return static_cast<double>(sorted[static_cast<size_t>(k)]);
  };
  film.low = at(kOuter);
  film.high = at(1 - kOuter);
  const bool signs =
      film.low < 0 && film.high > 0 && std::min(-film.low, film.high) > 0.1 * std::max(-film.low, film.high);
  film.map = signs ? "balance" : "viridis";
  if (signs) {
    film.high = std::max(-film.low, film.high);
    film.low = -film.high;
  }
}

void share_range(Film& film, const Film& other) {
  film.low = std::min(film.low, other.low);
  film.high = std::max(film.high, other.high);
  if (other.map == "balance") film.map = other.map;
  if (film.map != "balance") return;
  film.high = std::max(-film.low, film.high);
  film.low = -film.high;
}

core::Image beside(const core::Image& a, const core::Image& b) {
  core::Image out(a.width + b.width, std::max(a.height, b.height));
  core::draw_image(out, 0, 0, a);
  core::draw_image(out, a.width, 0, b);
  return out;
}

std::string tick(double value) {
  char text[24];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

/// Title, field and colour bar of one frame.
core::Image panel(const Film& film, int64_t frame, int64_t height, int64_t width, int scale) {
  const core::Image field =
      core::render_field(film.values.data() + frame * height * width, static_cast<int>(height),
                         static_cast<int>(width), 1, film.low, film.high, film.map, scale);
  const int tick_width =
      std::max({core::text_width(tick(film.low), kTickScale), core::text_width(tick(film.high), kTickScale),
                core::text_width(film.unit, kTickScale)});
  const int top = kMargin + 2 * kLetter, bar = kMargin + field.width + kMargin;
  core::Image out(std::max(bar + kBarWidth + 4 + tick_width + kMargin,
                           2 * kMargin + core::text_width(film.title, kTextScale)),
                  top + field.height + kMargin);
  core::draw_text(out, kMargin, kMargin - 2, film.title, kTextScale);
  core::draw_text(out, bar, kMargin - 2, film.unit, kTickScale);
  core::draw_image(out, kMargin, top, field);
  for (int y = 0; y < field.height; ++y)
    core::draw_rectangle(
        out, bar, top + y, kBarWidth, 1,
        core::colormap(film.map, 1 - static_cast<double>(y) / std::max(1, field.height - 1)));
  for (const double share : {0.0, 0.5, 1.0}) {
    const int y = top + static_cast<int>(std::lround(share * (field.height - 1)));
    core::draw_rectangle(out, bar + kBarWidth, y, 3, 1, kGray);
    core::draw_text(out, bar + kBarWidth + 4, std::clamp(y - kLetter / 2, top, top + field.height - kLetter),
                    tick(film.high + share * (film.low - film.high)), kTickScale);
  }
  return out;
}

/// Panels in rows of at most two, a line of text on top.
core::Image page(const std::vector<core::Image>& panels, const std::string& headline) {
  const size_t columns = panels.size() > 1 ? 2 : 1;
  int width = 0, height = 2 * kMargin + kLetter;
  for (const auto& p : panels) width = std::max(width, p.width);
  for (size_t i = 0; i < panels.size(); i += columns) height += panels[i].height;
  core::Image out(std::max(width * static_cast<int>(columns), core::text_width(headline) + 2 * kMargin),
                  height);
  core::draw_text(out, kMargin, kMargin, headline);
  int y = 2 * kMargin + kLetter;
  for (size_t i = 0; i < panels.size(); ++i) {
    core::draw_image(out, width * static_cast<int>(i % columns), y, panels[i]);
    if (i % columns == columns - 1) y += panels[i].height;
  }
  return out;
}

/// Distance of neighbouring points along x and y in m, signed; nothing if the file stores no coordinates.
std::optional<std::array<double, 2>> spacing_of(const Trajectory& t) {
  std::array<double, 2> out{0, 0};
  for (const auto& axis : t.axes()) {
    if (axis.name != "x" && axis.name != "y") continue;
    const bool x = axis.name == "x";
    const int64_t n = x ? t.width() : t.height();
    const int64_t step = axis.shape.size() == 2 && !x ? t.width() : 1;
    const auto last = static_cast<size_t>((n - 1) * step);
    if (n > 1 && last < axis.values.size())
      out[x ? 0 : 1] = (axis.values[last] - axis.values[0]) / static_cast<double>(n - 1);
  }
  for (const double d : out)
    if (!std::isfinite(d) || d == 0) return {};
  return out;
}

class Plotter {
 public:
  Plotter(const Scenario& scenario, const std::filesystem::path& root, const PlotOptions& options, Side side)
      : scenario_(scenario), options_(options), side_(side), store_(open_trajectories(scenario, root, side)) {
    const auto ids = store_->ids();
    std::string id = options.trajectory;
    if (id.empty()) {
      const auto it = std::find_if(ids.begin(), ids.end(), [&](const auto& name) {
        return scenario.parse_name(name, side).has_value();
      });
      if (it == ids.end()) throw data_error("no trajectory on the " + std::string(to_string(side)) + " side");
      id = *it;
    }
    if (std::find(ids.begin(), ids.end(), id) == ids.end())
      throw usage_error("no trajectory '" + id + "' on the " + to_string(side) + " side",
                        "an id that `data info` lists", core::suggestion(id, ids));
    trajectory_ = store_->open(id);
    if (options.frames < 1 || options.every < 1 || options.start < 0)
      throw usage_error("frames to plot: start " + std::to_string(options.start) + ", " +
                            std::to_string(options.frames) + " frames, every " +
                            std::to_string(options.every),
                        "start from 0, the others from 1");
    if (options.start >= trajectory_->frames())
      throw data_error(trajectory_->path() + ": frame " + std::to_string(options.start),
                       "0 to " + std::to_string(trajectory_->frames() - 1));
    count_ =
        std::min(options.frames, (trajectory_->frames() - options.start + options.every - 1) / options.every);
  }

  std::vector<Film> films() const {
    std::vector<Film> list;
    for (const auto& name : names())
      list.push_back(name == kVorticity ? vorticity_film() : field_film(scenario_.field_index(name)));
    return list;
  }

  int64_t count() const { return count_; }

  std::vector<core::Image> pages(const std::vector<Film>& films) const {
    const int64_t height = trajectory_->height(), width = trajectory_->width();
    // At least tall enough for the three numbers of the colour bar.
    const int64_t automatic =
        std::max({int64_t{1}, kWantedWidth / width, (kSmallestBody + height - 1) / height});
    const int scale = static_cast<int>(options_.scale > 0 ? options_.scale : automatic);
    std::vector<core::Image> list;
    for (int64_t k = 0; k < count_; ++k) {
      std::vector<core::Image> panels;
      for (const auto& film : films) panels.push_back(panel(film, k, height, width, scale));
      list.push_back(page(panels, headline(k)));
    }
    return list;
  }

  int64_t number(int64_t k) const { return options_.start + k * options_.every; }

 private:
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& name :
         options_.fields)  // beside another side, a field that only that one has is no error
      if (options_.sides.size() == 1 || name == kVorticity ||
          scenario_.fields[static_cast<size_t>(scenario_.field_index(name))].on(side_))
        out.push_back(name);
    if (!options_.fields.empty()) return out;
    for (const auto& field : scenario_.fields)
      if (field.on(side_) && out.size() < kDefaultFields) out.push_back(field.name);
    if (velocity_fields(scenario_, side_)) out.push_back(kVorticity);
    return out;
  }

  std::vector<float> read(int64_t field) const {
    if (!scenario_.fields[static_cast<size_t>(field)].on(side_))
      throw usage_error("field '" + scenario_.fields[static_cast<size_t>(field)].name + "' is not on the " +
                        to_string(side_) + " side");
    std::vector<float> out;
    for (int64_t k = 0; k < count_; ++k) {
      const auto frame = trajectory_->read({field}, number(k), number(k) + 1);
      out.insert(out.end(), frame.data.begin(), frame.data.end());
    }
    return out;
  }

  Film field_film(int64_t field) const {
    const auto& info = scenario_.fields[static_cast<size_t>(field)];
    Film film{info.name + (info.label.empty() ? "" : ": " + info.label),
              "[" + info.unit + "]",
              read(field),
              0,
              1,
              "viridis"};
    choose_range(film);
    return film;
  }

  Film vorticity_film() const {
    const auto components = velocity_fields(scenario_, side_);
    if (!components)
      throw usage_error("vorticity of scenario '" + scenario_.name + "'", "two fields with the unit m/s");
    const auto u = read((*components)[0]), v = read((*components)[1]);
    const int64_t height = trajectory_->height(), width = trajectory_->width(), points = height * width;
    const auto spacing = spacing_of(*trajectory_);
    Film film{"vorticity", spacing ? "[1/s]" : "[m/s per cell]", {}, 0, 1, "balance"};
    for (int64_t k = 0; k < count_; ++k) {
      const auto w = vorticity(u.data() + k * points, v.data() + k * points, height, width,
                               spacing ? (*spacing)[0] : 1, spacing ? (*spacing)[1] : 1);
      film.values.insert(film.values.end(), w.begin(), w.end());
    }
    choose_range(film);
    return film;
  }

  std::string headline(int64_t k) const {
    std::string out = scenario_.name + ", " + to_string(side_) + (scenario_.synthetic ? " (synthetic)" : "") +
                      ", " + trajectory_->id();
    for (size_t i = 0; i < std::min(scenario_.parameters.size(), trajectory_->parameters().size()); ++i) {
      const auto& p = scenario_.parameters[i];
      out += ", " + p.name + " = " + core::number(trajectory_->parameters()[i]) +
             (p.unit.empty() || p.unit == "1" ? "" : " " + p.unit);
    }
    return out + ", frame " + std::to_string(number(k)) +
           ", t = " + tick(static_cast<double>(number(k)) * scenario_.dt) + " s";
  }

  const Scenario& scenario_;
  const PlotOptions& options_;
  Side side_;
  std::unique_ptr<TrajectoryStore> store_;
  std::shared_ptr<const Trajectory> trajectory_;
  int64_t count_ = 0;
};

}  // namespace

std::vector<core::Image> plot_frames(const Scenario& scenario, const std::filesystem::path& root,
                                     const PlotOptions& options) {
  std::vector<Plotter> plotters;
  for (const Side side : options.sides)
    if (scenario.has_side(side) && (options.sides.size() == 1 || is_there(scenario, root, side)))
      plotters.emplace_back(scenario, root, options, side);
  if (plotters.empty())
    throw data_error("no data of scenario '" + scenario.name + "' in " + root.string(), "one of its sides");
  std::vector<std::vector<Film>> films;
  for (const auto& plotter : plotters) films.push_back(plotter.films());
  for (auto& list : films)
    for (auto& film : list)
      for (const auto& others : films)
        for (const auto& other : others)
          if (other.title == film.title && other.unit == film.unit) share_range(film, other);
  std::vector<core::Image> out;
  for (size_t i = 0; i < plotters.size(); ++i) {
    auto pages = plotters[i].pages(films[i]);
    if (i == 0) {
      out = std::move(pages);
      continue;
    }
    out.resize(std::min(out.size(), pages.size()));
    for (size_t k = 0; k < out.size(); ++k) out[k] = beside(out[k], pages[k]);
  }
  return out;
}

std::vector<std::filesystem::path> write_plots(const Scenario& scenario, const std::filesystem::path& root,
                                               const PlotOptions& options,
                                               const std::filesystem::path& folder) {
  const auto pages = plot_frames(scenario, root, options);
  core::make_folder(folder);
  std::vector<std::filesystem::path> paths;
  for (size_t k = 0; k < pages.size(); ++k) {
    char name[40];
    std::snprintf(name, sizeof name, "frame_%05lld.png",
                  static_cast<long long>(options.start + static_cast<int64_t>(k) * options.every));
    paths.push_back(folder / name);
    core::write_png(paths.back(), pages[k]);
  }
  if (pages.size() > 1) {
    const auto film = core::encode_apng(pages, static_cast<int>(options.delay_ms));
    paths.push_back(folder / "animation.png");
    core::write_file_atomic(paths.back(), {reinterpret_cast<const char*>(film.data()), film.size()});
  }
  return paths;
}

}  // namespace windtunnel::datasets
