#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/file.h"
#include "core/image.h"
#include "core/text.h"
#include "datasets/lab/piv/image_file.h"
#include "datasets/lab/piv/image_scenario.h"
#include "datasets/lab/piv/multi_pass.h"
#include "datasets/trajectory.h"

namespace windtunnel::datasets::lab::piv {
namespace {

namespace fs = std::filesystem;
const std::string kFolder = std::string(WINDTUNNEL_GOLDEN) + "/lab/";

class LabImages : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) /
            ("images_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  fs::path root_;
};

TEST_F(LabImages, OnePassIsTheIndependentProgramsCorrelation) {
  const GreyImage a = read_image(kFolder + "shear_a.pgm"), b = read_image(kFolder + "shear_b.pgm");
  ASSERT_EQ(a.width, 256);
  ASSERT_EQ(a.height, 192);
  MultiPassOptions o;
  o.passes = 1;
  o.threshold = 1e9;  // no validation
  const auto result = multi_pass(a, b, o);
  const auto lines = core::split(core::trim(core::read_file(kFolder + "shear_circ32_16.csv")), '\n');
  ASSERT_EQ(result.field.u.size(), lines.size() - 1);
  for (size_t i = 1; i < lines.size(); ++i) {
    const auto cells = core::split(lines[i], ',');
    EXPECT_NEAR(result.field.u[i - 1], std::strtod(cells[4].c_str(), nullptr), 1e-4);
    EXPECT_NEAR(result.field.v[i - 1], std::strtod(cells[5].c_str(), nullptr), 1e-4);
  }
}

TEST_F(LabImages, TwoPassesAreNearerToTheTrueDisplacement) {
  const GreyImage a = read_image(kFolder + "shear_a.pgm"), b = read_image(kFolder + "shear_b.pgm");
  const auto error = [&](int window, int step, int passes) {
    MultiPassOptions o;
    o.window = window;
    o.step = step;
    o.passes = passes;
    const auto result = multi_pass(a, b, o);
    double squares = 0;
    for (size_t k = 0; k < result.field.u.size(); ++k) {
      const double row = (window - 1) / 2.0 + step * static_cast<double>(k / result.field.width);
      squares += std::pow(result.field.u[k] - (3.35 + 0.02 * (row - 95.5)), 2) +
                 std::pow(result.field.v[k] + 1.6, 2);
    }
    return std::sqrt(squares / static_cast<double>(2 * result.field.u.size()));
  };
  EXPECT_LT(error(32, 16, 2), error(32, 16, 1));
  EXPECT_LT(error(32, 16, 2), 0.06);
  EXPECT_LT(error(16, 8, 2), 0.15);
}

TEST_F(LabImages, WritesAScenarioThatTheDatasetLayerReads) {
  ImageOptions o;
  o.name = "mine";
  o.out = root_.string();
  o.dt = 0.01;
  o.pixel = 1e-3;
  const std::string a = kFolder + "shear_a.pgm", b = kFolder + "shear_b.pgm";
  const ImageReport report = measure_images({a, b, a, b}, o);
  EXPECT_EQ(report.frames, 3);
  EXPECT_EQ(report.unit, "m/s");
  const Scenario scenario = load_scenario("mine", root_);
  EXPECT_FALSE(scenario.synthetic);
  const auto trajectory = open_trajectories(scenario, root_, Side::real)->open("1.h5");
  EXPECT_EQ(trajectory->frames(), 3);
  EXPECT_EQ(trajectory->height(), 11);
  EXPECT_EQ(trajectory->width(), 15);
  const core::Array fields = trajectory->read({0, 1}, 0, 3);
  const size_t middle = (5 * 15 + 7) * 2;
  EXPECT_NEAR(fields.data[middle], 0.335, 0.02);                 // 3.35 px of 1 mm in 10 ms
  EXPECT_NEAR(fields.data[middle + 1], -0.16, 0.02);             // there,
  EXPECT_NEAR(fields.data[11 * 15 * 2 + middle], -0.335, 0.02);  // and back
  o.order = "pairs";
  EXPECT_EQ(measure_images({a, b, a, b}, o).frames, 2);
}

/// The sheared flow with a body in it that stands still and has a texture of its own.
struct MaskedPair {
  GreyImage a = read_image(kFolder + "shear_a.pgm"), b = read_image(kFolder + "shear_b.pgm");
  PixelMask mask{a.height, a.width, std::vector<uint8_t>(a.value.size(), 0)};

