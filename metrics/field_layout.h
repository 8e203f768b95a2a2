#pragma once

#include <cstdint>
#include <vector>

#include "core/array.h"
#include "core/error.h"

namespace windtunnel::metrics {

/// A field (lead.., x.., C) with `space` spatial axes before the channel axis.
struct FieldLayout {
  core::Shape lead;
  std::vector<int> space;
  int64_t outer = 1, points = 1, channels = 1;

  FieldLayout(const core::Array& field, int spatial_axes) {
    const auto& s = field.shape;
    if (spatial_axes < 1 || static_cast<int>(s.size()) < spatial_axes + 1 || field.numel() == 0)
      throw core::data_error(
          "field of shape " + core::to_string(s),
          "(..,C) with " + std::to_string(spatial_axes) + " spatial axes and at least one value");
    const size_t first = s.size() - 1 - static_cast<size_t>(spatial_axes);
    lead.assign(s.begin(), s.begin() + static_cast<int64_t>(first));
    for (size_t a = first; a + 1 < s.size(); ++a) space.push_back(static_cast<int>(s[a]));
    for (const int n : space) points *= n;
    outer = core::numel(lead);
    channels = s.back();
  }

  core::Shape result_shape() const {
    core::Shape shape = lead;
    shape.push_back(channels);
    return shape;
  }
  /// Data error unless the axes before space are (B,T).
  void require_batch_time(const core::Array& field) const {
    if (lead.size() != 2)
      throw core::data_error("field of shape " + core::to_string(field.shape), "(B,T,x..,C)");
  }
};

inline void require_same_shape(const core::Array& prediction, const core::Array& target) {
  if (prediction.shape != target.shape)
    throw core::data_error("prediction " + core::to_string(prediction.shape),
                           "the target's shape " + core::to_string(target.shape));
}

}  // namespace windtunnel::metrics
