#include "datasets/lab/camera.h"

#include <algorithm>

#include "core/error.h"
#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {

Camera::Camera(const CameraOptions& options)
    : options_(options),
      cos_(cos_turns(options.tilt_degrees / 360)),
      sin_(sin_turns(options.tilt_degrees / 360)) {}

Vec2 Camera::place(double row, double column) const {
  const double x = (column - options_.centre.x) / options_.pixels,
               y = (row - options_.centre.y) / options_.pixels;
  return {cos_ * x - sin_ * y, sin_ * x + cos_ * y};
}

void Camera::sample(const Flow& flow, Picture& picture) {
  picture.refine = options_.refine;
  picture.margin = options_.margin;
  picture.height = (options_.height + 2 * options_.margin) * options_.refine;
  picture.width = (options_.width + 2 * options_.margin) * options_.refine;
  picture.spacing = 1 / (options_.pixels * options_.refine);
  const size_t n = static_cast<size_t>(picture.height) * picture.width;
  const bool first = taps_.empty();
  flow.fields(fields_);
  if (first) {
    taps_.reserve(n);
    for (int r = 0; r < picture.height; ++r)
      for (int c = 0; c < picture.width; ++c) {
        const Vec2 p = place(picture.coordinate(r), picture.coordinate(c));
        const double x = (p.x - fields_.first.x) * fields_.cells, y = (p.y - fields_.first.y) * fields_.cells;
        if (x < 0 || y < 0 || x > fields_.width - 1 || y > fields_.height - 1)
          throw core::usage_error("the measured frame reaches outside the flow's domain",
                                  "fewer vectors or more of them per D (option pixels)");
        const int i = std::min(static_cast<int>(x), fields_.width - 2);
        const int j = std::min(static_cast<int>(y), fields_.height - 2);
        taps_.push_back({j * fields_.width + i, static_cast<float>(x - i), static_cast<float>(y - j)});
      }
    for (auto* f : {&picture.u, &picture.v, &picture.p, &picture.distance}) f->resize(n);
  }
  const auto cosine = static_cast<float>(cos_), sine = static_cast<float>(sin_);
  for (size_t k = 0; k < n; ++k) {
    const Tap t = taps_[k];
    const auto value = [&](const std::vector<float>& field) {
      const float* f = field.data() + t.at;
      const float* g = f + fields_.width;
      return (1 - t.b) * ((1 - t.a) * f[0] + t.a * f[1]) + t.b * ((1 - t.a) * g[0] + t.a * g[1]);
    };
    const float u = value(fields_.u), v = value(fields_.v);
    picture.u[k] = cosine * u + sine * v;
    picture.v[k] = cosine * v - sine * u;
    picture.p[k] = value(fields_.p);
  }
  const bool moving = std::any_of(flow.bodies().begin(), flow.bodies().end(),
                                  [](const Body& b) { return b.motion != nullptr; });
  if (first || moving)
    for (int r = 0; r < picture.height; ++r)
      for (int c = 0; c < picture.width; ++c)
        picture.distance[static_cast<size_t>(r) * picture.width + c] =
            static_cast<float>(flow.distance(place(picture.coordinate(r), picture.coordinate(c))));
}

}  // namespace windtunnel::datasets::lab
