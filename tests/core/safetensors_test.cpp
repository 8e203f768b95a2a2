#include "core/safetensors.h"

#include <cmath>
#include <complex>
#include <cstring>

#include "core/json.h"
#include "tests/core/caught.h"

namespace windtunnel::core {
namespace {

template <class T>
TensorView view(DType type, Shape shape, const std::vector<T>& values) {
  return {type, std::move(shape), reinterpret_cast<const std::byte*>(values.data())};
}

/// A file from its header text and data.
std::string file_of(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

Error refused(const std::string& bytes) {
  const TemporaryFolder folder;
  write_file_atomic(folder / "bad.safetensors", bytes);
  const Error error = caught([&] { SafetensorsFile file(folder / "bad.safetensors"); });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_TRUE(has(error.found(), "bad.safetensors"));
  return error;
}

Error refused_header(const std::string& header, const std::string& data = "") {
  return refused(file_of(header, data));
}

// views.safetensors was written by Python's safetensors package, see tests/golden/core/make_files.py.
TEST(Safetensors, ReadsPythonsFile) {
  const SafetensorsFile file(golden("views.safetensors"));
  EXPECT_EQ(file.metadata().at("origin"), "python");
  EXPECT_EQ(file.metadata().at("gr\xc3\xb6\xc3\x9f"
                               "e"),
            "\xc3\xa4");
  EXPECT_EQ(file.doubles("f64"), std::vector<double>{0.1});
  EXPECT_EQ(file.floats("bf16").data, (std::vector<float>{1.5, -2}));
  const auto half = file.doubles("f16");
  EXPECT_EQ(half, (std::vector<double>{1.5, -2, 0x1p-24, 65504, INFINITY}));
  EXPECT_EQ(file.doubles("boolean"), (std::vector<double>{1, 0}));
  EXPECT_EQ(file.doubles("i32"), (std::vector<double>{-7, 70000}));
  EXPECT_EQ(file.doubles("i16"), (std::vector<double>{-7}));
  EXPECT_EQ(file.doubles("i8"), (std::vector<double>{-1}));
  EXPECT_EQ(file.doubles("u8"), (std::vector<double>{255}));
  EXPECT_EQ(file.doubles("scalar"), (std::vector<double>{3}));
  EXPECT_EQ(file.at("scalar").shape, Shape{});
  EXPECT_EQ(file.at("empty").shape, (Shape{0, 5}));
  EXPECT_TRUE(file.floats("empty").data.empty());
  EXPECT_EQ(file.floats("sliced").data, (std::vector<float>{16, 18, 20, 22}));
  std::complex<float> pair[2];
  ASSERT_EQ(file.at("c64").bytes(), sizeof pair);
  std::memcpy(pair, file.at("c64").data, sizeof pair);
  EXPECT_EQ(pair[1], std::complex<float>(1, 1));
}

TEST(Safetensors, WritesWhatItReads) {
  const TemporaryFolder folder;
  const std::vector<float> floats{1.5f, -2.0f, 3.25f};
  const std::vector<int64_t> longs{-5, 1LL << 40};
  const std::vector<uint8_t> bytes{0, 255, 7};
  const std::vector<std::complex<float>> pairs{{1, 2}};
  write_safetensors(folder / "a.safetensors",
                    {{"bytes", view(DType::u8, {3}, bytes)},
                     {"floats", view(DType::f32, {3, 1}, floats)},
                     {"longs", view(DType::i64, {2}, longs)},
                     {"pairs", view(DType::c64, {1}, pairs)},
                     {"none", {DType::f32, {0, 4}, nullptr}}},
                    {{"model", "fno \"x\""}});
  const SafetensorsFile file(folder / "a.safetensors");
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"model", "fno \"x\""}}));
  EXPECT_EQ(file.floats("floats").data, floats);
  EXPECT_EQ(file.floats("floats").shape, (Shape{3, 1}));
  EXPECT_EQ(file.doubles("longs"), (std::vector<double>{-5, 1099511627776.0}));
  EXPECT_EQ(file.doubles("bytes"), (std::vector<double>{0, 255, 7}));
  EXPECT_EQ(file.at("none").shape, (Shape{0, 4}));
  // Falling element size, data on 64 bytes: every tensor is aligned.
  EXPECT_EQ(file.names().back(), "bytes");
  for (const auto& name : file.names())
    if (file.at(name).numel() > 0) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(file.at(name).data) % item_size(file.at(name).type), 0u) << name;
    }
  uint64_t length = 0;
  std::memcpy(&length, read_file(folder / "a.safetensors").data(), 8);
  EXPECT_EQ((length + 8) % 64, 0u);
}

TEST(Safetensors, UnalignedDataIsRead) {
  const TemporaryFolder folder;
  const float value = 2.5f;
  const std::string data = "x" + std::string(reinterpret_cast<const char*>(&value), 4);
  write_file_atomic(
      folder / "a.safetensors",
      file_of(
          R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
          data));
  EXPECT_EQ(SafetensorsFile(folder / "a.safetensors").floats("b").data, std::vector<float>{2.5f});
}

