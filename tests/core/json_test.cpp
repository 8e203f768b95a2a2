#include "core/json.h"

#include <cmath>
#include <limits>

#include "core/file.h"
#include "tests/core/caught.h"

namespace windtunnel::core {
namespace {

TEST(Json, CanonicalFormIsSortedAndShortest) {
  EXPECT_EQ(canonical(Json::parse(R"({"b": [1, 2.50, true], "a": {"z": null, "y": "gr\u00fc\u00df"}})")),
            "{\"a\":{\"y\":\"gr\xc3\xbc\xc3\x9f\",\"z\":null},\"b\":[1,2.5,true]}");
  EXPECT_EQ(canonical(0.1), "0.1");
}

TEST(Json, CanonicalFormRefusesNonFiniteNumbersWithTheirPlace) {
  const Error error = caught([] { canonical({{"a", {1.0, std::nan("")}}}); });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_TRUE(has(error.found(), "/a/1"));
}

TEST(Json, NonFiniteNumbersBecomeAReason) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(finite_or_reason(2.5), Json(2.5));
  EXPECT_EQ(finite_or_reason(std::nan("")), Json({{"value", nullptr}, {"reason", "nan"}}));
  EXPECT_EQ(finite_or_reason(infinity), Json({{"value", nullptr}, {"reason", "inf"}}));
  EXPECT_EQ(finite_or_reason(-infinity), Json({{"value", nullptr}, {"reason", "-inf"}}));
}

TEST(Json, MalformedTextNamesFileAndByte) {
  const Error error = caught([] { parse_json("{\"a\": }", "r.json"); });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_TRUE(has(error.found(), "r.json: not valid JSON at byte 7"));
  EXPECT_TRUE(has(caught([] { parse_json("[1e999]", "r.json"); }).found(), "r.json"));
}

TEST(Json, DeepNestingIsRefused) {
  EXPECT_TRUE(has(caught([] { parse_json(std::string(100000, '['), "r.json"); }).found(), "256 levels"));
  EXPECT_EQ(parse_json("\"" + std::string(1000, '[') + "\\\"[\"", "r.json").get<std::string>().size(), 1002u);
  EXPECT_EQ(parse_json("[[[1]]]", "r.json")[0][0][0], 1);
}

TEST(Json, YamlScalarsKeepTheirType) {
  const Json value = parse_yaml(
      "int: 3\nneg: -4\nreal: 2.5\nexp: 5e-5\nyes: true\nno: False\nnone: null\nempty:\nword: inf\nquoted: "
      "\"3\"\n"
      "comma: 8,\nlist: [1, a, 2.0]\nmap: {x: 1}\n",
      "a.yaml");
  EXPECT_EQ(value, Json({{"int", 3},
                         {"neg", -4},
                         {"real", 2.5},
                         {"exp", 5e-5},
                         {"yes", true},
                         {"no", false},
                         {"none", nullptr},
                         {"empty", nullptr},
                         {"word", "inf"},
                         {"quoted", "3"},
                         {"comma", "8,"},
                         {"list", {1, "a", 2.0}},
                         {"map", {{"x", 1}}}}));
}

TEST(Json, YamlErrorsNameFileAndLine) {
  EXPECT_TRUE(has(caught([] { parse_yaml("a: 1\nb: [1\n", "a.yaml"); }).found(), "a.yaml:"));
  EXPECT_TRUE(
      has(caught([] { parse_yaml("a: 1\na: 2\n", "a.yaml"); }).found(), "a.yaml:2: key 'a' appears twice"));
}

TEST(Json, YamlReadsBackWhatItWrites) {
  const Json value = {
      {"text", "3"},     {"word", "plain words"}, {"list", {1, 2, 3}},     {"nested", {{"a", {{"b", 0.1}}}}},
      {"none", nullptr}, {"flag", true},          {"rows", {{1, 2}, {3}}}, {"colon", "a: b"}};
  EXPECT_EQ(parse_yaml(to_yaml(value), "again"), value);
}

TEST(Json, MergeReplacesValuesAndJoinsObjects) {
  EXPECT_EQ(merged({{"a", {{"x", 1}, {"y", 2}}}, {"b", 1}}, {{"a", {{"y", 3}}}, {"c", 4}}),
            Json({{"a", {{"x", 1}, {"y", 3}}}, {"b", 1}, {"c", 4}}));
  EXPECT_EQ(merged({{"a", {1, 2}}}, {{"a", {3}}}), Json({{"a", {3}}}));
}

TEST(Json, ReadsFiles) {
  const TemporaryFolder folder;
  write_file_atomic(folder / "a.json", "{\"a\": 1}");
  write_file_atomic(folder / "a.yaml", "a: 1\n");
  EXPECT_EQ(read_json((folder / "a.json").string()), Json({{"a", 1}}));
  EXPECT_EQ(read_yaml((folder / "a.yaml").string()), Json({{"a", 1}}));
  EXPECT_EQ(caught([&] { read_json((folder / "none.json").string()); }).kind(), ErrorKind::data);
}

}  // namespace
}  // namespace windtunnel::core
