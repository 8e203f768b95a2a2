#include "datasets/lab/periodic/sampling.h"

namespace windtunnel::datasets::lab {

std::vector<float> delivered(const std::vector<const std::vector<double>*>& components,
                             const PeriodicOptions& options) {
  std::vector<float> out;
  out.reserve(static_cast<size_t>(options.height * options.width) * components.size());
  const int64_t r = options.refinement;
  for (int64_t i = 0; i < options.height; ++i)
    for (int64_t j = 0; j < options.width; ++j)
      for (const auto* field : components)
        out.push_back(static_cast<float>((*field)[static_cast<size_t>((i * options.width * r + j) * r)]));
  return out;
}

}  // namespace windtunnel::datasets::lab
