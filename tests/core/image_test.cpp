#include "core/image.h"

#include <zlib.h>

#include <cmath>
#include <cstring>
#include <map>

#include "core/file.h"
#include "tests/core/caught.h"

namespace windtunnel::core {
namespace {

using Bytes = std::vector<uint8_t>;

uint32_t word(const Bytes& bytes, size_t at) {
  return static_cast<uint32_t>(bytes[at]) << 24 | static_cast<uint32_t>(bytes[at + 1]) << 16 |
         static_cast<uint32_t>(bytes[at + 2]) << 8 | bytes[at + 3];
}

struct Chunk {
  std::string type;
  Bytes content;
};

/// Every chunk, with its checksum checked.
std::vector<Chunk> chunks(const Bytes& png) {
  EXPECT_EQ(Bytes(png.begin(), png.begin() + 8), (Bytes{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}));
  std::vector<Chunk> list;
  for (size_t at = 8; at < png.size();) {
    const size_t length = word(png, at);
    EXPECT_EQ(crc32(0, png.data() + at + 4, static_cast<uInt>(length + 4)), word(png, at + 8 + length));
    const auto begin = png.begin() + static_cast<std::ptrdiff_t>(at);
    list.push_back({std::string(begin + 4, begin + 8),
                    Bytes(begin + 8, begin + 8 + static_cast<std::ptrdiff_t>(length))});
    at += length + 12;
  }
  return list;
}

/// Pixels from compressed rows, with the five filters of the format undone.
Bytes pixels(const Bytes& data, int width, int height) {
  const size_t stride = static_cast<size_t>(width) * 3;
  Bytes raw(static_cast<size_t>(height) * (stride + 1));
  uLongf size = raw.size();
  EXPECT_EQ(uncompress(raw.data(), &size, data.data(), data.size()), Z_OK);
  EXPECT_EQ(size, raw.size());
  Bytes out(static_cast<size_t>(height) * stride);
  for (size_t y = 0; y < static_cast<size_t>(height); ++y)
    for (size_t x = 0; x < stride; ++x) {
      const int left = x >= 3 ? out[y * stride + x - 3] : 0, up = y ? out[(y - 1) * stride + x] : 0;
      const int corner = x >= 3 && y ? out[(y - 1) * stride + x - 3] : 0;
      const int guess = left + up - corner;
      const int da = std::abs(guess - left), db = std::abs(guess - up), dc = std::abs(guess - corner);
      const int paeth = da <= db && da <= dc ? left : db <= dc ? up : corner;
      const int predictions[] = {0, left, up, (left + up) / 2, paeth};
      out[y * stride + x] =
          static_cast<uint8_t>(raw[y * (stride + 1) + 1 + x] + predictions[raw[y * (stride + 1)]]);
    }
  return out;
}

Image pattern(int width, int height, int seed) {
  Image image(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      image.set(
          x, y,
          {static_cast<uint8_t>(x * 7 + seed), static_cast<uint8_t>(y * 13), static_cast<uint8_t>(x * y)});
  return image;
}

TEST(Image, PngHoldsThePixels) {
  const Image image = pattern(17, 9, 3);
  const auto list = chunks(encode_png(image));
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].type, "IHDR");
  EXPECT_EQ(list[0].content, (Bytes{0, 0, 0, 17, 0, 0, 0, 9, 8, 2, 0, 0, 0}));
  EXPECT_EQ(list[1].type, "IDAT");
  EXPECT_EQ(pixels(list[1].content, 17, 9), image.rgb);
  EXPECT_EQ(list[2].type, "IEND");
}

TEST(Image, AnimationHoldsEveryFrame) {
  const std::vector<Image> frames = {pattern(8, 5, 0), pattern(8, 5, 1), pattern(8, 5, 2)};
  const auto list = chunks(encode_apng(frames, 40));
  std::vector<std::string> types;
  for (const auto& chunk : list) types.push_back(chunk.type);
  EXPECT_EQ(types, (std::vector<std::string>{"IHDR", "acTL", "fcTL", "IDAT", "fcTL", "fdAT", "fcTL", "fdAT",
                                             "IEND"}));
  EXPECT_EQ(list[1].content, (Bytes{0, 0, 0, 3, 0, 0, 0, 0}));
  EXPECT_EQ(pixels(list[3].content, 8, 5), frames[0].rgb);
  uint32_t sequence = 0;
  for (size_t i = 2; i < 8; ++i)
    if (list[i].type != "IDAT") {
      EXPECT_EQ(word(list[i].content, 0), sequence++);
    }
  EXPECT_EQ(list[4].content[21], 40);  // delay 40 / 1000 s
  for (size_t k = 1; k < 3; ++k) {
    const Bytes& content = list[3 + 2 * k].content;
    EXPECT_EQ(pixels(Bytes(content.begin() + 4, content.end()), 8, 5), frames[k].rgb);
  }
}

TEST(Image, RefusesWhatIsNoPicture) {
  EXPECT_EQ(caught([] { encode_png(Image()); }).kind(), ErrorKind::usage);
  EXPECT_EQ(caught([] { encode_apng({}, 40); }).kind(), ErrorKind::usage);
  EXPECT_TRUE(has(caught([] { encode_apng({Image(2, 2), Image(2, 3)}, 40); }).found(), "different sizes"));
}

TEST(Image, WritesAtomically) {
  const TemporaryFolder folder;
  const Image image = pattern(4, 4, 0);
  write_png(folder / "a.png", image);
  const auto png = encode_png(image);
  EXPECT_EQ(read_file(folder / "a.png"), std::string(png.begin(), png.end()));
  EXPECT_EQ(caught([&] { write_png(folder / "none/a.png", image); }).kind(), ErrorKind::environment);
}

TEST(Colormap, EndsMiddleAndOutside) {
  EXPECT_EQ(colormap("viridis", 0), (std::array<uint8_t, 3>{68, 1, 84}));
  EXPECT_EQ(colormap("viridis", 1), (std::array<uint8_t, 3>{253, 231, 37}));
  EXPECT_EQ(colormap("balance", 0.5), (std::array<uint8_t, 3>{255, 255, 255}));
  EXPECT_EQ(colormap("gray", 0.2), (std::array<uint8_t, 3>{51, 51, 51}));
  EXPECT_EQ(colormap("gray", -3), colormap("gray", 0));
  EXPECT_EQ(colormap("gray", 7), colormap("gray", 1));
  EXPECT_EQ(colormap("viridis", std::nan("")), (std::array<uint8_t, 3>{128, 128, 128}));
  EXPECT_TRUE(has(caught([] { colormap("virids", 0); }).hint(), "did you mean 'viridis'?"));
}

TEST(Colormap, SequentialMapsGrowLighter) {
  for (const char* name : {"viridis", "gray"}) {
    double previous = -1;
    for (int i = 0; i <= 20; ++i) {
      const auto c = colormap(name, i / 20.0);
      const double luminance = 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
      EXPECT_GT(luminance, previous) << name << " " << i;
      previous = luminance;
    }
  }
}

TEST(RenderField, MapsCellsScalesAndSkipsChannels) {
  // Two channels; the second is rendered: 0, 1, NaN, 0.5.
  const float field[] = {9, 0, 9, 1, 9, std::nanf(""), 9, 0.5f};
  const Image image = render_field(field + 1, 2, 2, 2, 0, 1, "gray", 3);
  ASSERT_EQ(image.width, 6);
  ASSERT_EQ(image.height, 6);
  const auto at = [&](int x, int y) { return image.rgb[static_cast<size_t>((y * 6 + x) * 3)]; };
  EXPECT_EQ(at(2, 2), 0);
  EXPECT_EQ(at(3, 0), 255);
  EXPECT_EQ(at(0, 5), 128);
  EXPECT_EQ(at(5, 3), 128);
  EXPECT_EQ(render_field(field + 1, 1, 1, 2, 0, 0, "gray", 1).rgb[0], 128);  // no range: the middle
  EXPECT_EQ(caught([&] { render_field(field, 0, 2, 1, 0, 1, "gray", 1); }).kind(), ErrorKind::usage);
}

TEST(Base64, KnownTexts) {
  const auto encoded = [](const std::string& text) { return base64(Bytes(text.begin(), text.end())); };
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encoded("\xff\xfe"), "//4=");
}

}  // namespace
}  // namespace windtunnel::core
