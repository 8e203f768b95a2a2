#include "datasets/vorticity.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace windtunnel::datasets {

std::vector<float> vorticity(const float* u, const float* v, int64_t height, int64_t width, double dx,
                             double dy) {
  if (height < 2 || width < 2)
    throw data_error("vorticity of " + std::to_string(height) + " x " + std::to_string(width) + " points",
                     "at least 2 x 2");
  std::vector<float> out(static_cast<size_t>(height * width));
  for (int64_t y = 0; y < height; ++y) {
    const int64_t up = std::max<int64_t>(y - 1, 0), down = std::min(y + 1, height - 1);
    for (int64_t x = 0; x < width; ++x) {
      const int64_t left = std::max<int64_t>(x - 1, 0), right = std::min(x + 1, width - 1);
      const double dv =
          (static_cast<double>(v[y * width + right]) - static_cast<double>(v[y * width + left])) /
          (static_cast<double>(right - left) * dx);
      const double du = (static_cast<double>(u[down * width + x]) - static_cast<double>(u[up * width + x])) /
                        (static_cast<double>(down - up) * dy);
      out[static_cast<size_t>(y * width + x)] = static_cast<float>(dv - du);
    }
  }
  return out;
}

std::optional<std::array<int64_t, 2>> velocity_fields(const Scenario& scenario, Side side) {
  std::vector<int64_t> found;
  for (int64_t i = 0; i < scenario.channels(); ++i)
    if (scenario.fields[static_cast<size_t>(i)].unit == "m/s" &&
        scenario.fields[static_cast<size_t>(i)].on(side))
      found.push_back(i);
  if (found.size() < 2) return {};
  return std::array<int64_t, 2>{found[0], found[1]};
}

}  // namespace windtunnel::datasets
