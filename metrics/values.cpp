#include "metrics/values.h"

#include <limits>

namespace windtunnel::metrics {

double mean(const Values& values) {
  if (values.data.empty()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (const double value : values.data) sum += value;
  return sum / static_cast<double>(values.data.size());
}

}  // namespace windtunnel::metrics
