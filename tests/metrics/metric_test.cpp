#include "metrics/metric.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "core/error.h"
#include "metrics/accumulator.h"

namespace windtunnel::metrics {
namespace {

TEST(Catalogue, HasTheNineMeasuresWithTheirDirections) {
  for (const char* id : {"rmse", "mae", "rel_l2", "r2", "update_ratio", "frmse", "fe", "ke", "mvpe"})
    EXPECT_EQ(card(id).higher_is_better, std::string(id) == "r2") << id;
  EXPECT_EQ(card("fe").decimals, 2);
  EXPECT_EQ(card("rmse").decimals, 4);
}

TEST(Catalogue, IdsAreUniqueAndCardsComplete) {
  std::set<std::string> ids;
  for (const auto& card : catalogue()) {
    EXPECT_TRUE(ids.insert(card.id).second) << card.id;
    EXPECT_FALSE(card.name.empty() || card.formula.empty() || card.unit.empty() || card.undefined.empty() ||
                 card.family.empty() || card.reference.empty())
        << card.id;
    EXPECT_EQ(card.json().at("id"), card.id);
  }
}

TEST(Catalogue, ColumnsThatTotalsAggregateExistInTheRows) {
  const auto& columns = MetricAccumulator::columns();
  EXPECT_EQ(card("rmse").how(), Aggregation::root);
  EXPECT_EQ(card("rmse").column(), "mse");
  EXPECT_EQ(card("r2").column(), "");
  for (const auto& card : catalogue())
    if (card.family == "realpdebench" && card.how() != Aggregation::set) {
      EXPECT_NE(std::find(columns.begin(), columns.end(), card.column()), columns.end()) << card.id;
    }
}

TEST(Catalogue, UnknownMetricNamesTheNearest) {
  try {
    card("rel_l3");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_NE(error.hint().find("rel_l2"), std::string::npos) << error.hint();
  }
}

TEST(Score, NeverWritesANonFiniteNumber) {
  EXPECT_EQ(Score({"rmse", 0.5, ""}).json().at("value"), 0.5);
  const auto json = Score{"r2", -std::numeric_limits<double>::infinity(), "one sample"}.json();
  EXPECT_TRUE(json.at("value").is_null());
  EXPECT_EQ(json.at("reason"), "one sample");
}

}  // namespace
}  // namespace windtunnel::metrics
