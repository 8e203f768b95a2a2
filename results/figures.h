#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/array.h"

namespace windtunnel::results {

/// Raw arrays behind a report's pictures, kept in the run folder as figures.safetensors:
///   sample<k>/input, sample<k>/target, sample<k>/prediction   (T,H,W,C), physical units, k = 0,1,...
///   spectrum/target, spectrum/error                           (bins,C), one value per radial bin, optional
///   probes/target, probes/prediction                          (stations,probes,C), time-mean profiles,
///   optional
/// and text metadata: format "windtunnel-figures/1", fields (JSON list of {name, unit}, one per channel),
/// samples (JSON list of sample ids), probe_stations (JSON list of labels, "1 D"), frame_interval_s (number
/// or ""). Opened by the Python package safetensors.
struct Figures {
  struct Field {
    std::string name, unit;
  };
  struct Sample {
    std::string id;
    core::Array input, target, prediction;  ///< input may have another T; C = fields.size() in all three
  };
  std::vector<Field> fields;  ///< the scored channels
  std::vector<Sample> samples;
  core::Array spectrum_target, spectrum_error;  ///< empty: none
  core::Array probes_target, probes_prediction;
  std::vector<std::string> probe_stations;
  double frame_interval_s = 0;  ///< 0: unknown
};

void write_figures(const std::filesystem::path& path, const Figures& figures);
/// Checks names, shapes and channel counts; data errors name file and array.
Figures read_figures(const std::filesystem::path& path);

}  // namespace windtunnel::results
