#include "datasets/lab/piv/image_file.h"

#include <memory>

#include "core/error.h"
#include "core/file.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_GIF
#define STBI_NO_HDR
#define STBI_NO_PSD
#define STBI_NO_PIC
#define STBI_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_image.h>
#pragma GCC diagnostic pop

namespace windtunnel::datasets::lab::piv {

GreyImage read_image(const std::filesystem::path& path) {
  const std::string bytes = core::read_file(path);
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const int size = static_cast<int>(bytes.size());
  GreyImage image;
  int channels = 0;
  const auto fill = [&](auto* pixels) {
    if (!pixels)
      throw data_error(path.string() + ": not a readable picture (" + stbi_failure_reason() + ")",
                       "PNG, BMP, JPEG, TGA or binary PGM", "convert the picture, for example to PNG");
    const std::unique_ptr<void, void (*)(void*)> owner(pixels, stbi_image_free);
    image.value.assign(pixels, pixels + static_cast<size_t>(image.width) * image.height);
  };
  if (stbi_is_16_bit_from_memory(data, size))
    fill(stbi_load_16_from_memory(data, size, &image.width, &image.height, &channels, 1));
  else
    fill(stbi_load_from_memory(data, size, &image.width, &image.height, &channels, 1));
  return image;
}

}  // namespace windtunnel::datasets::lab::piv
