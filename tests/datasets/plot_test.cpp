#include "datasets/plot.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/draw.h"
#include "core/file.h"
#include "datasets/vorticity.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

namespace fs = std::filesystem;
using testing::error_of;

/// Solid rotation with angular velocity w: vorticity 2 w everywhere.
TEST(Vorticity, OfSolidRotation) {
  const int64_t height = 5, width = 7;
  std::vector<float> u, v;
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x) {
      u.push_back(-3.0f * static_cast<float>(y) * 0.5f);
      v.push_back(3.0f * static_cast<float>(x) * 0.25f);
    }
  for (const float w : vorticity(u.data(), v.data(), height, width, 0.25, 0.5)) EXPECT_FLOAT_EQ(w, 6);
  for (const float w : vorticity(u.data(), v.data(), height, width, 0.25, -0.5)) EXPECT_FLOAT_EQ(w, 0);
  EXPECT_EQ(error_of([&] { vorticity(u.data(), v.data(), 1, width, 1, 1); }).kind(), core::ErrorKind::data);
}

TEST(Draw, TextCoversPixels) {
  core::Image image(80, 20);
  const auto dark = [&] {
    int n = 0;
    for (size_t i = 0; i < image.rgb.size(); i += 3) n += image.rgb[i] == 0;
    return n;
  };
  core::draw_text(image, 2, 2, "m/s");
  const int once = dark();
  EXPECT_GT(once, 15);
  EXPECT_GT(core::text_width("velocity"), core::text_width("u"));
  EXPECT_EQ(core::text_width("u", 3), 3 * core::text_width("u"));
  core::draw_text(image, 70, 15, "cut off \xC3\xA9 at the border");  // other characters do no harm
  EXPECT_GE(dark(), once);
}

class Plot : public ::testing::Test {
 protected:
  Plot() {
    testing::write_toy(root_.path(), 2, 30, 20, 30);
    scenario_.fields[0].unit = scenario_.fields[1].unit = "m/s";
    scenario_.fields[0].label = "streamwise velocity";
  }
  std::vector<core::Image> frames(PlotOptions o) const { return plot_frames(scenario_, root_.path(), o); }

  Scenario scenario_ = testing::toy_scenario();
  testing::TemporaryFolder root_;
};

TEST_F(Plot, FramesOfEqualSizeThatChange) {
  PlotOptions o;
  o.sides = {Side::real};
  o.frames = 3;
  o.every = 5;
  const auto list = frames(o);
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].width, list[2].width);
  EXPECT_EQ(list[0].height, list[2].height);
  EXPECT_NE(list[0].rgb, list[1].rgb);
  o.start = 28;  // fewer are left
  EXPECT_EQ(frames(o).size(), 1u);
  o.fields = {"u"};
  EXPECT_LT(frames(o)[0].height, list[0].height);
}

TEST_F(Plot, WritesPicturesAndAnAnimation) {
  PlotOptions o;
  o.frames = 2;
  const auto paths = write_plots(scenario_, root_.path(), o, root_ / "out");
  ASSERT_EQ(paths.size(), 3u);
  for (const auto& path : paths) EXPECT_EQ(core::read_file(path).substr(1, 3), "PNG");
  EXPECT_NE(core::read_file(paths[2]).find("acTL"), std::string::npos);
}

TEST_F(Plot, BothSidesShareAScale) {
  PlotOptions o;
  o.frames = 1;
  o.fields = {"u"};
  const auto both = frames(o).at(0);
  o.sides = {Side::real};
  const auto real = frames(o).at(0);
  EXPECT_GT(both.width, real.width * 3 / 2);
  o.fields = {"u", "p"};
  EXPECT_EQ(error_of([&] { frames(o); }).kind(), core::ErrorKind::usage);
  o.sides = {Side::real, Side::numerical};
  EXPECT_GT(frames(o).at(0).width, both.width);  // p stands on the simulated side alone
}

TEST_F(Plot, WrongChoices) {
  PlotOptions o;
  o.sides = {Side::real};
  o.fields = {"uu"};
  EXPECT_EQ(error_of([&] { frames(o); }).kind(), core::ErrorKind::usage);
  o.fields = {"p"};  // not measured
  EXPECT_EQ(error_of([&] { frames(o); }).kind(), core::ErrorKind::usage);
  o = {};
  o.sides = {Side::real};
  o.trajectory = "1.h5";
  EXPECT_EQ(error_of([&] { frames(o); }).kind(), core::ErrorKind::usage);
  o = {};
  o.sides = {Side::real};
  o.start = 30;
  EXPECT_EQ(error_of([&] { frames(o); }).kind(), core::ErrorKind::data);
  scenario_.fields[1].unit = "1";
  o = {};
  o.sides = {Side::real};
  o.fields = {"vorticity"};
  EXPECT_EQ(error_of([&] { frames(o); }).kind(), core::ErrorKind::usage);
}

}  // namespace
}  // namespace windtunnel::datasets
