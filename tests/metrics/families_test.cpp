#include "metrics/families.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "core/error.h"
#include "metrics/pdebench.h"
#include "metrics/well.h"

namespace windtunnel::metrics {
namespace {

core::Array field(core::Shape shape, double phase) {
  core::Array a(std::move(shape));
  for (size_t k = 0; k < a.data.size(); ++k)
    a.data[k] = static_cast<float>(std::sin(0.37 * static_cast<double>(k) + phase));
  return a;
}

core::Array first_channels(const core::Array& a, int64_t c) {
  core::Shape shape = a.shape;
  const int64_t stored = shape.back();
  shape.back() = c;
  core::Array out(shape);
  for (int64_t k = 0; k < out.numel(); ++k)
    out.data[static_cast<size_t>(k)] = a.data[static_cast<size_t>(k / c * stored + k % c)];
  return out;
}

/// Windows count predicted frames from 1; fields come with their names.
TEST(Families, WindowsAndFieldsOfVrmse) {
  const auto y = field({2, 30, 4, 6, 3}, 0), p = field({2, 30, 4, 6, 3}, 0.4);
  const auto family = make_family("the_well", {"A", "B"});
  family->add(p, y, 2);
  const Values vrmse = well_metric("VRMSE", first_channels(p, 2), first_channels(y, 2), 2);  // (2,30,2)
  const auto expected = [&](int64_t first, int64_t last, int64_t channel) {
    double sum = 0;
    for (int64_t b = 0; b < 2; ++b)
      for (int64_t t = first - 1; t < last; ++t)
        sum += vrmse.data[static_cast<size_t>((b * 30 + t) * 2 + channel)];
    return sum / static_cast<double>(2 * (last - first + 1));
  };
  const auto totals = family->totals();
  const auto value = [&](const std::string& id, const std::string& name) {
    for (const auto& score : totals)
      if (score.id == id && score.field == name) return score.value;
    return std::nan("");
  };
  for (const auto& [id, first, last] : {std::tuple{"next_frame_vrmse", 1, 1},
                                        {"vrmse_6_12", 6, 12},
                                        {"vrmse_13_30", 13, 30},
                                        {"vrmse", 1, 30}}) {
    EXPECT_NEAR(value(id, "A"), expected(first, last, 0), 1e-12) << id;
    EXPECT_NEAR(value(id, "B"), expected(first, last, 1), 1e-12) << id;
    EXPECT_NEAR(value(id, "all"), (expected(first, last, 0) + expected(first, last, 1)) / 2, 1e-12) << id;
  }
  const auto physix = make_family("physix");
  physix->add(p, y, 2);
  EXPECT_EQ(physix->columns(),
            (std::vector<std::string>{"vrmse_2_8", "vrmse_9_26"}));  // 30 frames: not 27:56
  for (const auto& score : physix->totals()) EXPECT_EQ(score.field, "all");

  const auto short_one = make_family("the_well");
  short_one->add(field({1, 8, 4, 6, 2}, 0.1), field({1, 8, 4, 6, 2}, 0), 2);
  EXPECT_EQ(find(short_one->totals(), "vrmse_6_12"), nullptr);
  EXPECT_NE(find(short_one->totals(), "next_frame_vrmse"), nullptr);
}

TEST(Families, TotalsEqualTheWholeBatch) {
  const auto y = field({5, 3, 8, 6, 3}, 0), p = field({5, 3, 8, 6, 3}, 0.3);
  for (const std::string name : {"the_well", "pdebench"}) {
    const auto family = make_family(name);
    const auto part = [](const core::Array& a, int64_t begin, int64_t end) {
      core::Shape shape = a.shape;
      const int64_t n = a.numel() / shape[0];
      shape[0] = end - begin;
      return core::Array(shape, {a.data.begin() + begin * n, a.data.begin() + end * n});
    };
    family->add(part(p, 0, 2), part(y, 0, 2), 2);  // any batches, the third channel is not scored
    family->add(part(p, 2, 5), part(y, 2, 5), 2);
    ASSERT_EQ(family->rows().size(), 5u);
    ASSERT_EQ(family->rows()[0].size(), family->columns().size());
    const auto p2 = first_channels(p, 2), y2 = first_channels(y, 2);
    if (name == "the_well") {
      EXPECT_NEAR(find(family->totals(), "vrmse")->value, mean(well_metric("VRMSE", p2, y2, 2)), 1e-12);
      EXPECT_NEAR(find(family->totals(), "pearson_r")->value, mean(well_metric("PearsonR", p2, y2, 2)),
                  1e-12);
      continue;
    }
    core::Array pt({5, 8, 6, 3, 2}), yt({5, 8, 6, 3, 2});
    for (int64_t b = 0; b < 5; ++b)
      for (int64_t t = 0; t < 3; ++t)
        for (int64_t k = 0; k < 48; ++k)
          for (int64_t c = 0; c < 2; ++c) {
            const auto from = static_cast<size_t>(((b * 3 + t) * 48 + k) * 2 + c),
                       to = static_cast<size_t>(((b * 48 + k) * 3 + t) * 2 + c);
            pt.data[to] = p2.data[from];
            yt.data[to] = y2.data[from];
          }
    PdebenchOptions o;
    o.initial_step = 0;
    const auto means = pdebench_means(pdebench_metrics(pt, yt, o));
    const auto totals = family->totals();
    EXPECT_NEAR(find(totals, "pdebench_rmse")->value, means.rmse, 1e-12);
    EXPECT_NEAR(find(totals, "pdebench_nrmse")->value, means.nrmse, 1e-12);
    EXPECT_NEAR(find(totals, "pdebench_brmse")->value, means.boundary, 1e-12);
    EXPECT_NEAR(find(totals, "pdebench_crmse")->value, means.conserved, 1e-12);
    EXPECT_NEAR(find(totals, "pdebench_max")->value, means.maximum, 1e-12);
    EXPECT_NEAR(find(totals, "pdebench_frmse_low")->value, means.bands[0], 1e-12);
    EXPECT_TRUE(std::isnan(find(totals, "pdebench_frmse_mid")->value));  // 6 columns have 3 bins
    EXPECT_FALSE(find(totals, "pdebench_frmse_mid")->reason.empty());
  }
}

TEST(Families, OneRowIsOneDimension) {
  core::Array y({1, 1, 1, 8, 1}), p = y;
  p.data[0] = 3;
  p.data[7] = 4;
  const auto family = make_family("pdebench");
  family->add(p, y, 1);
  EXPECT_NEAR(find(family->totals(), "pdebench_brmse")->value, std::sqrt(12.5), 1e-12);  // two ends
  EXPECT_NEAR(find(family->totals(), "pdebench_max")->value, 4, 1e-12);
}

/// Waves of one mode each: every band sees its own, with the root of the mean over samples.
TEST(Families, BandsOfOneDimension) {
  constexpr int64_t kPoints = 64;
  const double pi = std::acos(-1.0);
  const core::Array y({2, 1, 1, kPoints, 1});
  core::Array p = y;
  const std::pair<int64_t, double> waves[] = {{2, 0.3}, {7, 0.5}, {20, 0.7}};
  for (int64_t k = 0; k < kPoints; ++k)
    for (const auto& [mode, size] : waves)  // the second sample has no error
      p.data[static_cast<size_t>(k)] +=
          static_cast<float>(size * std::cos(2 * pi * static_cast<double>(mode * k) / kPoints));
  const auto family = make_family("pdebench");
  family->add(p, y, 1);
  const auto totals = family->totals();
  const double half = 0.5;  // |DFT| of a wave is size * points / 2
  EXPECT_NEAR(find(totals, "pdebench_frmse_low")->value, 0.3 * half / std::sqrt(2.0) / 4, 1e-7);
  EXPECT_NEAR(find(totals, "pdebench_frmse_mid")->value, 0.5 * half / std::sqrt(2.0) / 8, 1e-7);
  EXPECT_NEAR(find(totals, "pdebench_frmse_high")->value, 0.7 * half / std::sqrt(2.0) / 21, 1e-7);
  EXPECT_NEAR(family->rows()[0][5], 0.3 * half / 4, 1e-7);
  EXPECT_EQ(family->rows()[1][7], 0);
}

TEST(Families, BadInput) {
  EXPECT_THROW(make_family("the_wall"), core::Error);
  const auto family = make_family("the_well");
  EXPECT_THROW(family->add(field({1, 2, 4, 4, 1}, 0), field({1, 3, 4, 4, 1}, 0), 1), core::Error);
  EXPECT_THROW(family->add(field({1, 2, 4, 4, 1}, 0), field({1, 2, 4, 4, 1}, 0), 2), core::Error);
  auto p = field({2, 2, 4, 4, 1}, 0);
  p.data[0] = std::numeric_limits<float>::quiet_NaN();
  for (const auto& name : family_names()) {
    const auto f = make_family(name);
    f->add(p, field({2, 2, 4, 4, 1}, 1), 1);
    for (const auto& score : f->totals()) {
      EXPECT_TRUE(std::isnan(score.value)) << score.id;
      EXPECT_FALSE(score.reason.empty()) << score.id;
    }
  }
}

}  // namespace
}  // namespace windtunnel::metrics