TEST(Safetensors, UnknownTensorNamesTheNearest) {
  const SafetensorsFile file(golden("views.safetensors"));
  const Error error = caught([&] { file.at("scaler"); });
  EXPECT_TRUE(has(error.found(), "views.safetensors has no tensor 'scaler'"));
  EXPECT_TRUE(has(error.hint(), "'scalar'"));
}

TEST(Safetensors, ComplexIsNoRealTensor) {
  const SafetensorsFile file(golden("views.safetensors"));
  const Error error = caught([&] { file.floats("c64"); });
  EXPECT_TRUE(has(error.found(), "tensor 'c64'"));
  EXPECT_EQ(error.expected(), "a real tensor");
}

TEST(Safetensors, RefusesBadHeaders) {
  EXPECT_TRUE(has(refused("").found(), "has 0 bytes"));
  EXPECT_TRUE(has(refused("1234567").found(), "has 7 bytes"));
  EXPECT_TRUE(has(refused(std::string(8, '\xff')).found(), "header length 18446744073709551615"));
  EXPECT_TRUE(has(refused(std::string("\x05\0\0\0\0\0\0\0{}", 10)).found(), "header length 5"));
  EXPECT_TRUE(has(refused_header("nonsense").found(), "not valid JSON"));
  EXPECT_TRUE(has(refused_header("[]").found(), "not a JSON object"));
  EXPECT_TRUE(has(refused_header(std::string(5000, '[')).found(), "nests deeper"));
  EXPECT_TRUE(has(refused_header(R"({"a":1})").found(), "tensor 'a'"));
  EXPECT_TRUE(has(refused_header(R"({"a":{"dtype":"F32","shape":[1]}})").found(), "has no 'data_offsets'"));
  EXPECT_TRUE(has(refused_header(R"({"__metadata__":{"a":1}})").found(), "'a' is not text"));
  EXPECT_TRUE(has(refused_header(R"({"__metadata__":{},"__metadata__":{}})").found(), "twice"));
}

TEST(Safetensors, RefusesBadTensors) {
  const auto entry = [](const std::string& type, const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":)" + type + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const std::string four(4, 'x');
  EXPECT_TRUE(has(refused_header(entry("\"F33\"", "[1]", "[0,4]"), four).expected(), "BF16"));
  EXPECT_TRUE(has(refused_header(entry("3", "[1]", "[0,4]"), four).found(), "has dtype 3"));
  EXPECT_TRUE(has(refused_header(entry("\"F32\"", "[-1]", "[0,4]"), four).found(), "found -1"));
  EXPECT_TRUE(has(refused_header(entry("\"F32\"", "[1.5]", "[0,4]"), four).found(), "found 1.5"));
  EXPECT_TRUE(has(refused_header(entry("\"F32\"", "1", "[0,4]"), four).found(), "shape is not a list"));
  EXPECT_TRUE(has(refused_header(entry("\"F32\"", "[2]", "[0,4]"), four).expected(), "8 bytes"));
  EXPECT_TRUE(has(refused_header(entry("\"F32\"", "[1]", "[4,0]"), four).found(), "do not fit"));
  EXPECT_TRUE(has(refused_header(entry("\"F32\"", "[1]", "[0]"), four).found(), "not a pair"));
  EXPECT_TRUE(
      has(refused_header(entry("\"F32\"", "[1]", "[4,8]"), four).found(), "ends at data byte 8 of 4"));
  EXPECT_TRUE(has(refused_header(entry("\"F32\"", "[1]", "[1,5]"), four + "y").expected(), "byte 0"));
  EXPECT_TRUE(has(refused_header(entry("\"F32\"", "[1]", "[0,4]"), four + "y").found(), "1 bytes behind"));
  EXPECT_TRUE(
      has(refused_header(entry("\"F32\"", "[4294967296,4294967296,4294967296]", "[0,4]"), four).found(),
          "larger than any memory"));
  EXPECT_TRUE(
      has(refused_header(entry("\"F32\"", "[9223372036854775807,0,9223372036854775807]", "[0,0]")).found(),
          "larger than any memory"));
}

TEST(Safetensors, RefusesNamesItCannotWrite) {
  const TemporaryFolder folder;
  const std::vector<float> one{1};
  const auto write = [&](const std::string& first, const std::string& second) {
    return caught([&] {
      write_safetensors(folder / "a.safetensors",
                        {{first, view(DType::f32, {1}, one)}, {second, view(DType::f32, {1}, one)}});
    });
  };
  EXPECT_TRUE(has(write("a", "a").found(), "'a' is taken"));
  EXPECT_TRUE(has(write("a", "__metadata__").found(), "is taken"));
  EXPECT_TRUE(has(write("a", "\xff").found(), "not UTF-8"));
  EXPECT_FALSE(std::filesystem::exists(folder / "a.safetensors"));
  const Error error = caught([&] { write_safetensors(folder / "none/a.safetensors", {}); });
  EXPECT_EQ(error.kind(), ErrorKind::environment);
}

}  // namespace
}  // namespace windtunnel::core
