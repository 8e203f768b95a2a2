#pragma once

#include <filesystem>
#include <string>

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

}  // namespace windtunnel::results
