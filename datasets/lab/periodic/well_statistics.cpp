#include "datasets/lab/periodic/well_statistics.h"

#include <cmath>
#include <map>

#include "datasets/formats/well_file.h"

namespace windtunnel::datasets::lab {
namespace {

using core::Json;

struct Moments {
  double count = 0, mean = 0, squares = 0;  ///< squares: of deviations from the mean
  void add(double value) {
    count += 1;
    const double d = value - mean;
    mean += d / count;
    squares += d * (value - mean);
  }
  double variance() const { return count > 0 ? squares / count : 0; }
};

/// Values and differences of one field, per component.
struct FieldMoments {
  std::vector<Moments> values, deltas;
};

void add(FieldMoments& moments, const core::Array& frames, int64_t steps, size_t components, bool first) {
  moments.values.resize(components);
  moments.deltas.resize(components);
  const int64_t per_frame = frames.numel() / steps;
  for (int64_t t = 0; t < steps; ++t)
    for (int64_t i = 0; i < per_frame; ++i) {
      const auto at = static_cast<size_t>(t * per_frame + i), c = static_cast<size_t>(i) % components;
      const double value = frames.data[at];
      // Frame 0 of a later piece is the last one of the piece before.
      if (t > 0 || first) moments.values[c].add(value);
      if (t > 0) moments.deltas[c].add(value - double{frames.data[at - static_cast<size_t>(per_frame)]});
    }
}

}  // namespace

Json well_statistics(const std::vector<std::filesystem::path>& files) {
  constexpr int64_t kPiece = 32;
  std::map<std::string, FieldMoments> fields;
  for (const auto& path : files) {
    const WellFile file(path);
    for (const auto& field : file.fields()) {
      const size_t components = file.channel_names(field).size();
      for (int64_t run = 0; run < file.trajectories(); ++run)
        for (int64_t begin = 0; begin < file.steps() - 1; begin += kPiece) {
          const int64_t steps = std::min(kPiece + 1, file.steps() - begin);
          add(fields[field.name], file.read(field, run, begin, steps), steps, components, begin == 0);
        }
    }
  }
  Json result = Json::object();
  const auto put = [&](const std::string& suffix, const std::string& name,
                       const std::vector<Moments>& moments) {
    Json mean = Json::array(), deviation = Json::array(), rms = Json::array();
    for (const auto& m : moments) {
      mean.push_back(m.mean);
      deviation.push_back(std::sqrt(m.variance()));
      rms.push_back(std::sqrt(m.variance() + m.mean * m.mean));
    }
    const auto single = [](const Json& list) { return list.size() == 1 ? list[0] : list; };
    result["mean" + suffix][name] = single(mean);
    result["std" + suffix][name] = single(deviation);
    result["rms" + suffix][name] = single(rms);
  };
  for (const auto& [name, moments] : fields) {
    put("", name, moments.values);
    put("_delta", name, moments.deltas);
  }
  return result;
}

}  // namespace windtunnel::datasets::lab
