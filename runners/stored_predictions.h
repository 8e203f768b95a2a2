#pragma once

#include <filesystem>
#include <string>

#include "core/json.h"
#include "datasets/scenario.h"
#include "results/check.h"
#include "tasks/evaluate.h"
#include "tasks/task.h"

namespace windtunnel::runners {

/// Stored forecasts of a few test windows, probe.safetensors beside a record: tensors prediction/<k> and
/// target/<k> (rounds*T,H,W,c), float32, physical units, measured fields only; metadata format
/// "windtunnel-probe/1", samples (JSON list of ids), probes (JSON of the body's geometry or null). As many of
/// `captured` as fit `limit` bytes. Returns the record's block `predictions`, null if nothing fits.
core::Json write_stored_predictions(const std::filesystem::path& path,
                                    const std::vector<tasks::CapturedSample>& captured, int64_t channels,
                                    const std::optional<metrics::ProbeGeometry>& probes,
                                    int64_t limit = 5'000'000);

/// Scores the stored forecasts anew and compares them with the rows of the same windows, 1e-6 relative
/// (published protocol: 1e-5, its targets pass through float32 statistics). Empty: they agree.
std::string compare_stored_predictions(const core::Json& record, const std::filesystem::path& probe,
                                       const results::PerSampleTable& rows);

/// Everything that this program can check: its protocols, stored predictions, the time.
results::CheckOptions full_checks();

}  // namespace windtunnel::runners
