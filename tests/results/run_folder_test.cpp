#include "results/run_folder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "fixtures.h"

namespace windtunnel::results {
namespace {

using fixtures::TemporaryFolder;

std::string error_of(const std::filesystem::path& path, const std::string& text) {
  core::write_file_atomic(path, text);
  try {
    read_per_sample(path);
  } catch (const Error& error) {
    return error.found();
  }
  return "no error";
}

TEST(PerSample, RoundTripIsExact) {
  const TemporaryFolder folder;
  PerSampleTable table;
  table.metrics = {"mse", "mae"};
  table.rows = {{"a,b \"c\"\nd", "seen", 1, {0.1, 1e-300}},
                {"x", "in_dist", 3, {1.0 / 3, -0.0}},
                {"y", "out_dist", 1, {NAN, INFINITY}},
                {"z", "seen", 1, {-INFINITY, 5e-324}}};
  write_per_sample(folder.path / "t.csv", table);
  const PerSampleTable back = read_per_sample(folder.path / "t.csv");
  EXPECT_EQ(back.metrics, table.metrics);
  ASSERT_EQ(back.rows.size(), 4u);
  for (size_t r = 0; r < 4; ++r) {
    EXPECT_EQ(back.rows[r].sample_id, table.rows[r].sample_id);
    EXPECT_EQ(back.rows[r].subset, table.rows[r].subset);
    EXPECT_EQ(back.rows[r].rounds, table.rows[r].rounds);
    for (size_t c = 0; c < 2; ++c) {
      const double a = back.rows[r].values[c], b = table.rows[r].values[c];
      EXPECT_TRUE(std::isnan(b) ? std::isnan(a) : a == b && std::signbit(a) == std::signbit(b))
          << r << " " << c;
    }
  }
}

TEST(PerSample, ErrorsNameLineAndColumn) {
  const TemporaryFolder folder;
  const auto path = folder.path / "t.csv";
  const std::string head = "sample_id,subset,rounds,mse\n";
  EXPECT_NE(error_of(path, "id,mse\n").find(":1: not the header"), std::string::npos);
  EXPECT_NE(error_of(path, head + "a,seen,1\n").find(":2: 3 cells"), std::string::npos);
  EXPECT_NE(error_of(path, head + "a,seen,1,0.5\nb,seen,1,half\n").find(":3: column mse is 'half'"),
            std::string::npos);
  EXPECT_NE(error_of(path, head + "a,seen,0,0.5\n").find("rounds is '0'"), std::string::npos);
  EXPECT_NE(error_of(path, head + "a,seen,1,0.5\na,seen,1,0.5\n").find("appears twice"), std::string::npos);
  EXPECT_NE(error_of(path, head + "\"a,seen,1,0.5\n").find("not closed"), std::string::npos);
}

TEST(PerSample, RowOfWrongLengthIsRefused) {
  const TemporaryFolder folder;
  PerSampleTable table;
  table.metrics = {"mse"};
  table.rows = {{"a", "seen", 1, {}}};
  EXPECT_THROW(write_per_sample(folder.path / "t.csv", table), Error);
  EXPECT_FALSE(std::filesystem::exists(folder.path / "t.csv"));
}

TEST(Figures, RoundTripAndShapeErrors) {
  const TemporaryFolder folder;
  Figures figures = fixtures::figures_of();
  write_figures(folder.path / "f.safetensors", figures);
  const Figures back = read_figures(folder.path / "f.safetensors");
  EXPECT_EQ(back.samples[0].prediction.data, figures.samples[0].prediction.data);
  EXPECT_EQ(back.samples[0].target.shape, figures.samples[0].target.shape);
  EXPECT_EQ(back.fields[1].name, "v");
  EXPECT_EQ(back.fields[1].unit, "m/s");
  EXPECT_EQ(back.probe_stations, figures.probe_stations);
  EXPECT_EQ(back.spectrum_error.data, figures.spectrum_error.data);
  EXPECT_EQ(back.probes_target.shape, (core::Shape{4, 9}));
  EXPECT_DOUBLE_EQ(back.frame_interval_s, 0.0025);

  Figures bad = figures;
  bad.samples[0].prediction = core::Array({3, 24, 48, 2});
  EXPECT_THROW(write_figures(folder.path / "g.safetensors", bad), Error);
  bad = figures;
  bad.fields.pop_back();
  EXPECT_THROW(write_figures(folder.path / "g.safetensors", bad), Error);
  bad = figures;
  bad.probe_stations.pop_back();
  EXPECT_THROW(write_figures(folder.path / "g.safetensors", bad), Error);
  EXPECT_THROW(read_figures(folder.path / "none.safetensors"), Error);
}

}  // namespace
}  // namespace windtunnel::results
