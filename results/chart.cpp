#include "results/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>

#include "results/catalogue.h"
#include "results/html.h"

namespace windtunnel::results {
namespace {

constexpr double kWidth = 440, kHeight = 250;
constexpr double kLeft = 52, kRight = 12, kTop = 12, kBottom = 38;

std::string num(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string tick_text(double value) {
  MetricInfo plain;
  if (value != 0 && (std::abs(value) >= 1e5 || std::abs(value) < 1e-3)) {
    const int exponent = static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9));
    const double mantissa = value / std::pow(10, exponent);
    return format_value(plain, std::round(mantissa * 10) / 10) + "e" + std::to_string(exponent);
  }
  return format_value(plain, value);
}

std::string text(double x, double y, const std::string& content, const std::string& attributes = "") {
  return "<text x=\"" + num(x) + "\" y=\"" + num(y) + "\"" + (attributes.empty() ? "" : " " + attributes) +
         ">" + escaped(content) + "</text>";
}

std::string line(double x1, double y1, double x2, double y2, const std::string& style) {
  return "<line x1=\"" + num(x1) + "\" y1=\"" + num(y1) + "\" x2=\"" + num(x2) + "\" y2=\"" + num(y2) +
         "\" class=\"" + style + "\"/>";
}

std::string open_svg(double width, double height, const std::string& title, const std::string& extra = "") {
  return "<svg class=\"chart" + extra + "\" viewBox=\"0 0 " + num(width) + " " + num(height) +
         "\" role=\"img\"><title>" + escaped(title) + "</title>";
}

/// One axis: data to pixels, linear or logarithmic.
struct Scale {
  double low = INFINITY, high = -INFINITY, begin = 0, end = 1;
  bool log = false;

  bool takes(double value) const { return std::isfinite(value) && (!log || value > 0); }
  void include(double value) {
    if (takes(value)) low = std::min(low, value), high = std::max(high, value);
  }
  bool empty() const { return !(low <= high); }
  std::vector<double> settle(int count) {
    if (empty()) low = log ? 0.1 : 0, high = 1;
    std::vector<double> marks;
    if (log) {
      if (high < 2 * low) low /= 1.5, high *= 1.5;
      if (high < 20 * low) {  // little more than a decade: steps within it tell more
        low /= 1.1, high *= 1.1;
        for (int e = static_cast<int>(std::floor(std::log10(low))); std::pow(10, e) <= high; ++e)
          for (double m : {1.0, 1.5, 2.0, 3.0, 5.0, 7.0})
            if (const double mark = m * std::pow(10, e); mark >= low && mark <= high) marks.push_back(mark);
      } else {
        const int from = static_cast<int>(std::floor(std::log10(low) + 1e-9));
        const int to = static_cast<int>(std::ceil(std::log10(high) - 1e-9));
        const int step = std::max(1, (to - from + count - 1) / count);
        for (int e = from; e <= to; e += step) marks.push_back(std::pow(10, e));
        low = std::pow(10, from), high = std::pow(10, to);
      }
      return marks;
    }
    if (low == high) low -= std::abs(low) * 0.1 + 1e-12, high += std::abs(high) * 0.1 + 1e-12;
    marks = ticks(low, high, count);
    low = std::min(low, marks.front()), high = std::max(high, marks.back());
    return marks;
  }
  double at(double value) const {
    const double part = log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
    return begin + part * (end - begin);
  }
};

/// Frame with grid lines, tick labels and axis labels.
std::string frame(const Axes& axes, Scale& x, Scale& y) {
  x.begin = kLeft, x.end = kWidth - kRight;
  y.begin = kHeight - kBottom, y.end = kTop;
  std::string svg;
  for (double mark : y.settle(5)) {
    svg += line(kLeft, y.at(mark), kWidth - kRight, y.at(mark), "grid");
    svg += text(kLeft - 6, y.at(mark) + 3.5, tick_text(mark), "class=\"tick\" text-anchor=\"end\"");
  }
  for (double mark : x.settle(6)) {
    svg += line(x.at(mark), kHeight - kBottom, x.at(mark), kHeight - kBottom + 4, "axis");
    svg += text(x.at(mark), kHeight - kBottom + 15, tick_text(mark), "class=\"tick\" text-anchor=\"middle\"");
  }
  svg += line(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, "axis");
  svg += text((kLeft + kWidth - kRight) / 2, kHeight - 6, axes.x_label,
              "class=\"label\" text-anchor=\"middle\"");
  svg += "<text transform=\"translate(11 " + num((kTop + kHeight - kBottom) / 2) +
         ") rotate(-90)\" class=\"label\" text-anchor=\"middle\">" + escaped(axes.y_label) + "</text>";
  return svg;
}

std::string color_class(size_t position, int color = -1) {
  return "c" + std::to_string((color >= 0 ? static_cast<size_t>(color) : position) % 8);
}

std::string legend(const std::vector<Series>& series) {
  if (series.size() < 2) return "";
  std::string html = "<ul class=\"legend\">";
  for (size_t i = 0; i < series.size(); ++i)
    if (!series[i].name.empty())
      html += "<li><i class=\"key " + color_class(i, series[i].color) + (series[i].dashed ? " dashed" : "") +
              "\"></i>" + escaped(series[i].name) + "</li>";
  return html + "</ul>";
}

std::string legend(const std::vector<std::string>& names) {
  std::vector<Series> series;
  for (const auto& name : names) series.push_back({name, {}, false, -1});
  return legend(series);
}

std::string figure(const std::string& title, const std::string& svg, const std::string& below) {
  return "<figure><figcaption>" + escaped(title) + "</figcaption>" + svg + below + "</figure>\n";
}

}  // namespace

