#include "datasets/lab/piv/piv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"

namespace windtunnel::datasets::lab::piv {
namespace {

const std::string kFolder = std::string(WINDTUNNEL_GOLDEN) + "/lab/";

GreyImage read_pgm(const std::string& name) {
  std::ifstream file(kFolder + name, std::ios::binary);
  std::string magic;
  GreyImage image;
  int highest = 0;
  file >> magic >> image.width >> image.height >> highest;
  file.get();
  std::vector<char> bytes(static_cast<size_t>(image.width) * image.height);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  for (const char b : bytes) image.value.push_back(static_cast<unsigned char>(b));
  return image;
}

std::vector<std::vector<double>> read_csv(const std::string& name) {
  std::vector<std::vector<double>> rows;
  const auto lines = core::split(core::trim(core::read_file(kFolder + name)), '\n');
  for (size_t i = 1; i < lines.size(); ++i) {
    rows.emplace_back();
    for (const auto& cell : core::split(lines[i], ','))
      rows.back().push_back(cell.empty() ? std::nan("") : std::strtod(cell.c_str(), nullptr));
  }
  return rows;
}

/// Vectors of the golden image pair: row, column, x, y, u, v, peak ratio, flag. The independent program
/// writes ratio 0, "not defined", where the second peak lies on the map's border and is more than half the
/// first.
void check(const std::vector<std::vector<double>>& golden, const std::vector<Displacement>& got) {
  ASSERT_EQ(got.size(), golden.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(std::isnan(got[i].u), std::isnan(golden[i][4])) << i;
    if (std::isnan(got[i].u)) continue;
    EXPECT_NEAR(got[i].u, golden[i][4], 1e-4) << i;
    EXPECT_NEAR(got[i].v, golden[i][5], 1e-4) << i;
    if (golden[i][6] > 0)
      EXPECT_NEAR(got[i].peak_ratio, golden[i][6], 1e-4 * golden[i][6]) << i;
    else
      EXPECT_TRUE(got[i].peak_ratio >= 1 && got[i].peak_ratio < 2) << i << ": " << got[i].peak_ratio;
  }
}

std::vector<WindowPair> windows_of(const std::vector<std::vector<double>>& golden, int step) {
  std::vector<WindowPair> windows;
  for (const auto& row : golden) {
    const int r = static_cast<int>(row[0]) * step, c = static_cast<int>(row[1]) * step;
    windows.push_back({r, c, r, c});
  }
  return windows;
}

TEST(LabPiv, ReferenceAndFastCorrelationAgreeWithAnIndependentProgram) {
  const GreyImage a = read_pgm("shear_a.pgm"), b = read_pgm("shear_b.pgm");
  for (const auto& [file, size, step] :
       {std::tuple{"shear_circ32_16.csv", 32, 16}, {"shear_circ16_8.csv", 16, 8}}) {
    const auto golden = read_csv(file);
    std::vector<Displacement> got;
    correlate_reference(a, b, {size, size, false}, windows_of(golden, step), got);
    check(golden, got);
    Correlator(size).run(a, b, windows_of(golden, step), got);
    check(golden, got);
  }
}

TEST(LabPiv, LinearAndExtendedSearch) {
  const GreyImage a = read_pgm("shear_a.pgm"), b = read_pgm("shear_b.pgm");
  std::vector<Displacement> got;
  auto golden = read_csv("shear_lin32_16.csv");
  correlate_reference(a, b, {32, 32, true}, windows_of(golden, 16), got);
  check(golden, got);
  golden = read_csv("shear_ext24_16_of48.csv");
  correlate_reference(a, b, {48, 24, false}, windows_of(golden, 16), got);
  check(golden, got);
}

TEST(LabPiv, CorrelatorVariantsGiveTheSameBits) {
  const GreyImage a = read_pgm("shear_a.pgm"), b = read_pgm("shear_b.pgm");
  std::vector<WindowPair> windows;
  for (int i = 0; i < 21; ++i) windows.push_back({3 * i, 5 * i, 3 * i + 1, 5 * i + 2});
  for (const int size : {8, 16, 32, 64}) {
    std::vector<Displacement> first, other;
    Correlator(size, "sse2").run(a, b, windows, first);
    for (const auto& kernel : correlator_kernels()) {
      Correlator(size, kernel).run(a, b, windows, other);
      ASSERT_EQ(first.size(), other.size());
      EXPECT_EQ(std::memcmp(first.data(), other.data(), first.size() * sizeof(first[0])), 0)
          << kernel << " " << size;
    }
  }
  EXPECT_THROW(Correlator(24), Error);
  EXPECT_THROW(Correlator(16, "mmx"), Error);
}

TEST(LabPiv, NormalisedMedianTestFindsThePlantedOutliers) {
  const auto golden = read_csv("normmedian_case.csv");  // row, column, u, v, planted, flag
  VectorField field;
  for (const auto& row : golden) {
    field.u.push_back(row[2]);
    field.v.push_back(row[3]);
  }
  field.height = static_cast<int>(golden.back()[0]) + 1;
  field.width = static_cast<int>(golden.back()[1]) + 1;
  const auto flags = normalised_median_test(field);
  for (size_t i = 0; i < flags.size(); ++i) EXPECT_EQ(flags[i], golden[i][5]) << i;
}

TEST(LabPiv, GapsAreFilledFromTheirNeighboursAndBlanksAreZero) {
  VectorField field{3, 3, std::vector<double>(9, 2.0), std::vector<double>(9, -1.0)};
  field.u[4] = field.v[4] = std::nan("");
  std::vector<uint8_t> blank(9, 0);
  blank[0] = 1;
  fill_gaps(field, blank);
  EXPECT_EQ(field.u[4], 2);
  EXPECT_EQ(field.v[4], -1);
  EXPECT_EQ(field.u[0], 0);
  VectorField nothing{2, 2, std::vector<double>(4, std::nan("")), std::vector<double>(4, std::nan(""))};
  fill_gaps(nothing, std::vector<uint8_t>(4, 0));
  EXPECT_EQ(nothing.u, std::vector<double>(4, 0.0));
}

TEST(LabPiv, MedianFilterTakesSpikesAndLeavesBlanks) {
  VectorField field{3, 3, std::vector<double>(9, 2.0), std::vector<double>(9, -1.0)};
  field.u[4] = 90;
  field.u[0] = 0;
  std::vector<uint8_t> blank(9, 0);
  blank[0] = 1;
  median_filter(field, blank);
  EXPECT_EQ(field.u[4], 2);
  EXPECT_EQ(field.u[0], 0);
  EXPECT_EQ(field.u[1], 2);
  EXPECT_EQ(field.v, std::vector<double>(9, -1.0));
}

/// The whole chain on a vortex-like flow without a body.
TEST(LabPiv, TheChainRecoversASmoothFlow) {
  ParticleImageVelocimetry instrument;
  Picture p;
  p.refine = instrument.refine();
  p.margin = instrument.margin();
  p.height = (24 + 2 * p.margin) * p.refine;
  p.width = (32 + 2 * p.margin) * p.refine;
  p.spacing = 1.0 / 36;
  const auto u_at = [](double r, double c) { return 1 + 0.3 * std::sin(0.15 * r) * std::cos(0.1 * c); };
  const auto v_at = [](double r, double c) { return 0.3 * std::cos(0.15 * r) * std::sin(0.1 * c); };
  for (int r = 0; r < p.height; ++r)
    for (int c = 0; c < p.width; ++c) {
      p.u.push_back(static_cast<float>(u_at(p.coordinate(r), p.coordinate(c))));
      p.v.push_back(static_cast<float>(v_at(p.coordinate(r), p.coordinate(c))));
      p.distance.push_back(5);
    }
  NormalStream random(4);
  std::vector<float> u, v, again;
  instrument.measure(p, {}, random, u, v);
  ASSERT_EQ(u.size(), 24u * 32u);
  double bias = 0, squares = 0;
  for (int r = 0; r < 24; ++r)
    for (int c = 0; c < 32; ++c) {
      const size_t k = static_cast<size_t>(r) * 32 + c;
      const double eu = u[k] - u_at(r, c), ev = v[k] - v_at(r, c);
      bias += eu / static_cast<double>(u.size());
      squares += (eu * eu + ev * ev) / 2 / static_cast<double>(u.size());
    }
  EXPECT_LT(std::abs(bias), 0.01);
  EXPECT_LT(std::sqrt(squares), 0.03);  // of U: 0.15 px
  EXPECT_GT(std::sqrt(squares), 0.002);
  EXPECT_LT(instrument.replaced(), 0.02);

  const double usual = squares;
  BenchOptions quiet;
  quiet.displacement = 8;
  quiet.depth_jitter = 0.025;
  quiet.smooth = true;
  ParticleImageVelocimetry better(quiet);
  NormalStream once_more(4);
  better.measure(p, {}, once_more, again, v);
  squares = 0;
  for (int r = 0; r < 24; ++r)
    for (int c = 0; c < 32; ++c)
      squares +=
          std::pow(again[static_cast<size_t>(r) * 32 + c] - u_at(r, c), 2) / static_cast<double>(u.size());
  EXPECT_LT(squares, 0.5 * usual);

  NormalStream same(4);
  ParticleImageVelocimetry other;
  other.measure(p, {}, same, again, v);
  EXPECT_EQ(u, again);
}

TEST(LabPiv, VectorsInsideABodyAreZeroAndTurbulenceAcrossTheSheetCostsVectors) {
  ParticleImageVelocimetry instrument;
  Picture p;
  p.refine = instrument.refine();
  p.margin = instrument.margin();
  p.height = p.width = (20 + 2 * p.margin) * p.refine;
  p.spacing = 1.0 / 18;
  for (int r = 0; r < p.height; ++r)
    for (int c = 0; c < p.width; ++c) {
      p.u.push_back(1);
      p.v.push_back(0);
      p.distance.push_back(
          static_cast<float>((std::hypot(p.coordinate(r) - 8, p.coordinate(c) - 8) - 4) / 9));
    }
  NormalStream random(1);
  std::vector<float> u, v;
  instrument.measure(p, {}, random, u, v);
  const double calm = instrument.replaced();
  EXPECT_EQ(u[8 * 20 + 8], 0);
  EXPECT_EQ(v[8 * 20 + 8], 0);
  EXPECT_NEAR(u[2 * 20 + 2], 1, 0.08);
  instrument.measure(p, std::vector<float>(p.u.size(), 1.0f), random, u, v);
  EXPECT_GT(instrument.replaced(), calm);
}

}  // namespace
}  // namespace windtunnel::datasets::lab::piv
