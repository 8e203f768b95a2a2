#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace windtunnel::results {

/// Charts as inline SVG that follows the page's colours (classes c0, c1, ... of page.css) and width. Each has
/// a <title>.

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  ///< not finite: a gap
  bool dashed = false;
  int color = -1;  ///< -1: by position
};
struct Axes {
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;  ///< values <= 0 are left out
};
std::string line_chart(const Axes& axes, const std::vector<Series>& series);

/// Horizontal bars in groups: one group per label, one bar per series; deviation as a whisker, text at the
/// end.
struct BarGroup {
  struct Bar {
    std::optional<double> value;
    double deviation = 0;
    std::string text;
    bool open = false;  ///< outline only: reference value
    int color = -1;     ///< -1: by position
  };
  std::string label;
  std::vector<Bar> bars;
};
std::string bar_chart(const std::string& title, const std::vector<std::string>& series,
                      const std::vector<BarGroup>& groups);

struct Point {
  double x = 0, y = 0;
  std::string label;
  int series = 0;
  bool open = false;
};
std::string scatter_chart(const Axes& axes, const std::vector<std::string>& series,
                          const std::vector<Point>& points);

/// Values 0..1 per axis.
struct RadarShape {
  std::string name;
  std::vector<double> values;
};
std::string radar_chart(const std::string& title, const std::vector<std::string>& axes,
                        const std::vector<RadarShape>& shapes);

/// Critical-difference diagram: mean ranks on a line, best left; bars join models whose ranks differ by less
/// than the critical difference. `order` and `cliques` as in RankAnalysis.
std::string rank_chart(const std::string& title, const std::vector<std::string>& names,
                       const std::vector<double>& mean_ranks, const std::vector<size_t>& order,
                       const std::vector<std::pair<size_t, size_t>>& cliques, double critical_difference);

/// Round numbers that cover [low, high], about `count` of them.
std::vector<double> ticks(double low, double high, int count);

}  // namespace windtunnel::results
