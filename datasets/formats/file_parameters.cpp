#include "datasets/formats/file_parameters.h"

#include <algorithm>

namespace windtunnel::datasets {

std::vector<double> file_parameters(const Scenario& scenario, const std::string& name,
                                    const std::function<double(const std::string&)>& attribute) {
  const auto named = scenario.parse_name(name).value_or(std::vector<double>());
  std::vector<double> values;
  size_t next = 0;
  for (const auto& parameter : scenario.parameters) {
    if (!parameter.attribute.empty())
      values.push_back(attribute(parameter.attribute));
    else if (next < named.size())
      values.push_back(named[next++]);
  }
  return values;
}

std::string numbered(const std::string& file, int64_t index, int64_t count) {
  const std::string text = std::to_string(index);
  const size_t width = std::to_string(count - 1).size();
  return file + "#" + std::string(width - std::min(width, text.size()), '0') + text;
}

Split split_of_parts(const Scenario& scenario, const std::vector<TrajectoryName>& train,
                     const std::vector<TrajectoryName>& val, const std::vector<TrajectoryName>& test) {
  Split split;
  const auto add = [&](const std::vector<TrajectoryName>& from, std::vector<WindowRef>& windows) {
    for (const auto& name : from) {
      const int64_t last = std::min(name.frames, scenario.frames) - scenario.in_frames - scenario.out_frames;
      for (int64_t t = 0; t <= last; t += scenario.interval) windows.push_back({name.id, t});
    }
  };
  add(train, split.train);
  add(val, split.val);
  add(test, split.test);
  split.remain = train;
  split.in_dist = val;
  for (const auto& name : test)
    if (std::none_of(val.begin(), val.end(), [&](const auto& v) { return v.id == name.id; }))
      split.in_dist.push_back(name);
  return split;
}

}  // namespace windtunnel::datasets
