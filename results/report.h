#pragma once

#include <filesystem>
#include <string>

#include "core/json.h"

namespace windtunnel::results {

/// One self-contained HTML page of a run folder: scores with units, direction and skill against the trivial
/// forecasts; loss and validation curves; pictures and an animation of input, target, prediction and error;
/// spectra; probe profiles; configuration, environment and the command that repeats the run. Needs
/// record.json; journal, figures.safetensors and config.yaml are shown where present. A record of made data
/// carries a large mark.
std::string report_page(const std::filesystem::path& run);

/// Writes the page to RUN/report.html and the first sample's pictures to RUN/figures/; returns the page's
/// path.
std::filesystem::path write_report(const std::filesystem::path& run);

/// The page's body from a record and what lies beside it in `run` (journal, configuration, figures); `links`
/// are added to the head, `first` stands before the scores.
std::string report_body(const core::Json& record, const std::filesystem::path& run, bool pictures,
                        const std::string& links = "", const std::string& first = "");

}  // namespace windtunnel::results
