#include "results/report.h"

#include <gtest/gtest.h>

#include <regex>

#include "core/error.h"
#include "fixtures.h"
#include "results/chart.h"

namespace windtunnel::results {
namespace {

using fixtures::TemporaryFolder;

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

TEST(Report, ShowsEverythingTheRunLeft) {
  const TemporaryFolder folder;
  fixtures::make_run(folder.path, {});
  write_figures(folder.path / "figures.safetensors", fixtures::figures_of());
  const auto path = write_report(folder.path);
  const std::string page = core::read_file(path);
  for (const char* text :
       {"FNO on Cylinder", "Scores", "Rel L2", "against persistence", "Forecasts", "Spectrum",
        "Probe profiles", "Training loss", "Validation: RMSE", "Command that repeats the run",
        "windtunnel run --scenario cylinder", "some processor", "baseline: fno", "(m/s)²"})
    EXPECT_NE(page.find(text), std::string::npos) << text;
  EXPECT_GT(count(page, "data:image/png;base64,"), 2u * 17u);
  EXPECT_GE(count(page, "<svg"), 5u);
  EXPECT_TRUE(std::filesystem::exists(folder.path / "figures/sample0_u.png"));
  EXPECT_TRUE(std::filesystem::exists(folder.path / "figures/sample0_v_error.png"));
}

TEST(Report, LoadsNothing) {
  const TemporaryFolder folder;
  fixtures::make_run(folder.path, {});
  write_figures(folder.path / "figures.safetensors", fixtures::figures_of());
  const std::string page = report_page(folder.path);
  EXPECT_EQ(page.find("http://"), std::string::npos);
  EXPECT_EQ(page.find("https://"), std::string::npos);
  EXPECT_EQ(count(page, " src=\""), count(page, " src=\"data:image/png;base64,"));
  EXPECT_EQ(page.find("<link"), std::string::npos);
  EXPECT_EQ(page.find("url("), std::string::npos);
}

TEST(Report, MarksSyntheticDataOnly) {
  const TemporaryFolder folder;
  fixtures::make_run(folder.path / "made", {});
  fixtures::make_run(folder.path / "measured", {.synthetic = false});
  EXPECT_NE(report_page(folder.path / "made").find("<strong>Synthetic data</strong>"), std::string::npos);
  EXPECT_EQ(report_page(folder.path / "measured").find("<strong>Synthetic data</strong>"), std::string::npos);
}

TEST(Report, WorksWithTheRecordAlone) {
  const TemporaryFolder folder;
  write_record(folder.path / "record.json",
               fixtures::record_of({.model = "dmd", .setting = "inference", .trainable = false}));
  const std::string page = report_page(folder.path);
  EXPECT_NE(page.find("This model learns nothing"), std::string::npos);
  EXPECT_EQ(page.find("Forecasts"), std::string::npos);
}

TEST(Report, HostileTextIsEscaped) {
  const TemporaryFolder folder;
  auto draft = fixtures::draft_of({}, fixtures::table_of({}, 0.1));
  draft.command = "run </pre><script>alert(1)</script>";
  draft.model["label"] = "<img onerror=x>";
  draft.synthetic_label = "<b>made</b>";
  write_record(folder.path / "record.json", make_record(draft));
  const std::string page = report_page(folder.path);
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find("<img onerror"), std::string::npos);
  EXPECT_EQ(page.find("<b>made"), std::string::npos);
}

TEST(Report, NeedsARecord) {
  const TemporaryFolder folder;
  EXPECT_THROW(report_page(folder.path), Error);
}

TEST(Charts, TicksAreRoundAndCoverTheRange) {
  EXPECT_EQ(ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  const auto marks = ticks(-0.37, 1.42, 4);
  EXPECT_LE(marks.front(), -0.37);
  EXPECT_GE(marks.back(), 1.42);
  EXPECT_EQ(marks[1] - marks[0], 0.5);
}

TEST(Charts, GapsEmptyAndLogarithmic) {
  const std::string chart =
      line_chart({"t", "x", "y", false, true}, {{"a", {{1, 1}, {2, NAN}, {3, 10}, {4, -1}, {5, 100}}}});
  EXPECT_EQ(count(chart, "<circle"), 3u);
  EXPECT_NE(line_chart({"t", "x", "y"}, {}).find("nothing to draw"), std::string::npos);
  EXPECT_EQ(line_chart({"t", "x", "y"}, {{"a", {{1, 5}, {2, 5}}}}).find("nan"), std::string::npos);
  const std::string bars =
      bar_chart("t", {"s"}, {{"m", {{-3.5, 0.1, "-3.5"}}}, {"k", {{std::nullopt, 0, ""}}}});
  EXPECT_EQ(count(bars, "<rect"), 1u);
  EXPECT_EQ(count(bars, "whisker"), 1u);
}

}  // namespace
}  // namespace windtunnel::results
