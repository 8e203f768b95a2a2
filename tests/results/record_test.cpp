#include "results/record.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "fixtures.h"
#include "results/environment.h"
#include "results/schema.h"

namespace windtunnel::results {
namespace {

using fixtures::RunSpec;
using fixtures::TemporaryFolder;

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "no error";
}

TEST(Record, IdIsTheHashOfTheContentAndSurvivesADiskTrip) {
  const TemporaryFolder folder;
  const core::Json record = fixtures::record_of({});
  EXPECT_EQ(record["record_id"], record_id(record));
  core::Json bare = record;
  bare.erase("record_id");
  EXPECT_EQ(record["record_id"], core::sha256(core::canonical(bare)));
  write_record(folder.path / "record.json", record);
  EXPECT_EQ(read_record(folder.path / "record.json"), record);
}

TEST(Record, IdDoesNotDependOnIdOrSignature) {
  core::Json record = fixtures::record_of({});
  const std::string id = record_id(record);
  record["signature"] = "someone";
  record["record_id"] = "x";
  EXPECT_EQ(record_id(record), id);
  record["notes"] = "edited";
  EXPECT_NE(record_id(record), id);
}

TEST(Record, RepeatedRunsDifferOnlyInTimesAndMachine) {
  RunSpec spec;
  core::Json first = fixtures::record_of(spec);
  spec.created = "2026-01-01T00:00:00Z";
  auto draft = fixtures::draft_of(spec, fixtures::table_of(spec, spec.rel_l2));
  draft.training["measured"]["wall_s"] = 99;
  draft.training["measured"]["resumed"] = 3;
  draft.environment["cpu_model"] = "another";
  const core::Json second = make_record(draft);
  EXPECT_NE(first["record_id"], second["record_id"]);
  EXPECT_EQ(comparable(first), comparable(second));
  draft.metrics[0].value += 1e-12;
  EXPECT_NE(comparable(first), comparable(make_record(draft)));
}

TEST(Record, NotFiniteBecomesNullWithReason) {
  MetricValue score;
  score.id = "rmse";
  score.value = INFINITY;
  EXPECT_TRUE(score.json()["value"].is_null());
  EXPECT_EQ(score.json()["reason"], "inf");
  score.reason = "not reached";
  EXPECT_EQ(score.json()["reason"], "not reached");
  RunSpec spec;
  auto draft = fixtures::draft_of(spec, fixtures::table_of(spec, 0.1));
  draft.metrics[0].value = NAN;
  EXPECT_EQ((*find_metric(make_record(draft), "rel_l2"))["reason"], "nan");
  draft.training["measured"]["wall_s"] = NAN;
  EXPECT_NE(message_of([&] { make_record(draft); }).find("/training/measured/wall_s"), std::string::npos);
}

TEST(Record, RefusesUnknownKeyWithSuggestion) {
  RunSpec spec;
  auto draft = fixtures::draft_of(spec, fixtures::table_of(spec, 0.1));
  draft.model["paramters"] = 3;
  const std::string message = message_of([&] { make_record(draft); });
  EXPECT_NE(message.find("/model"), std::string::npos) << message;
  EXPECT_NE(message.find("unknown key 'paramters'"), std::string::npos) << message;
  EXPECT_NE(message.find("'parameters'"), std::string::npos) << message;
}

TEST(Record, RefusesMissingBlockFields) {
  RunSpec spec;
  auto draft = fixtures::draft_of(spec, fixtures::table_of(spec, 0.1));
  draft.dataset.erase("n_test");
  EXPECT_NE(message_of([&] { make_record(draft); }).find("/dataset: key 'n_test' is missing"),
            std::string::npos);
  draft = fixtures::draft_of(spec, fixtures::table_of(spec, 0.1));
  draft.command = "";
  EXPECT_NE(message_of([&] { make_record(draft); }).find("/command"), std::string::npos);
}

TEST(Record, ReadRefusesBadFiles) {
  const TemporaryFolder folder;
  const auto path = folder.path / "record.json";
  EXPECT_NE(message_of([&] { read_record(path); }).find("record.json"), std::string::npos);
  core::write_file_atomic(path, "{\"schema\": ");
  EXPECT_NE(message_of([&] { read_record(path); }).find("not valid JSON"), std::string::npos);
  core::write_file_atomic(path, "[1]");
  EXPECT_NE(message_of([&] { read_record(path); }).find("expected object"), std::string::npos);
  core::Json record = fixtures::record_of({});
  record["metrics"][0]["value"] = 0.001;
  write_record(path, record);
  EXPECT_NE(message_of([&] { read_record(path); }).find("was edited"), std::string::npos);
  record["record_id"] = record_id(record);
  record["schema"] = "windtunnel-record/9.0";
  write_record(path, record);
  EXPECT_NE(message_of([&] { read_record(path); }).find("/schema"), std::string::npos);
}

TEST(Record, SkillComparesWithTheReference) {
  EXPECT_DOUBLE_EQ(skill(0.1, 0.4, false), 0.75);
  EXPECT_DOUBLE_EQ(skill(0.6, 0.4, false), -0.5);
  EXPECT_DOUBLE_EQ(skill(0.9, 0.5, true), 0.8);
}

TEST(Record, FindMetricTakesTheMainScore) {
  RunSpec spec;
  auto draft = fixtures::draft_of(spec, fixtures::table_of(spec, 0.1));
  MetricValue other = draft.metrics[0];
  other.field = "u";
  other.value = 7;
  draft.metrics.insert(draft.metrics.begin(), other);
  other.field = "all";
  other.rounds = 3;
  draft.metrics.insert(draft.metrics.begin(), other);
  const core::Json record = make_record(draft);
  EXPECT_NE((*find_metric(record, "rel_l2"))["value"], 7);
  EXPECT_EQ(find_metric(record, "rel_l2", "no such forecast"), nullptr);
  ASSERT_NE(find_metric(record, "rel_l2", "persistence"), nullptr);
  EXPECT_GT((*find_metric(record, "rel_l2", "persistence"))["value"].get<double>(), 0.3);
}

TEST(Environment, HoldsFactsAndNothingElse) {
  EnvironmentFacts facts;
  facts.threads = 2;
  facts.libraries = {{"fftw", "3.3"}};
  const core::Json block = environment_block(facts);
  RunSpec spec;
  auto draft = fixtures::draft_of(spec, fixtures::table_of(spec, 0.1));
  draft.environment = block;
  EXPECT_EQ(make_record(draft)["environment"]["libraries"]["fftw"], "3.3");
  EXPECT_GE(block["cpu_cores"].get<int>(), 1);
  ASSERT_EQ(::setenv("WINDTUNNEL_SECRET", "do-not-leak-4711", 1), 0);
  EXPECT_EQ(environment_block(facts).dump().find("4711"), std::string::npos);
}

TEST(Schema, ReportsTypeEnumPatternAndBounds) {
  const core::Json schema =
      core::Json::parse(R"({"type": "object", "required": ["a"], "additionalProperties": false,
    "properties": {"a": {"type": ["integer", "null"], "minimum": 0, "maximum": 5}, "b": {"enum": ["x", "y"]},
                   "c": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/word"}}},
    "$defs": {"word": {"type": "string", "pattern": "^[a-z]+$", "minLength": 1}}})");
  const auto first = [&](const char* text) {
    const auto problems = validate(core::Json::parse(text), schema);
    return problems.empty() ? std::string("valid") : problems[0].path + ": " + problems[0].message;
  };
  EXPECT_EQ(first(R"({"a": 3, "b": "x", "c": ["word"]})"), "valid");
  EXPECT_EQ(first(R"({"a": null})"), "valid");
  EXPECT_EQ(first(R"({"a": 2.0})"), "valid");
  EXPECT_EQ(first(R"({"a": 2.5})"), "/a: found 2.5 (number), expected integer, null");
  EXPECT_EQ(first(R"({"a": -1})"), "/a: found -1, expected at least 0");
  EXPECT_EQ(first(R"({"a": 6})"), "/a: found 6, expected at most 5");
  EXPECT_EQ(first(R"({})"), "/: key 'a' is missing");
  EXPECT_EQ(first(R"({"a": 1, "b": "z"})"), "/b: found \"z\", expected one of x, y");
  EXPECT_EQ(first(R"({"a": 1, "c": []})"), "/c: found 0 items, expected at least 1");
  EXPECT_EQ(first(R"({"a": 1, "c": ["ok", "NO"]})"),
            "/c/1: found \"NO\", expected text of the form ^[a-z]+$");
  EXPECT_NE(first(R"({"a": 1, "d": 1})").find("unknown key 'd'"), std::string::npos);
  EXPECT_THROW(validate(1, core::Json{{"oneOf", core::Json::array()}}), Error);
}

TEST(Schema, EveryFieldOfTheRecordIsDocumented) {
  const std::function<void(const core::Json&, const std::string&)> visit = [&](const core::Json& schema,
                                                                               const std::string& path) {
    const core::Json properties = schema.value("properties", core::Json::object());
    for (const auto& [key, child] : properties.items()) {
      EXPECT_TRUE(child.contains("description")) << path + "/" + key;
      visit(child, path + "/" + key);
      if (child.contains("items")) visit(child["items"], path + "/" + key + "/items");
    }
  };
  visit(record_schema(), "");
  for (const auto& [name, definition] : record_schema()["$defs"].items()) visit(definition, "$defs/" + name);
}

}  // namespace
}  // namespace windtunnel::results
