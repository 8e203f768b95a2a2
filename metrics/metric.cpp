#include "metrics/metric.h"

#include <cmath>

#include "core/embedded.h"
#include "core/error.h"
#include "core/options.h"
#include "core/text.h"

namespace windtunnel::metrics {

const std::vector<core::EmbeddedFile>& embedded_files();

namespace {

struct CardOptions : core::Options {
  MetricCard card;
  void describe(core::OptionVisitor& v) override {
    v("id", card.id, "key in records");
    v("version", card.version, "rises when the formula changes", core::kPositive);
    v("family", card.family, "benchmark that defines it");
    v("name", card.name, "name in tables");
    v("formula", card.formula, "what it computes");
    v("corrected", card.corrected, "what the corrected variant computes instead");
    v("unit", card.unit, "unit");
    v("higher_is_better", card.higher_is_better, "direction");
    v("decimals", card.decimals, "decimals in tables", core::kNotNegative);
    v("aggregation", card.aggregation, "mean, root <column> or set");
    v("needs", card.needs, "preconditions");
    v("batch_mean", card.batch_mean, "whether the published protocol takes the mean over batches");
    v("undefined", card.undefined, "why there may be no finite value");
    v("reference", card.reference, "publication");
  }
};

std::vector<MetricCard> read_cards() {
  std::vector<MetricCard> cards;
  for (const auto& file : embedded_files())
    for (const auto& item : core::parse_yaml(file.text, file.name)) {
      CardOptions options;
      core::read_options(options, item, file.name);
      cards.push_back(options.card);
    }
  return cards;
}

const MetricCard* lookup(const std::string& id) {
  for (const auto& card : catalogue())
    if (card.id == id) return &card;
  return nullptr;
}

}  // namespace

Aggregation MetricCard::how() const {
  if (aggregation == "mean") return Aggregation::mean;
  if (aggregation == "set") return Aggregation::set;
  return Aggregation::root;
}

std::string MetricCard::column() const {
  switch (how()) {
    case Aggregation::mean:
      return id;
    case Aggregation::root:
      return core::split(aggregation, ' ').back();
    case Aggregation::set:
      break;
  }
  return "";
}

core::Json MetricCard::json() const {
  CardOptions options;
  options.card = *this;
  return core::write_options(options);
}

/// For metrics/added.cpp, which appends.
std::vector<MetricCard>& mutable_catalogue() {
  static std::vector<MetricCard> cards = read_cards();
  return cards;
}
const std::vector<MetricCard>& catalogue() { return mutable_catalogue(); }

bool has_card(const std::string& id) { return lookup(id) != nullptr; }

const MetricCard& card(const std::string& id) {
  if (const MetricCard* found = lookup(id)) return *found;
  std::vector<std::string> ids;
  for (const auto& known : catalogue()) ids.push_back(known.id);
  throw core::usage_error("unknown metric '" + id + "'", "a metric listed by `windtunnel ls metrics`",
                          core::suggestion(id, ids));
}

core::Json Score::json() const {
  if (std::isfinite(value)) return {{"value", value}};
  core::Json result = core::finite_or_reason(value);
  if (!reason.empty()) result["reason"] = reason;
  return result;
}

const Score* find(const std::vector<Score>& scores, const std::string& id) {
  for (const auto& score : scores)
    if (score.id == id) return &score;
  return nullptr;
}

}  // namespace windtunnel::metrics
