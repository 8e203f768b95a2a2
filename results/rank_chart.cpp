#include <algorithm>
#include <cstdio>

#include "results/chart.h"
#include "results/html.h"

namespace windtunnel::results {
namespace {

constexpr double kWidth = 440, kLeft = 130, kRight = 310, kAxis = 46, kStep = 15;

std::string num(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string line(double x1, double y1, double x2, double y2, const std::string& style) {
  return "<line x1=\"" + num(x1) + "\" y1=\"" + num(y1) + "\" x2=\"" + num(x2) + "\" y2=\"" + num(y2) +
         "\" class=\"" + style + "\"/>";
}

std::string text(double x, double y, const std::string& content, const char* anchor, const char* style) {
  return "<text x=\"" + num(x) + "\" y=\"" + num(y) + "\" class=\"" + style + "\" text-anchor=\"" + anchor +
         "\">" + escaped(content) + "</text>";
}

}  // namespace

std::string rank_chart(const std::string& title, const std::vector<std::string>& names,
                       const std::vector<double>& mean_ranks, const std::vector<size_t>& order,
                       const std::vector<std::pair<size_t, size_t>>& cliques, double critical_difference) {
  const size_t k = names.size();
  const auto at = [&](double rank) {
    return kLeft + (rank - 1) / static_cast<double>(k - 1) * (kRight - kLeft);
  };
  const double bars = kAxis + 8, labels = bars + 6 * static_cast<double>(cliques.size()) + 14;
  const size_t left = (k + 1) / 2;
  const double height = labels + kStep * static_cast<double>(left) + 4;
  std::string svg = "<svg class=\"chart\" viewBox=\"0 0 " + num(kWidth) + " " + num(height) +
                    "\" role=\"img\"><title>" + escaped(title) + "</title>";
  svg += line(kLeft, kAxis, kRight, kAxis, "axis");
  for (size_t rank = 1; rank <= k; ++rank) {
    const double x = at(static_cast<double>(rank));
    svg += line(x, kAxis - 4, x, kAxis, "axis");
    if (k <= 12 || rank % 2 == 1) svg += text(x, kAxis - 7, std::to_string(rank), "middle", "tick");
  }
  // A difference as long as the axis joins everything: its bar is cut there.
  const double shown = std::min(critical_difference, static_cast<double>(k - 1));
  svg += line(kLeft, 18, at(1 + shown), 18, "whisker") + line(kLeft, 15, kLeft, 21, "whisker") +
         line(at(1 + shown), 15, at(1 + shown), 21, "whisker");
  char difference[48];
  std::snprintf(difference, sizeof difference, "critical difference %.2f", critical_difference);
  svg += text(kLeft, 11, difference, "start", "tick");
  for (size_t c = 0; c < cliques.size(); ++c) {
    const double y = bars + 6 * static_cast<double>(c);
    svg += line(at(mean_ranks[order[cliques[c].first]]) - 3, y, at(mean_ranks[order[cliques[c].second]]) + 3,
                y, "clique");
  }
  for (size_t i = 0; i < k; ++i) {
    const bool on_left = i < left;
    const double x = at(mean_ranks[order[i]]);
    const double y = labels + kStep * static_cast<double>(on_left ? i : k - 1 - i);
    const double end = on_left ? kLeft - 8 : kRight + 8;
    char rank[24];
    std::snprintf(rank, sizeof rank, " %.2f", mean_ranks[order[i]]);
    svg += line(x, kAxis, x, y, "stem") + line(x, y, end, y, "stem");
    svg += text(on_left ? end - 3 : end + 3, y + 3.5, names[order[i]] + rank, on_left ? "end" : "start",
                "label");
  }
  return "<figure><figcaption>" + escaped(title) + "</figcaption>" + svg + "</svg></figure>\n";
}

}  // namespace windtunnel::results
