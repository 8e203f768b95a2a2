#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace windtunnel::core {

/// 8-bit RGB picture, row 0 on top.
struct Image {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;
  Image() = default;
  Image(int w, int h, std::array<uint8_t, 3> fill = {255, 255, 255});
  void set(int x, int y, std::array<uint8_t, 3> color);
};

/// Perceptually uniform maps for fields: "viridis" (sequential), "balance" (diverging, white at 0.5), "gray".
std::array<uint8_t, 3> colormap(const std::string& name, double value01);

/// A (H,W) field as picture: values low..high mapped to the colour map, `scale` pixels per cell, NaN in grey.
Image render_field(const float* field, int height, int width, int64_t stride, double low, double high,
                   const std::string& map, int scale);

std::vector<uint8_t> encode_png(const Image& image);
/// Animated PNG (opens in every browser): frames of equal size, `delay_ms` each, endless loop.
std::vector<uint8_t> encode_apng(const std::vector<Image>& frames, int delay_ms);
void write_png(const std::filesystem::path& path, const Image& image);
std::string base64(const std::vector<uint8_t>& bytes);

}  // namespace windtunnel::core
