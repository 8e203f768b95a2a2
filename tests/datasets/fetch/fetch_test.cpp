#include "datasets/fetch/fetch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "core/file.h"
#include "core/json.h"
#include "datasets/fetch/manifest.h"
#include "datasets/fetch/transfer.h"
#include "tests/datasets/fetch/hub_stand_in.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets::fetch {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::HubStandIn;

std::string bytes(size_t n, unsigned seed) {
  std::string text(n, '\0');
  for (auto& c : text) c = static_cast<char>((seed = seed * 1664525u + 1013904223u) >> 24);
  return text;
}

std::string shard(int k, int n) {
  char name[40];
  std::snprintf(name, sizeof name, "data-%05d-of-%05d.arrow", k, n);
  return name;
}

/// A repository with two scenarios: "wake" with four shards of seven trajectories (real), two (numerical),
/// and "jet" with plain HDF5 files.
class FetchTest : public ::testing::Test {
 protected:
  FetchTest() {
    ::setenv("no_proxy", "127.0.0.1,localhost", 1);
    for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
    hub.add("README.md", "data");
    hub.add("version.json", R"({"data_version":"1.0","min_code_version":"0.2.0"})");
    core::Json state = {{"_data_files", core::Json::array()}, {"_split", "train"}};
    for (int k = 0; k < 4; ++k) {
      hub.add("wake/hf_dataset/real/" + shard(k, 4),
              bytes(5000 + static_cast<size_t>(k), 7u + static_cast<unsigned>(k)));
      state["_data_files"].push_back({{"filename", shard(k, 4)}});
    }
    hub.add("wake/hf_dataset/real/state.json", state.dump());
    hub.add("wake/hf_dataset/real/dataset_info.json", "{}");
    for (int k = 0; k < 2; ++k)
      hub.add("wake/hf_dataset/numerical/" + shard(k, 2), bytes(3000, 20u + static_cast<unsigned>(k)));
    core::Json remain = core::Json::object(), index = core::Json::array();
    for (int i = 0; i < 7; ++i) {
      const std::string id = std::to_string(1000 + 100 * i) + ".h5";
      remain[id] = {1000.0 + 100 * i};
      index.push_back({{"sim_id", id}, {"time_id", i}});
    }
    hub.add("wake/remain_params_real.json", remain.dump());
    hub.add("wake/hf_dataset/train_index_real.json", index.dump());
    for (const char* name : {"1.h5", "2.h5", "3.h5"}) {
      hub.add(std::string("jet/real/") + name, bytes(2000, 40));
      hub.add(std::string("jet/numerical/") + name, bytes(2500, 41));
      hub.add(std::string("jet/surrogate/") + name, bytes(1500, 42));
    }
    options.hub.endpoint = hub.endpoint();
    options.hub.repository = "owner/data";
    options.out = folder / "root";
    policy.attempts = 3;
    policy.wait = [this](double seconds, const std::atomic<bool>*) {
      const std::lock_guard lock(mutex);
      waits.push_back(seconds);
    };
  }

  FetchPlan plan() { return plan_fetch(options, policy); }
  void fetch() { run_fetch(options, plan(), policy, true); }
  core::Error failure() {
    return error_of([&] { fetch(); });
  }
  void expect_content(const std::string& path) {
    ASSERT_TRUE(fs::exists(options.out / path)) << path;
    EXPECT_TRUE(core::read_file(options.out / path) == hub.files[path]) << path;
  }
  void only(const std::string& path) { options.selection.files = {path}; }
  bool nothing_partial() const {
    for (const auto& entry : fs::recursive_directory_iterator(options.out))
      if (entry.path().string().find(".part") != std::string::npos) return false;
    return true;
  }

  HubStandIn hub;
  testing::TemporaryFolder folder;
  FetchOptions options;
  HttpPolicy policy;
  std::mutex mutex;
  std::vector<double> waits;
  const std::string big = "wake/hf_dataset/real/data-00001-of-00004.arrow";
};

TEST_F(FetchTest, ShowsSizesFirstAndFetchesNothingByItself) {
  options.selection.scenarios = {"wake"};
  const auto p = plan();
  EXPECT_EQ(p.files.front().path, "version.json");
  EXPECT_EQ(p.commit, hub.commit());
  int64_t size = 0;
  for (const auto& f : p.files) size += f.size;
  EXPECT_EQ(p.bytes, size);
  EXPECT_EQ(p.missing_bytes(), size);
  EXPECT_NE(p.text().find("wake real"), std::string::npos);
  EXPECT_EQ(hub.count("/resolve/"), 0);
  EXPECT_FALSE(fs::exists(options.out));
  EXPECT_GT(hub.count("cursor="), 2);  // several pages
}

