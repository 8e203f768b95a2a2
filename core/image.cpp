#include "core/image.h"

#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "core/error.h"
#include "core/file.h"

namespace {

/// zlib's compressor in place of the small one of stb.
unsigned char* compress_for_stb(unsigned char* data, int length, int* compressed_length, int quality) {
  uLongf size = compressBound(static_cast<uLong>(length));
  auto* out = static_cast<unsigned char*>(std::malloc(size));
  if (!out || compress2(out, &size, data, static_cast<uLong>(length), quality) != Z_OK) {
    std::free(out);
    return nullptr;
  }
  *compressed_length = static_cast<int>(size);
  return out;
}

}  // namespace

#define STBIW_ZLIB_COMPRESS compress_for_stb
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>

namespace windtunnel::core {
namespace {

constexpr size_t kSignatureBytes = 8;

void put32(std::vector<uint8_t>& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}
void put16(std::vector<uint8_t>& out, uint32_t value) {
  out.push_back(static_cast<uint8_t>(value >> 8));
  out.push_back(static_cast<uint8_t>(value));
}

/// PNG chunk: length, four letters, content, CRC of letters and content.
void put_chunk(std::vector<uint8_t>& out, std::string_view type, const std::vector<uint8_t>& content) {
  put32(out, static_cast<uint32_t>(content.size()));
  const size_t begin = out.size();
  out.insert(out.end(), type.begin(), type.end());
  out.insert(out.end(), content.begin(), content.end());
  put32(out, static_cast<uint32_t>(crc32(0, out.data() + begin, static_cast<uInt>(out.size() - begin))));
}

/// Content of the first chunk of `type` in a PNG.
std::vector<uint8_t> chunk(const std::vector<uint8_t>& png, std::string_view type) {
  for (size_t at = kSignatureBytes; at + 12 <= png.size();) {
    size_t length = 0;
    for (size_t i = 0; i < 4; ++i) length = length << 8 | png[at + i];
    if (std::memcmp(png.data() + at + 4, type.data(), 4) == 0) {
      const auto content = png.begin() + static_cast<std::ptrdiff_t>(at) + 8;
      return {content, content + static_cast<std::ptrdiff_t>(length)};
    }
    at += length + 12;
  }
  return {};
}

}  // namespace

Image::Image(int w, int h, std::array<uint8_t, 3> fill)
    : width(w), height(h), rgb(static_cast<size_t>(w) * static_cast<size_t>(h) * 3) {
  for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = fill[i % 3];
}

void Image::set(int x, int y, std::array<uint8_t, 3> color) {
  if (x < 0 || y < 0 || x >= width || y >= height) return;
  std::memcpy(&rgb[(static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 3],
              color.data(), 3);
}

std::vector<uint8_t> encode_png(const Image& image) {
  if (image.width < 1 || image.height < 1)
    throw usage_error("a picture without pixels", "width and height from 1");
  int length = 0;
  const std::unique_ptr<unsigned char, void (*)(void*)> data(
      stbi_write_png_to_mem(image.rgb.data(), image.width * 3, image.width, image.height, 3, &length),
      std::free);
  if (!data)
    throw environment_error("no memory for a picture of " + std::to_string(image.rgb.size()) + " bytes");
  return {data.get(), data.get() + length};
}

std::vector<uint8_t> encode_apng(const std::vector<Image>& frames, int delay_ms) {
  if (frames.empty()) throw usage_error("an animation without frames", "one or more pictures");
  std::vector<uint8_t> out;
  uint32_t sequence = 0;
  for (const auto& frame : frames) {
    if (frame.width != frames[0].width || frame.height != frames[0].height)
      throw usage_error("an animation with pictures of different sizes", "one size");
    const auto png = encode_png(frame);
    const bool first = out.empty();
    if (first) {
      out.assign(png.begin(), png.begin() + kSignatureBytes);
      put_chunk(out, "IHDR", chunk(png, "IHDR"));
      std::vector<uint8_t> control;
      put32(control, static_cast<uint32_t>(frames.size()));
      put32(control, 0);  // endless
      put_chunk(out, "acTL", control);
    }
    std::vector<uint8_t> control;
    put32(control, sequence++);
    put32(control, static_cast<uint32_t>(frame.width));
    put32(control, static_cast<uint32_t>(frame.height));
    put32(control, 0);
    put32(control, 0);
    put16(control, static_cast<uint32_t>(delay_ms));
    put16(control, 1000);
    put16(control, 0);  // keep the frame, overwrite with the next
    put_chunk(out, "fcTL", control);

    const auto pixels = chunk(png, "IDAT");
    if (first) {
      put_chunk(out, "IDAT", pixels);
      continue;
    }
    std::vector<uint8_t> content;
    put32(content, sequence++);
    content.insert(content.end(), pixels.begin(), pixels.end());
    put_chunk(out, "fdAT", content);
  }
  put_chunk(out, "IEND", {});
  return out;
}

void write_png(const std::filesystem::path& path, const Image& image) {
  const auto png = encode_png(image);
  write_file_atomic(path, {reinterpret_cast<const char*>(png.data()), png.size()});
}

std::string base64(const std::vector<uint8_t>& bytes) {
  static const char* letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t given = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (j < given ? bytes[i + j] : 0u);
    for (size_t j = 0; j < 4; ++j) text += j <= given ? letters[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

}  // namespace windtunnel::core
