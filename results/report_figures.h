#pragma once

#include <filesystem>
#include <string>

#include "results/figures.h"

namespace windtunnel::results {

/// HTML of a run's pictures: per sample and field, stills and an animation of target, prediction and error;
/// then spectra and probe profiles. PNG inside the page, one pixel per grid cell.
std::string forecast_section(const Figures& figures);
std::string spectrum_section(const Figures& figures);
std::string probe_section(const Figures& figures);

/// The first sample's animations and last frames as PNG files.
void write_pictures(const std::filesystem::path& folder, const Figures& figures);

}  // namespace windtunnel::results