TEST_F(FetchTest, WholeScenarioThenNothingMore) {
  options.selection.scenarios = {"wake"};
  options.workers = 4;
  fetch();
  for (const auto& [path, text] : hub.files)
    if (path.rfind("wake/", 0) == 0) expect_content(path);
  EXPECT_FALSE(fs::exists(options.out / "jet"));
  EXPECT_TRUE(nothing_partial());
  EXPECT_TRUE(verify_fetched(options.out).empty());
  const int before = hub.count("/storage/");
  EXPECT_EQ(plan().missing_bytes(), 0);
  fetch();
  EXPECT_EQ(hub.count("/storage/"), before);
}

TEST_F(FetchTest, SmallFilesOnlyWithoutScenario) {
  fetch();
  expect_content("wake/hf_dataset/train_index_real.json");
  expect_content("wake/remain_params_real.json");
  EXPECT_FALSE(fs::exists(options.out / big));
}

TEST_F(FetchTest, SideFilesAndExclusions) {
  options.selection.scenarios = {"jet"};
  options.selection.sides = {"numerical"};
  options.selection.exclude = {"*/2.h5"};
  fetch();
  expect_content("jet/numerical/1.h5");
  expect_content("jet/surrogate/3.h5");
  EXPECT_FALSE(fs::exists(options.out / "jet/real"));
  EXPECT_FALSE(fs::exists(options.out / "jet/numerical/2.h5"));
}

TEST_F(FetchTest, SomeTrajectoriesStayReadable) {
  options.selection.scenarios = {"wake"};
  options.selection.sides = {"real"};
  options.selection.trajectories = 3;  // shards hold 2, 2, 2, 1
  fetch();
  expect_content("wake/hf_dataset/real/" + shard(1, 4));
  EXPECT_FALSE(fs::exists(options.out / "wake/hf_dataset/real" / shard(2, 4)));
  const auto state = core::read_json((options.out / "wake/hf_dataset/real/state.json").string());
  EXPECT_EQ(state["_data_files"].size(), 2u);
  const auto index = core::read_json((options.out / "wake/train_index_real.json").string());
  ASSERT_EQ(index.size(), 4u);
  EXPECT_EQ(index[3]["sim_id"], "1300.h5");
  EXPECT_TRUE(verify_fetched(options.out).empty());

  options.selection.trajectories = 0;  // the rest later: the reduction disappears
  fetch();
  expect_content("wake/hf_dataset/real/state.json");
  EXPECT_FALSE(fs::exists(options.out / "wake/train_index_real.json"));
  options.selection.scenarios = {"jet"};
  options.selection.trajectories = 2;
  fetch();
  EXPECT_FALSE(fs::exists(options.out / "jet/real/3.h5"));
}

TEST_F(FetchTest, ResumesADroppedConnectionWithARange) {
  only(big);
  hub.mischief[big] = {.drop = 2, .drop_after = 1500};
  fetch();
  expect_content(big);
  std::vector<std::string> ranges;
  for (const auto& r : hub.requests())
    if (r.has("/storage/")) ranges.push_back(r.range);
  EXPECT_EQ(ranges, (std::vector<std::string>{"", "bytes=1500-", "bytes=3000-"}));
}

TEST_F(FetchTest, ResumesInALaterRun) {
  only(big);
  hub.mischief[big] = {.drop = 3, .drop_after = 0};
  fs::create_directories((options.out / big).parent_path());
  core::write_file_atomic((options.out / big).string() + ".part", hub.files[big].substr(0, 2000));
  core::write_file_atomic(
      (options.out / big).string() + ".part.json",
      core::Json{{"etag", testing::hex_digest(hub.files[big], false)}, {"size", 5001}}.dump());
  const auto e = failure();
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_NE(e.found().find(big), std::string::npos);
  EXPECT_NE(e.hint().find("rest"), std::string::npos);
  EXPECT_EQ(plan().partial_bytes, 2000);
  fetch();
  expect_content(big);
  EXPECT_EQ(hub.requests().back().range, "bytes=2000-");
}

TEST_F(FetchTest, StartsAgainWhenTheFileHasChanged) {
  only(big);
  fs::create_directories((options.out / big).parent_path());
  core::write_file_atomic((options.out / big).string() + ".part", std::string(2000, 'x'));
  core::write_file_atomic((options.out / big).string() + ".part.json",
                          core::Json{{"etag", std::string(64, '1')}, {"size", 5001}}.dump());
  fetch();
  expect_content(big);
  EXPECT_EQ(hub.requests().back().range, "");
}

