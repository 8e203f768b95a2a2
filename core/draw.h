#pragma once

#include <string>

#include "core/image.h"

namespace windtunnel::core {

/// Printable ASCII in a small built-in type face, its top left corner at (x, y), letters 7 * scale pixels
/// high (descenders below). Other characters become "?". What lies outside the picture is cut off.
void draw_text(Image& image, int x, int y, const std::string& text, int scale = 1,
               std::array<uint8_t, 3> color = {0, 0, 0});
int text_width(const std::string& text, int scale = 1);

void draw_rectangle(Image& image, int x, int y, int width, int height, std::array<uint8_t, 3> color);

/// Copies `part` to (x, y) of `image`.
void draw_image(Image& image, int x, int y, const Image& part);

}  // namespace windtunnel::core