  MaskedPair() {
    uint32_t state = 1;
    for (int r = 60; r < 130; ++r)
      for (int c = 90; c < 170; ++c) {
        const size_t k = static_cast<size_t>(r) * a.width + c;
        state = state * 1664525u + 1013904223u;
        a.value[k] = b.value[k] = static_cast<float>(state >> 24);
        mask.hidden[k] = 1;
      }
  }
  static double truth(const MultiPassResult& r, const MultiPassOptions& o, size_t k) {
    return 3.35 + 0.02 * ((o.window - 1) / 2.0 + o.step * static_cast<double>(k / r.field.width) - 95.5);
  }
};

TEST_F(LabImages, AMaskKeepsTheBodyOutOfTheVectors) {
  const MaskedPair pair;
  MultiPassOptions o;
  o.window = 16;
  o.step = 8;
  const auto plain = multi_pass(pair.a, pair.b, o), masked = multi_pass(pair.a, pair.b, o, pair.mask);
  ASSERT_EQ(masked.blank.size(), masked.field.u.size());
  double plain_error = 0, masked_error = 0;
  int near = 0, hidden = 0;
  for (size_t k = 0; k < masked.blank.size(); ++k) {
    ASSERT_TRUE(std::isfinite(masked.field.u[k]) && std::isfinite(masked.field.v[k]));
    if (masked.blank[k]) {
      ++hidden;
      EXPECT_EQ(masked.field.u[k], 0);
      EXPECT_EQ(masked.field.v[k], 0);
      EXPECT_EQ(masked.replaced[k], 0);
      continue;
    }
    // Windows that touch the body.
    const int row = static_cast<int>(k) / masked.field.width * o.step,
              column = static_cast<int>(k) % masked.field.width * o.step;
    if (row + o.window <= 60 || row >= 130 || column + o.window <= 90 || column >= 170) continue;
    ++near;
    plain_error += std::pow(plain.field.u[k] - MaskedPair::truth(plain, o, k), 2);
    masked_error += std::pow(masked.field.u[k] - MaskedPair::truth(masked, o, k), 2);
  }
  EXPECT_GT(hidden, 50);
  EXPECT_GT(near, 20);
  EXPECT_LT(std::sqrt(masked_error / near), 0.35);
  EXPECT_GT(plain_error, 4 * masked_error);
  // Without hidden pixels a mask changes nothing.
  const PixelMask open{pair.a.height, pair.a.width, std::vector<uint8_t>(pair.a.value.size(), 0)};
  EXPECT_EQ(multi_pass(pair.a, pair.b, o, open).field.u, plain.field.u);
  EXPECT_THROW(multi_pass(pair.a, pair.b, o, {3, 3, std::vector<uint8_t>(9, 0)}), Error);
}

TEST_F(LabImages, AScenarioWithAMask) {
  ImageOptions o;
  o.out = root_.string();
  const std::string a = kFolder + "shear_a.pgm", b = kFolder + "shear_b.pgm";
  core::Image picture(256, 192);
  const std::array<uint8_t, 3> white = {255, 255, 255}, black = {0, 0, 0};
  for (int y = 0; y < 192; ++y)
    for (int x = 0; x < 256; ++x) picture.set(x, y, x < 64 ? white : black);
  o.mask = (root_ / "mask.png").string();
  core::write_png(o.mask, picture);
  const ImageReport report = measure_images({a, b, a}, o);
  EXPECT_NEAR(report.hidden, 3.0 / 15, 1e-12);  // windows at 0, 16 and 32 px; that at 48 px is half open
  EXPECT_GT(std::abs(report.mean_u[0]), 3);     // zeros do not count
  const auto t = open_trajectories(load_scenario("piv", root_), root_, Side::real)->open("1.h5");
  const core::Array values = t->read({0, 1}, 0, 1);
  for (int64_t row = 0; row < 11; ++row)
    for (int64_t column = 0; column < 15; ++column)
      EXPECT_EQ(values.data[static_cast<size_t>(row * 15 + column) * 2] == 0, column < 3);
  EXPECT_EQ(t->attributes().at("mask"), "mask.png");
  core::write_png(o.mask, core::Image(100, 100, black));  // of another size
  EXPECT_THROW(measure_images({a, b}, o), Error);
}

TEST_F(LabImages, ReadsPngAndRefusesBadInput) {
  core::Image picture(100, 100);
  picture.set(3, 5, {10, 10, 10});
  core::write_png(root_ / "a.png", picture);
  const GreyImage grey = read_image(root_ / "a.png");
  EXPECT_EQ(grey.at(5, 3), 10);
  EXPECT_EQ(grey.at(5, 4), 255);
  core::write_file_atomic(root_ / "no.png", "not a picture");
  EXPECT_THROW(read_image(root_ / "no.png"), Error);
  ImageOptions o;
  o.out = root_.string();
  const std::string png = (root_ / "a.png").string();
  EXPECT_THROW(measure_images({png}, o), Error);
  EXPECT_THROW(measure_images({png, kFolder + "shear_a.pgm"}, o), Error);  // other size
  o.order = "pairs";
  EXPECT_THROW(measure_images({png, png, png}, o), Error);
  o.order = "sequence";
  o.window = 24;
  EXPECT_THROW(measure_images({png, png}, o), Error);
  EXPECT_FALSE(fs::exists(root_ / "piv" / "real"));
}

}  // namespace
}  // namespace windtunnel::datasets::lab::piv
