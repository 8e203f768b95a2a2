#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/array.h"
#include "metrics/values.h"

namespace windtunnel::metrics {

/// PhysiX measures: the formulas of The Well on fields (..,C,T,H,W), results (..,T,C).
/// `name` as in well_spatial_metrics(). `epsilon`: 1e-7 in evaluation, 0.01 in the tokenizer's training loss.
Values physix_metric(const std::string& name, const core::Array& prediction, const core::Array& target,
                     double epsilon = 1e-7);

/// The evaluation's number: for one sample (C,T,H,W), VRMSE per frame, mean over channels (T). Channels in
/// `left_out` (constant in time: masks, densities) do not count.
std::vector<double> physix_frame_vrmse(const core::Array& prediction, const core::Array& target,
                                       const std::vector<int64_t>& left_out = {}, double epsilon = 1e-7);

/// Training monitor "nl1": mean of |x-y| / (s + 0.001), s the sample deviation of y over the last two axes.
double physix_nl1(const core::Array& prediction, const core::Array& target);

/// Channels of (C,T,H,W) whose every frame equals the first.
std::vector<int64_t> constant_channels(const core::Array& field);

/// Helpers of the published code that its tables do not use; kept to compare numbers.
namespace legacy {
/// Maximum of |x-y| over the channel axis: (.., T, H*W).
Values physix_linfinity(const core::Array& prediction, const core::Array& target);
/// Mean over T and C of MSE / population variance, no root; one sample (C,T,H,W).
double physix_vrmse(const core::Array& prediction, const core::Array& target);
/// RMSE over all frames and space divided by the signed mean of the truth; one channel (T,H,W).
double physix_window_vrmse(const core::Array& prediction, const core::Array& target);
}  // namespace legacy

}  // namespace windtunnel::metrics
