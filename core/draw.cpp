#include "core/draw.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_easy_font.h>
#pragma GCC diagnostic pop

namespace windtunnel::core {
namespace {

constexpr size_t kBytesPerLetter = 600;  // of the library's rectangles, generous

struct Corner {
  float x, y, z;
  unsigned char color[4];
};

std::string printable(std::string text) {
  // A character of several bytes becomes one mark.
  std::erase_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; });
  for (auto& c : text)
    if (c < 32 || c > 126) c = '?';
  return text;
}

}  // namespace

void draw_rectangle(Image& image, int x, int y, int width, int height, std::array<uint8_t, 3> color) {
  for (int row = std::max(0, y); row < std::min(image.height, y + height); ++row)
    for (int column = std::max(0, x); column < std::min(image.width, x + width); ++column)
      image.set(column, row, color);
}

void draw_text(Image& image, int x, int y, const std::string& text, int scale, std::array<uint8_t, 3> color) {
  std::string letters = printable(text);
  std::vector<Corner> corners((letters.size() + 1) * kBytesPerLetter / sizeof(Corner));
  unsigned char ignored[4] = {0, 0, 0, 255};
  const int quads = stb_easy_font_print(0, 0, letters.data(), ignored, corners.data(),
                                        static_cast<int>(corners.size() * sizeof(Corner)));
  for (int q = 0; q < quads; ++q) {
    const Corner& a = corners[static_cast<size_t>(q) * 4];
    const Corner& b = corners[static_cast<size_t>(q) * 4 + 2];
    const auto at = [&](float v) { return static_cast<int>(std::lround(v)) * scale; };
    draw_rectangle(image, x + at(a.x), y + at(a.y), at(b.x) - at(a.x), at(b.y) - at(a.y), color);
  }
}

int text_width(const std::string& text, int scale) {
  std::string letters = printable(text);
  return stb_easy_font_width(letters.data()) * scale;
}

void draw_image(Image& image, int x, int y, const Image& part) {
  for (int row = 0; row < part.height; ++row)
    for (int column = 0; column < part.width; ++column) {
      const uint8_t* p = &part.rgb[(static_cast<size_t>(row) * static_cast<size_t>(part.width) +
                                    static_cast<size_t>(column)) *
                                   3];
      image.set(x + column, y + row, {p[0], p[1], p[2]});
    }
}

}  // namespace windtunnel::core
