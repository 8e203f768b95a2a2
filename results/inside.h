#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/array.h"

namespace windtunnel::results {

/// What a model made of one sample on its way to the prediction, kept in the run folder as
/// inside.safetensors:
///   <k>   (T,H,W,C) fields in physical units, or (T',H',W') integer codes, of step k = 0,1,...
/// and text metadata: format "windtunnel-inside/1", sample, fields (JSON list of names), steps (JSON list of
/// {name, note, codes, given}).
struct Inside {
  struct Step {
    std::string name, note;
    bool codes = false;
    int64_t given = 0;  ///< leading frames that the model was given
    core::Array values;
  };
  std::string sample;
  std::vector<std::string> fields;
  std::vector<Step> steps;
};

std::filesystem::path inside_file(const std::filesystem::path& run);
void write_inside(const std::filesystem::path& path, const Inside& inside);
/// Data errors name file and array.
Inside read_inside(const std::filesystem::path& path);

/// HTML: per field the steps below each other, frames side by side, with the error against the first step;
/// then the maps of codes, and where the first two of them differ.
std::string inside_section(const Inside& inside);
/// The same as PNG files, inside_<field>.png and inside_codes.png.
void write_inside_pictures(const std::filesystem::path& folder, const Inside& inside);

}  // namespace windtunnel::results
