#include "results/inside.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"
#include "tests/results/fixtures.h"

namespace windtunnel::results {
namespace {

Inside example() {
  Inside inside;
  inside.sample = "gray_scott/numerical/test/a.hdf5@3";
  inside.fields = {"A", "B"};
  const auto field = [](float offset) {
    core::Array values({13, 8, 8, 2});
    for (size_t i = 0; i < values.data.size(); ++i)
      values.data[i] = offset + static_cast<float>(i % 128) / 128;
    return values;
  };
  const auto codes = [](float first) {
    core::Array values({4, 1, 1});
    values.data = {first, 2, 3, 4};
    return values;
  };
  inside.steps = {{"original", "What is there.", false, 5, field(0)},
                  {"tokens", "", true, 2, codes(1)},
                  {"predicted tokens", "", true, 2, codes(7)},
                  {"prediction <raw>", "", false, 5, field(0.1F)}};
  return inside;
}

TEST(Inside, RoundTripsAndShowsEveryStep) {
  const fixtures::TemporaryFolder folder;
  write_inside(inside_file(folder.path), example());
  const Inside read = read_inside(inside_file(folder.path));
  ASSERT_EQ(read.steps.size(), 4U);
  EXPECT_EQ(read.steps[3].values.data, example().steps[3].values.data);
  EXPECT_EQ(read.steps[2].codes, true);
  const std::string html = inside_section(read);
  for (const char* text : {"original", "prediction &lt;raw&gt;", "its error", "where they agree", "frame +1",
                           "given frame 5", "latent frame 4", "What is there."})
    EXPECT_NE(html.find(text), std::string::npos) << text;
  write_inside_pictures(folder.path, read);
  for (const char* name : {"inside_A.png", "inside_B.png", "inside_codes.png"})
    EXPECT_GT(std::filesystem::file_size(folder.path / name), 100U) << name;
}

TEST(Inside, RefusesStepsThatDoNotFit) {
  const fixtures::TemporaryFolder folder;
  Inside other = example();
  other.steps[3].values = core::Array({13, 8, 4, 2});
  EXPECT_THROW(write_inside(folder.path / "x", other), core::Error);
  other = example();
  other.steps = {other.steps[1]};
  EXPECT_THROW(write_inside(folder.path / "x", other), core::Error);
  core::write_file_atomic(folder.path / "y", "no tensors");
  EXPECT_THROW(read_inside(folder.path / "y"), core::Error);
}

}  // namespace
}  // namespace windtunnel::results
