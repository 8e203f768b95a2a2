#include "core/options.h"

#include "tests/core/caught.h"

namespace windtunnel::core {
namespace {

struct Sample : Options {
  bool flag = false;
  int64_t width = 64;
  double rate = 0.5;
  std::string name = "x", kernels = "auto";
  std::vector<int64_t> sizes = {1, 2};
  std::vector<double> weights = {0.5};
  std::vector<std::string> fields = {"u"};

  void describe(OptionVisitor& v) override {
    v("flag", flag, "a switch");
    v("width", width, "channels", kPositive);
    v("rate", rate, "a probability", {0, 1});
    v("name", name, "a text");
    v("sizes", sizes, "sizes");
    v("weights", weights, "weights");
    v("fields", fields, "names");
    v.choice("kernels", kernels, {"auto", "fast"}, "which code");
  }
};

Error refused(const Json& values) {
  return caught([&] {
    Sample sample;
    read_options(sample, values, "run.yaml");
  });
}

TEST(Options, ReadEveryType) {
  Sample sample;
  read_options(sample,
               {{"flag", true},
                {"width", 8},
                {"rate", 1},
                {"name", "y"},
                {"sizes", {3}},
                {"weights", {1, 0.25}},
                {"fields", {"u", "v"}},
                {"kernels", "fast"}},
               "run.yaml");
  EXPECT_TRUE(sample.flag);
  EXPECT_EQ(sample.width, 8);
  EXPECT_EQ(sample.rate, 1.0);
  EXPECT_EQ(sample.name, "y");
  EXPECT_EQ(sample.sizes, std::vector<int64_t>{3});
  EXPECT_EQ(sample.weights, (std::vector<double>{1, 0.25}));
  EXPECT_EQ(sample.fields, (std::vector<std::string>{"u", "v"}));
  EXPECT_EQ(sample.kernels, "fast");
}

TEST(Options, KeepDefaultsAndWriteThemBack) {
  Sample sample, copy;
  read_options(sample, nullptr, "run.yaml");
  read_options(sample, {{"width", 7}}, "run.yaml");
  EXPECT_EQ(sample.rate, 0.5);
  const Json values = write_options(sample);
  EXPECT_EQ(values.at("width"), 7);
  EXPECT_EQ(values.size(), 8u);
  read_options(copy, values, "again");
  EXPECT_EQ(write_options(copy), values);
}

TEST(Options, UnknownKeyNamesTheNearest) {
  const Error error = refused({{"widht", 3}});
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_TRUE(has(error.found(), "run.yaml: unknown key 'widht'"));
  EXPECT_TRUE(has(error.hint(), "did you mean 'width'?"));
}

TEST(Options, WrongTypeNamesKeyAndExpectation) {
  EXPECT_TRUE(has(refused({{"width", "8"}}).found(), "option 'width' is \"8\""));
  EXPECT_EQ(refused({{"width", 2.5}}).expected(), "an integer");
  EXPECT_EQ(refused({{"flag", 1}}).expected(), "true or false");
  EXPECT_EQ(refused({{"sizes", 3}}).expected(), "a list");
  EXPECT_EQ(refused({{"sizes", {1.5}}}).expected(), "an integer");
  EXPECT_EQ(refused({{"fields", {1}}}).expected(), "a list of texts");
  EXPECT_EQ(refused({{"name", 1}}).expected(), "text");
  EXPECT_EQ(refused(Json::array({1})).expected(), "keys and values");
}

TEST(Options, RangeIsInclusive) {
  EXPECT_EQ(refused({{"rate", 1.5}}).expected(), "a number from 0 to 1");
  EXPECT_TRUE(has(refused({{"width", 0}}).found(), "option 'width' is 0"));
  Sample sample;
  read_options(sample, {{"rate", 0}, {"width", 1}}, "run.yaml");
  EXPECT_EQ(sample.width, 1);
}

TEST(Options, ChoiceListsTheAllowed) {
  const Error error = refused({{"kernels", "fats"}});
  EXPECT_EQ(error.expected(), "one of auto, fast");
  EXPECT_TRUE(has(error.hint(), "did you mean 'fast'?"));
}

TEST(Options, ListDocumentsEveryOption) {
  Sample sample;
  const auto docs = list_options(sample);
  ASSERT_EQ(docs.size(), 8u);
  EXPECT_EQ(docs[1].key, "width");
  EXPECT_EQ(docs[1].type, "integer");
  EXPECT_EQ(docs[1].default_value, "64");
  EXPECT_EQ(docs[1].doc, "channels");
  EXPECT_EQ(docs[7].type, "auto | fast");
}

TEST(Options, AssignmentsNestAndParseAsYaml) {
  EXPECT_EQ(
      parse_assignments({"model.width=8", "model.name=fno", "seed=0", "sizes=[1, 2]", "text=a=b"}),
      Json({{"model", {{"width", 8}, {"name", "fno"}}}, {"seed", 0}, {"sizes", {1, 2}}, {"text", "a=b"}}));
  EXPECT_EQ(caught([] { parse_assignments({"width"}); }).kind(), ErrorKind::usage);
  EXPECT_EQ(caught([] { parse_assignments({"=3"}); }).expected(), "key=value");
  EXPECT_EQ(caught([] { parse_assignments({"a=3", "a.b=4"}); }).kind(), ErrorKind::usage);
}

}  // namespace
}  // namespace windtunnel::core