TEST_F(FetchTest, ServerThatIgnoresRangesOrTruncates) {
  only(big);
  hub.mischief[big] = {.drop = 1, .drop_after = 1500, .ignore_range = true};
  fetch();
  expect_content(big);
  fs::remove(options.out / big);
  hub.mischief[big] = {.truncate = 1};
  fetch();
  expect_content(big);
  fs::remove(options.out / big);
  hub.mischief[big] = {.truncate = 100, .ignore_range = true};
  EXPECT_NE(failure().found().find("fewer bytes"), std::string::npos);
  EXPECT_FALSE(fs::exists(options.out / big));
  hub.mischief[big] = {.extra = 100};
  EXPECT_NE(failure().found().find("more bytes"), std::string::npos);
}

TEST_F(FetchTest, WaitsAsLongAsTheServerAsks) {
  only(big);
  hub.mischief["api"] = {.refuse = 1, .refuse_status = 503, .refuse_headers = ""};
  hub.mischief[big] = {.refuse = 2, .refuse_status = 429, .refuse_headers = "Retry-After: 7\r\n"};
  fetch();
  expect_content(big);
  EXPECT_EQ(waits, (std::vector<double>{1, 7, 7}));
  fs::remove(options.out / big);
  waits.clear();
  hub.mischief[big] = {
      .refuse = 2, .refuse_status = 429, .refuse_headers = "RateLimit: \"api\";r=0;t=55\r\n"};
  fetch();
  EXPECT_EQ(waits, (std::vector<double>{55, 55}));
}

TEST_F(FetchTest, WaitsGrowAndEnd) {
  EXPECT_EQ(policy.wait_after(1, 0), 1);
  EXPECT_EQ(policy.wait_after(4, 0), 8);
  EXPECT_EQ(policy.wait_after(40, 0), 60);
  EXPECT_EQ(policy.wait_after(1, 1e9), 600);  // a hostile server cannot stop us for ever
  only(big);
  hub.mischief[big] = {.refuse = 1000, .refuse_status = 500};
  EXPECT_EQ(failure().kind(), core::ErrorKind::data);
  EXPECT_EQ(waits.size(), 2u);
}

TEST_F(FetchTest, WrongContentIsFetchedAgainThenRefused) {
  only(big);
  hub.mischief[big] = {.corrupt = 1};
  fetch();
  expect_content(big);
  hub.mischief[big] = {};
  hub.lies[big] = std::string(64, 'a');
  options.out = folder / "other";
  const auto e = failure();
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_NE(e.found().find("has the hash " + testing::hex_digest(hub.files[big], false)), std::string::npos);
  EXPECT_FALSE(fs::exists(options.out / big));
  EXPECT_TRUE(nothing_partial());
  hub.lies.clear();
  hub.lies["README.md"] = std::string(40, 'b');  // git blob ids are checked too
  EXPECT_NE(failure().found().find("README.md"), std::string::npos);
}

TEST_F(FetchTest, OneBadFileDoesNotStopTheOthers) {
  options.selection.scenarios = {"wake"};
  hub.mischief[big] = {.refuse = 1000, .refuse_status = 404};
  const auto e = failure();
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_EQ(e.found().rfind("1 of ", 0), 0u) << e.found();
  expect_content("wake/hf_dataset/real/" + shard(3, 4));
  hub.mischief.clear();
  fetch();
  expect_content(big);
}

TEST_F(FetchTest, TheTokenStaysWithTheEndpoint) {
  only(big);
  hub.needed_token = "secret";
  const auto e = failure();
  EXPECT_EQ(e.kind(), core::ErrorKind::environment);
  EXPECT_NE(e.hint().find("HF_TOKEN"), std::string::npos);
  options.hub.token = "secret";
  fetch();
  expect_content(big);
  bool stored = false;
  for (const auto& r : hub.requests())
    if (r.has("/storage/")) {
      stored = true;
      EXPECT_EQ(r.host.rfind("localhost", 0), 0u);
      EXPECT_EQ(r.authorization, "");
    }
  EXPECT_TRUE(stored);
}

TEST_F(FetchTest, RefusalsSayWhatToDo) {
  hub.api_error = "404 Not Found\r\nX-Error-Code: RevisionNotFound";
  options.hub.revision = "v9";
  auto e = failure();
  EXPECT_EQ(e.kind(), core::ErrorKind::environment);
  EXPECT_NE(e.found().find("v9"), std::string::npos);
  EXPECT_NE(e.hint().find("--revision"), std::string::npos);
  hub.api_error = "403 Forbidden\r\nX-Error-Code: GatedRepo";
  EXPECT_NE(failure().hint().find("terms"), std::string::npos);
  hub.api_error.clear();
  options.hub.endpoint = "ftp://127.0.0.1";
  EXPECT_EQ(failure().kind(), core::ErrorKind::usage);
  options.hub.endpoint = "http://127.0.0.1:1";  // nobody listens
  EXPECT_EQ(failure().kind(), core::ErrorKind::environment);
}

