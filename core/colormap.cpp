#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "core/error.h"
#include "core/image.h"
#include "core/text.h"

namespace windtunnel::core {
namespace {

using Color = std::array<uint8_t, 3>;

constexpr Color kUndefined{128, 128, 128};

// Anchors at equal steps on [0,1]; between them colours are interpolated linearly.
constexpr Color kViridis[] = {{68, 1, 84},    {71, 45, 123}, {59, 82, 139},  {44, 114, 142}, {33, 145, 140},
                              {40, 174, 128}, {94, 201, 98}, {173, 220, 48}, {253, 231, 37}};
constexpr Color kBalance[] = {{24, 28, 67},    {30, 64, 148},   {44, 113, 187},
                              {138, 178, 206}, {255, 255, 255}, {222, 163, 146},
                              {197, 88, 70},   {142, 28, 40},   {60, 9, 18}};
constexpr Color kGray[] = {{0, 0, 0}, {255, 255, 255}};

std::span<const Color> anchors(const std::string& name) {
  static const std::map<std::string, std::span<const Color>> maps = {
      {"viridis", kViridis}, {"balance", kBalance}, {"gray", kGray}};
  const auto it = maps.find(name);
  if (it != maps.end()) return it->second;
  std::vector<std::string> names;
  for (const auto& [known, table] : maps) names.push_back(known);
  throw usage_error("unknown colour map '" + name + "'", "one of " + join(names, ", "),
                    suggestion(name, names));
}

Color interpolate(std::span<const Color> table, double value) {
  if (std::isnan(value)) return kUndefined;
  const double place = std::clamp(value, 0.0, 1.0) * static_cast<double>(table.size() - 1);
  const size_t low = std::min(static_cast<size_t>(place), table.size() - 2);
  const double weight = place - static_cast<double>(low);
  Color color;
  for (size_t i = 0; i < 3; ++i)
    color[i] = static_cast<uint8_t>(std::lround(table[low][i] * (1 - weight) + table[low + 1][i] * weight));
  return color;
}

}  // namespace

Color colormap(const std::string& name, double value01) { return interpolate(anchors(name), value01); }

Image render_field(const float* field, int height, int width, int64_t stride, double low, double high,
                   const std::string& map, int scale) {
  const auto table = anchors(map);
  if (height < 1 || width < 1 || scale < 1)
    throw usage_error("a picture of " + std::to_string(width) + " x " + std::to_string(height) +
                          " cells, scale " + std::to_string(scale),
                      "1 or more each");
  Image image(width * scale, height * scale);
  const double range = high - low;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double value = field[(static_cast<int64_t>(y) * width + x) * stride];
      const double relative = std::isnan(value) ? value : range > 0 ? (value - low) / range : 0.5;
      const Color color = interpolate(table, relative);
      for (int dy = 0; dy < scale; ++dy)
        for (int dx = 0; dx < scale; ++dx) image.set(x * scale + dx, y * scale + dy, color);
    }
  return image;
}

}  // namespace windtunnel::core