std::vector<double> ticks(double low, double high, int count) {
  const double raw = (high - low) / std::max(1, count);
  const double magnitude = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * magnitude;
  for (double factor : {1.0, 2.0, 2.5, 5.0})
    if (factor * magnitude >= raw * 0.999) {
      step = factor * magnitude;
      break;
    }
  std::vector<double> marks;
  const auto first = static_cast<int64_t>(std::floor(low / step + 1e-9));
  const auto last = static_cast<int64_t>(std::ceil(high / step - 1e-9));
  for (int64_t i = first; i <= last; ++i) marks.push_back(static_cast<double>(i) * step);
  return marks;
}

std::string line_chart(const Axes& axes, const std::vector<Series>& series) {
  Scale x, y;
  x.log = axes.log_x, y.log = axes.log_y;
  for (const auto& s : series)
    for (const auto& [px, py] : s.points)
      if (x.takes(px) && y.takes(py)) x.include(px), y.include(py);
  if (x.empty()) return figure(axes.title, "<p class=\"muted\">nothing to draw</p>", "");
  std::string svg = open_svg(kWidth, kHeight, axes.title) + frame(axes, x, y);
  for (size_t i = 0; i < series.size(); ++i) {
    std::string path;
    bool pen_down = false;
    int drawn = 0;
    for (const auto& [px, py] : series[i].points) {
      if (!x.takes(px) || !y.takes(py)) {
        pen_down = false;
        continue;
      }
      path += (pen_down ? "L" : "M") + num(x.at(px)) + " " + num(y.at(py));
      pen_down = true;
      ++drawn;
    }
    const std::string style = color_class(i, series[i].color);
    svg += "<path d=\"" + path + "\" class=\"line " + style + (series[i].dashed ? " dashed" : "") + "\"/>";
    if (drawn <= 24)
      for (const auto& [px, py] : series[i].points)
        if (x.takes(px) && y.takes(py))
          svg += "<circle cx=\"" + num(x.at(px)) + "\" cy=\"" + num(y.at(py)) + "\" r=\"2\" class=\"dot " +
                 style + "\"/>";
  }
  return figure(axes.title, svg + "</svg>", legend(series));
}

std::string bar_chart(const std::string& title, const std::vector<std::string>& series,
                      const std::vector<BarGroup>& groups) {
  size_t longest = 0;
  Scale x;
  x.include(0);
  for (const auto& group : groups) {
    longest = std::max(longest, group.label.size());
    for (const auto& bar : group.bars)
      if (bar.value) x.include(*bar.value + bar.deviation), x.include(*bar.value);
  }
  const double left = std::min(150.0, 14 + 6.2 * static_cast<double>(longest)), right = 56, thick = 9,
               gap = 8;
  double height = 8;
  for (const auto& group : groups)
    height += thick * static_cast<double>(std::max<size_t>(1, group.bars.size())) + gap;
  const std::vector<double> marks = x.settle(4);
  x.begin = left, x.end = kWidth - right;
  std::string svg = open_svg(kWidth, height + 20, title);
  for (double mark : marks) {
    svg += line(x.at(mark), 4, x.at(mark), height, mark == 0 ? "axis" : "grid");
    svg += text(x.at(mark), height + 13, tick_text(mark), "class=\"tick\" text-anchor=\"middle\"");
  }
  double y = 8;
  for (const auto& group : groups) {
    const double middle = y + thick * static_cast<double>(group.bars.size()) / 2;
    svg += text(left - 7, middle + 4, group.label, "class=\"label\" text-anchor=\"end\"");
    for (size_t i = 0; i < group.bars.size(); ++i, y += thick) {
      const auto& bar = group.bars[i];
      if (!bar.value) {
        svg += text(x.at(0) + 4, y + 9, "–", "class=\"tick\"");
        continue;
      }
      const double from = std::min(x.at(0), x.at(*bar.value)), to = std::max(x.at(0), x.at(*bar.value));
      svg += "<rect x=\"" + num(from) + "\" y=\"" + num(y + 0.5) + "\" width=\"" +
             num(std::max(0.8, to - from)) + "\" height=\"" + num(thick - 1) + "\" class=\"bar " +
             color_class(i, bar.color) + (bar.open ? " open" : "") + "\"/>";
      double end = to;
      if (bar.deviation > 0) {
        const double a = x.at(*bar.value - bar.deviation), b = x.at(*bar.value + bar.deviation);
        svg += line(a, y + thick / 2, b, y + thick / 2, "whisker");
        end = std::max(end, b);
      }
      svg += text(end + 4, y + 9, bar.text, "class=\"tick\"");
    }
    y += gap;
  }
  return figure(title, svg + "</svg>", legend(series));
}