TEST_F(FetchTest, PathsCannotLeaveTheFolder) {
  for (const char* path :
       {"../evil", "wake/../../evil", "/etc/evil", "wake//x", "wake/./x", "a\\b", "c:x", "a\nb", ""})
    EXPECT_EQ(error_of([&] { check_remote_path(path); }).kind(), core::ErrorKind::data) << path;
  hub.extra_entries = {R"({"type":"file","path":"wake/../../evil","size":3,"oid":")" + std::string(40, 'a') +
                       R"("})"};
  EXPECT_NE(failure().found().find("../evil"), std::string::npos);
  hub.extra_entries.clear();
  only(big);
  fs::create_directories(options.out);
  fs::create_directories(folder / "outside");
  fs::create_directory_symlink(folder / "outside", options.out / "wake");
  EXPECT_NE(failure().found().find("link"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(folder / "outside"));
}

TEST_F(FetchTest, ListingsThatMakeNoSense) {
  hub.extra_entries = {R"({"type":"file","path":"wake/x","size":-3,"oid":"a"})"};
  EXPECT_EQ(failure().kind(), core::ErrorKind::data);
  hub.extra_entries = {R"({"type":"file","path":"wake/x","size":3,"oid":"short"})"};
  EXPECT_EQ(failure().kind(), core::ErrorKind::data);
  hub.extra_entries = {R"({"type":"file","path":"README.md","size":3,"oid":")" + std::string(40, 'a') +
                       R"("})"};
  EXPECT_NE(failure().found().find("twice"), std::string::npos);
  hub.extra_entries.clear();
  hub.endless_pages = true;
  EXPECT_EQ(failure().kind(), core::ErrorKind::data);
}

TEST_F(FetchTest, UnknownNames) {
  options.selection.scenarios = {"wak"};
  EXPECT_NE(failure().hint().find("wake"), std::string::npos);
  options.selection.scenarios = {};
  only("nothing/*");
  EXPECT_EQ(failure().kind(), core::ErrorKind::usage);
}

TEST_F(FetchTest, NewerDataAreRefusedBeforeTheyCome) {
  hub.add("version.json", R"({"min_code_version":"0.3.0"})");
  only(big);
  EXPECT_NE(failure().found().find("0.3.0"), std::string::npos);
  EXPECT_EQ(hub.count("/storage/"), 0);
}

TEST_F(FetchTest, FilesThatCameAnotherWayAreKept) {
  only(big);
  fs::create_directories((options.out / big).parent_path());
  core::write_file_atomic(options.out / big, hub.files[big]);
  EXPECT_TRUE(verify_against(plan(), options.out).empty());
  fetch();
  EXPECT_EQ(hub.count("/storage/"), 0);
  EXPECT_TRUE(verify_fetched(options.out).empty());
  std::ofstream(options.out / big, std::ios::binary | std::ios::in) << "x";
  EXPECT_EQ(verify_fetched(options.out).size(), 1u);
  EXPECT_EQ(verify_against(plan(), options.out).size(), 1u);
}

TEST_F(FetchTest, StopsWhenAsked) {
  only(big);
  std::atomic<bool> stop{true};
  const auto p = plan();
  policy.stop = &stop;
  EXPECT_EQ(error_of([&] { run_fetch(options, p, policy, true); }).kind(), core::ErrorKind::interrupted);
  EXPECT_FALSE(fs::exists(options.out / big));
}

TEST_F(FetchTest, NoRoom) {
  auto p = plan();
  p.bytes = int64_t{1} << 60;
  EXPECT_EQ(error_of([&] { run_fetch(options, p, policy, true); }).kind(), core::ErrorKind::environment);
  EXPECT_EQ(hub.count("/resolve/"), 0);
}

TEST_F(FetchTest, HonoursProxies) {
  ::unsetenv("no_proxy");
  ::unsetenv("NO_PROXY");
  ::setenv("http_proxy", hub.endpoint().c_str(), 1);
  options.hub.endpoint = "http://hub.invalid";
  only("README.md");
  fetch();
  ::unsetenv("http_proxy");
  ::setenv("no_proxy", "127.0.0.1,localhost", 1);
  expect_content("README.md");
  EXPECT_GT(hub.count("GET http://hub.invalid/"), 0);
}

}  // namespace
}  // namespace windtunnel::datasets::fetch
