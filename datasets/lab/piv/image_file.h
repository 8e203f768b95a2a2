#pragma once

#include <filesystem>

#include "datasets/lab/piv/correlation.h"

namespace windtunnel::datasets::lab::piv {

/// Grey values of a PNG, BMP, JPEG, TGA or binary PGM file of 8 or 16 bits; colours are weighted by
/// brightness. An unreadable file is a data error that names it.
GreyImage read_image(const std::filesystem::path& path);

}  // namespace windtunnel::datasets::lab::piv