std::string scatter_chart(const Axes& axes, const std::vector<std::string>& series,
                          const std::vector<Point>& points) {
  Scale x, y;
  x.log = axes.log_x, y.log = axes.log_y;
  for (const auto& p : points)
    if (x.takes(p.x) && y.takes(p.y)) x.include(p.x), y.include(p.y);
  if (x.empty()) return "";
  std::string svg = open_svg(kWidth, kHeight, axes.title) + frame(axes, x, y);
  struct Box {
    double x0, y0, x1, y1;
  };
  std::vector<Box>
      taken;  // dots and labels; a label that would cover one is left out (the dot's title has it)
  const auto visible = [&](const Point& p) { return x.takes(p.x) && y.takes(p.y); };
  for (const auto& p : points)
    if (visible(p)) taken.push_back({x.at(p.x) - 4, y.at(p.y) - 4, x.at(p.x) + 4, y.at(p.y) + 4});
  for (const auto& p : points) {
    if (!visible(p)) continue;
    const double px = x.at(p.x), py = y.at(p.y), length = 5.8 * static_cast<double>(p.label.size());
    svg += "<circle cx=\"" + num(px) + "\" cy=\"" + num(py) + "\" r=\"4\" class=\"dot " +
           color_class(static_cast<size_t>(p.series)) + (p.open ? " open" : "") + "\"><title>" +
           escaped(p.label) + "</title></circle>";
    for (const bool right : {true, false}) {
      const double from = right ? px + 7 : px - 7 - length;
      const Box box{from, py - 5, from + length, py + 5};
      const bool covered = std::any_of(taken.begin(), taken.end(), [&](const Box& b) {
        return box.x0 < b.x1 && b.x0 < box.x1 && box.y0 < b.y1 && b.y0 < box.y1;
      });
      if (covered || box.x0 < kLeft || box.x1 > kWidth) continue;
      taken.push_back(box);
      svg += text(right ? px + 7 : px - 7, py + 3.5, p.label,
                  std::string("class=\"tick\"") + (right ? "" : " text-anchor=\"end\""));
      break;
    }
  }
  return figure(axes.title, svg + "</svg>", legend(series));
}

std::string radar_chart(const std::string& title, const std::vector<std::string>& axes,
                        const std::vector<RadarShape>& shapes) {
  const double cx = kWidth / 2, cy = 140, radius = 96;
  const auto at = [&](size_t axis, double value) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(axis) / static_cast<double>(axes.size());
    return std::pair(cx + radius * value * std::sin(angle), cy - radius * value * std::cos(angle));
  };
  const auto polygon = [&](const std::vector<double>& values, const std::string& style) {
    std::string points;
    for (size_t a = 0; a < values.size(); ++a) {
      const auto [px, py] = at(a, values[a]);
      points += (a ? " " : "") + num(px) + "," + num(py);
    }
    return "<polygon points=\"" + points + "\" class=\"" + style + "\"/>";
  };
  std::string svg = open_svg(kWidth, 270, title);
  for (double ring : {0.25, 0.5, 0.75, 1.0})
    svg += polygon(std::vector<double>(axes.size(), ring), "grid ring");
  for (size_t a = 0; a < axes.size(); ++a) {
    const auto [px, py] = at(a, 1);
    svg += line(cx, cy, px, py, "grid");
    const auto [tx, ty] = at(a, 1.13);
    const char* anchor = std::abs(tx - cx) < 12 ? "middle" : tx > cx ? "start" : "end";
    svg += text(tx, ty + 3, axes[a], std::string("class=\"label\" text-anchor=\"") + anchor + "\"");
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < shapes.size(); ++i) {
    svg += polygon(shapes[i].values, "line area c" + std::to_string(i % 8));
    names.push_back(shapes[i].name);
  }
  return figure(title, svg + "</svg>", legend(names));
}

}  // namespace windtunnel::results
