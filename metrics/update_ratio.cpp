#include "metrics/update_ratio.h"

#include <cmath>
#include <string>

#include "core/error.h"

namespace windtunnel::metrics {
namespace {

size_t argmin(const std::vector<double>& curve, const char* name) {
  size_t best = curve.size();
  for (size_t i = 0; i < curve.size(); ++i)
    if (std::isfinite(curve[i]) && (best == curve.size() || curve[i] < curve[best])) best = i;
  if (best == curve.size())
    throw core::data_error(std::string("the validation curve of ") + name + " has no finite value",
                           "one RMSE per validation");
  return best;
}

}  // namespace

UpdateRatio update_ratio(const std::vector<double>& measured_curve,
                         const std::vector<double>& finetuning_curve, int64_t interval,
                         int64_t finetuning_interval) {
  if (finetuning_interval == 0) finetuning_interval = interval;
  if (interval < 1 || finetuning_interval < 1)
    throw core::usage_error("validation interval " + std::to_string(interval), "at least one update");
  const size_t measured = argmin(measured_curve, "measured training");
  const size_t finetuned = argmin(finetuning_curve, "finetuning");
  UpdateRatio result;
  result.best_rmse = measured_curve[measured];
  result.n2 = static_cast<int64_t>(measured + 1) * interval;
  result.n1_best = static_cast<int64_t>(finetuned + 1) * finetuning_interval;
  result.by_best = static_cast<double>(result.n1_best) / static_cast<double>(result.n2);
  for (size_t i = 0; i < finetuning_curve.size(); ++i)
    if (finetuning_curve[i] <= result.best_rmse) {
      result.n1_crossing = static_cast<int64_t>(i + 1) * finetuning_interval;
      result.by_crossing = static_cast<double>(*result.n1_crossing) / static_cast<double>(result.n2);
      break;
    }
  return result;
}

}  // namespace windtunnel::metrics
