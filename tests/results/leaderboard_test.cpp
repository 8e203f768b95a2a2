#include "results/leaderboard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "core/error.h"
#include "fixtures.h"

namespace windtunnel::results {
namespace {

using fixtures::RunSpec;
using fixtures::TemporaryFolder;
using Values = std::vector<std::optional<double>>;

RecordFile file_of(const core::Json& record) { return {"runs/x/record.json", record, false}; }

std::vector<RecordFile> demo_records(const std::string& protocol = "corrected") {
  std::vector<RecordFile> files;
  for (const char* setting : {"simulated", "real", "finetune"})
    for (const int64_t seed : {0, 1, 2}) {
      const double level = std::string(setting) == "simulated" ? 0.4
                           : std::string(setting) == "real"    ? 0.2
                                                               : 0.1;
      files.push_back(file_of(fixtures::record_of(
          {.model = "fno", .setting = setting, .protocol = protocol, .rel_l2 = level, .seed = seed})));
      files.push_back(file_of(fixtures::record_of({.model = "unet",
                                                   .setting = setting,
                                                   .protocol = protocol,
                                                   .rel_l2 = 1.2 * level,
                                                   .seed = seed,
                                                   .parameters = 4000000})));
    }
  files.push_back(file_of(fixtures::record_of({.model = "persistence",
                                               .setting = "inference",
                                               .protocol = protocol,
                                               .rel_l2 = 0.45,
                                               .parameters = 0,
                                               .trainable = false})));
  return files;
}

const View& view_of(const Leaderboard& board, const std::string& setting) {
  return *std::find_if(board.views.begin(), board.views.end(),
                       [&](const View& v) { return v.setting == setting && !v.rows.empty(); });
}

const Row& row_of(const std::vector<Row>& rows, const std::string& label) {
  const auto it = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.label == label; });
  if (it == rows.end()) throw data_error("no row " + label);
  return *it;
}

TEST(Ranks, BestFirstTiesKeepOrderMissingIsZero) {
  EXPECT_EQ(ranks({0.3, 0.1, std::nullopt, 0.1, 0.2}, false), (std::vector<int64_t>{4, 1, 0, 2, 3}));
  EXPECT_EQ(ranks({0.3, 0.1, std::nullopt, 0.1, 0.2}, true), (std::vector<int64_t>{1, 3, 0, 4, 2}));
  EXPECT_TRUE(ranks({}, true).empty());
}

TEST(Bars, MinMaxByHand) {
  EXPECT_EQ(bars({2.0, 6.0, std::nullopt, 3.0}, false), (Values{1.0, 0.0, std::nullopt, 0.75}));
  EXPECT_EQ(bars({-1.0, 1.0, 0.0}, true), (Values{0.0, 1.0, 0.5}));
  EXPECT_EQ(bars({5.0, 5.0}, false), (Values{1.0, 1.0}));
}

Row row(const std::string& label, double parameters, std::map<std::string, double> values) {
  Row result;
  result.label = label;
  result.parameters = parameters;
  for (const auto& [id, value] : values) result.metrics[id] = {1, value, 0};
  return result;
}

TEST(Radar, ByHand) {
  // r2 bars 1,0,0.5; rmse 1,0,0.75; rel_l2 only one value: not used; frmse 0,1,-; parameters 0,1,0.5.
  const std::vector<Row> rows = {row("a", 3, {{"r2", 0.9}, {"rmse", 1}, {"frmse", 4}, {"rel_l2", 0.1}}),
                                 row("b", 1, {{"r2", 0.1}, {"rmse", 5}, {"frmse", 2}}),
                                 row("c", 2, {{"r2", 0.5}, {"rmse", 2}})};
  const Radar chart = radar(rows);
  EXPECT_EQ(chart.axes,
            (std::vector<std::string>{"correlation", "accuracy", "physics", "parameter efficiency"}));
  ASSERT_EQ(chart.shapes.size(), 2u);  // c has no physics
  EXPECT_EQ(chart.shapes[0].row, 0u);
  EXPECT_EQ(chart.shapes[0].values, (std::vector<double>{1, 1, 0, 0}));
  EXPECT_DOUBLE_EQ(chart.shapes[0].mean, 0.5);
  EXPECT_EQ(chart.shapes[1].values, (std::vector<double>{0, 0, 1, 1}));
}

TEST(Radar, NeedsThreeAxes) {
  EXPECT_TRUE(
      radar({row("a", 0, {{"r2", 0.9}, {"rmse", 1}}), row("b", 0, {{"r2", 0.1}, {"rmse", 2}})}).axes.empty());
}

// Values computed from realpdebench_main.csv by an independent script.
TEST(Published, CylinderFinetuningRadarAndRanks) {
  const auto views = published_views();
  const auto view = std::find_if(views.begin(), views.end(), [](const View& v) {
    return v.scenario == "cylinder" && v.setting == "finetune" && v.rounds == 1 &&
           v.dataset == "RealPDEBench 2.0.0";
  });
  ASSERT_NE(view, views.end());
  ASSERT_EQ(view->published.size(), 11u);
  EXPECT_FALSE(row_of(view->published, "DMD").trained);
  EXPECT_DOUBLE_EQ(row_of(view->published, "U-Net").metrics.at("rel_l2").mean, 0.0728);
  EXPECT_DOUBLE_EQ(row_of(view->published, "U-Net").metrics.at("low_frmse").mean, 0.01835);
  const Radar chart = radar(view->published);
  ASSERT_EQ(chart.axes.size(), 5u);
  const std::vector<std::pair<std::string, double>> expected = {{"DPOT-S-FT", 0.8884363932092135},
                                                                {"WDNO", 0.8258907578860674},
                                                                {"FNO", 0.8144705945645658},
                                                                {"U-Net", 0.7821279831304186},
                                                                {"MWT", 0.6981792692494091},
                                                                {"CNO", 0.6783990088954359},
                                                                {"DeepONet", 0.6474938169614315},
                                                                {"DPOT-L-FT", 0.5700300590764144},
                                                                {"GK-Transformer", 0.48433383486063997},
                                                                {"Transolver", 0.3535482298142204}};
  ASSERT_EQ(chart.shapes.size(), expected.size());  // DMD has no parameters: not on every axis
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(view->published[chart.shapes[i].row].label, expected[i].first);
    EXPECT_NEAR(chart.shapes[i].mean, expected[i].second, 1e-12);
  }
  EXPECT_NEAR(chart.shapes[3].values[2], 0.7868003923185994, 1e-12);  // U-Net, physics
}

TEST(Published, FlagsSayWhatIsWrong) {
  const auto views = published_views();
  const auto reasons = [&](const std::string& scenario, const std::string& setting, int64_t rounds,
                           const std::string& model) {
    std::string text;
    for (const auto& view : views)
      if (view.scenario == scenario && view.setting == setting && view.rounds == rounds &&
          view.dataset == "RealPDEBench 2.0.0")
        for (const auto& flag : row_of(view.published, model).flags) text += flag.reason + "\n";
    return text;
  };
  EXPECT_NE(reasons("foil", "finetune", 1, "Transolver").find("repeats the GK-Transformer row"),
            std::string::npos);
  EXPECT_NE(reasons("cylinder", "real", 1, "CNO").find("ratio 1.205"), std::string::npos);
  EXPECT_NE(reasons("cylinder", "real", 1, "U-Net").find("Re 3656"), std::string::npos);
  EXPECT_NE(reasons("fsi", "finetune", 3, "Transolver").find("repeats the one-round row"), std::string::npos);
  EXPECT_EQ(reasons("foil", "real", 1, "U-Net"), "");
}

/// Table 5 prints 495 figures of other tables again; all but five agree, two rows of it are copies.
TEST(Published, FiguresPrintedTwiceAreComparedAndDifferencesMarked) {
  std::vector<std::string> marked;
  for (const auto& view : published_views())
    for (const auto& row : view.published)
      for (const auto& flag : row.flags)
        if (flag.reason.find("table 5 has") != std::string::npos)
          marked.push_back(view.scenario + " " + std::to_string(view.rounds) + " " + row.label + " " +
                           flag.metrics.at(0) + ": " + flag.reason);
  std::sort(marked.begin(), marked.end());
  ASSERT_EQ(marked.size(), 5u);
  EXPECT_EQ(marked[0],
            "controlled_cylinder 1 MWT frmse: RealPDEBench, arXiv 2601.01829, table 5 has 0.0013: this row "
            "repeats WDNO's");
  EXPECT_EQ(
      marked[4],
      "cylinder 3 DPOT-S-FT rel_l2: RealPDEBench, arXiv 2601.01829, table 5 has 0.2198: this row repeats "
      "Transolver's");
}

TEST(Published, FiguresOfOtherTestsStandInTablesOfTheirOwn) {
  const auto views = published_views();
  const auto value = [&](const std::string& scenario, const std::string& dataset, const std::string& setting,
                         int64_t rounds, const std::string& label, const std::string& metric) {
    for (const auto& view : views)
      if (view.scenario == scenario && view.dataset == dataset && view.setting == setting &&
          view.rounds == rounds)
        return row_of(view.published, label).metrics.at(metric).mean;
    ADD_FAILURE() << scenario << ", " << dataset << ", " << setting;
    return 0.0;
  };
  const std::string paper = "RealPDEBench 2.0.0", again = ", reproduction";
  EXPECT_EQ(value("cylinder", paper, "simulated", 10, "FNO", "mvpe"), 0.07418);
  EXPECT_EQ(value("cylinder", paper, "finetune", 10, "DPOT-L-FT", "mvpe"), 0.0125);
  EXPECT_EQ(value("cylinder", paper, "inference", 10, "simulated data itself", "mvpe"), 0.0565);
  EXPECT_EQ(value("fsi", paper + ", whole trajectories", "inference", 1, "simulated data itself", "mvpe"),
            0.1144);
  EXPECT_EQ(value("cylinder", paper + again, "real", 1, "U-Net, official checkpoint", "rmse"), 0.07);
  EXPECT_EQ(value("cylinder", "RealPDEBench 2.0.1" + again, "real", 1, "U-Net, official checkpoint", "rmse"),
            0.0118);
  EXPECT_EQ(value("cylinder", "RealPDEBench 2.0.1" + again, "finetune", 1, "U-Net, seed 1", "update_ratio"),
            0.867);
  EXPECT_EQ(value("acoustic_scattering_maze", "The Well, validation one-step", "single", 1, "FNO", "vrmse"),
            0.5033);
  for (const auto& view : views)
    if (view.dataset == "RealPDEBench 2.0.1" + again && view.setting == "finetune") {
      EXPECT_EQ(row_of(view.published, "U-Net, seed 2").reasons.at("update_ratio"), "not reached");
    }
}

TEST(Leaderboard, SeedsBecomeMeanDeviationAndCount) {
  const Leaderboard board = make_leaderboard(demo_records(), false);
  ASSERT_EQ(board.views.size(), 3u);
  EXPECT_EQ(board.views[0].setting, "simulated");
  const Row& fno = row_of(view_of(board, "real").rows, "FNO");
  const Aggregate& score = fno.metrics.at("rel_l2");
  ASSERT_EQ(fno.records.size(), 3u);
  EXPECT_EQ(score.n, 3);
  double mean = 0, squares = 0, reference = 0;
  for (size_t index : fno.records)
    mean += (*find_metric(board.records[index].record, "rel_l2"))["value"].get<double>() / 3;
  for (size_t index : fno.records) {
    squares +=
        std::pow((*find_metric(board.records[index].record, "rel_l2"))["value"].get<double>() - mean, 2);
    reference +=
        (*find_metric(board.records[index].record, "rel_l2", "persistence"))["value"].get<double>() / 3;
  }
  EXPECT_NEAR(score.mean, mean, 1e-15);
  EXPECT_NEAR(score.deviation, std::sqrt(squares / 2), 1e-15);
  EXPECT_NEAR(fno.skill.at("rel_l2"), 1 - mean / reference, 1e-12);
  EXPECT_GT(fno.train_seconds, 12);
  EXPECT_EQ(view_of(board, "real").units.at("rmse"), "m/s");
}

TEST(Leaderboard, UntrainedModelsStandUnderEverySetting) {
  const Leaderboard board = make_leaderboard(demo_records(), false);
  for (const char* setting : {"simulated", "real", "finetune"})
    EXPECT_FALSE(row_of(view_of(board, setting).rows, "Persistence").trained) << setting;
  for (const auto& view : board.views) EXPECT_NE(view.setting, "inference");
  const Leaderboard alone = make_leaderboard({demo_records().back()}, false);
  ASSERT_EQ(alone.views.size(), 1u);
  EXPECT_EQ(alone.views[0].setting, "inference");
}

TEST(Leaderboard, RowsAreSortedByThePrimaryMetric) {
  const Leaderboard board = make_leaderboard(demo_records(), false);
  const auto& rows = view_of(board, "finetune").rows;
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].label, "FNO");
  EXPECT_EQ(rows[1].label, "U-Net");
  EXPECT_EQ(rows[2].label, "Persistence");
}

TEST(Leaderboard, ProtocolsAndDataAreNeverMixed) {
  auto files = demo_records();
  for (auto& file : demo_records("published")) files.push_back(file);
  files.push_back(file_of(fixtures::record_of({.scenario = "foil"})));
  auto other = fixtures::draft_of({.rel_l2 = 0.01}, fixtures::table_of({}, 0.01));
  other.dataset["manifest_sha256"] = fixtures::hash("other data");
  files.push_back(file_of(make_record(other)));
  const Leaderboard board = make_leaderboard(files, false);
  ASSERT_EQ(board.views.size(), 8u);
  for (const auto& view : board.views)
    for (const auto& row : view.rows)
      for (size_t index : row.records) {
        EXPECT_EQ(board.records[index].record["task"]["protocol"], view.protocol);
        EXPECT_EQ(board.records[index].record["task"]["scenario"], view.scenario);
        EXPECT_EQ(board.records[index].record["dataset"]["manifest_sha256"], view.data_hash);
      }
}

TEST(Leaderboard, OneRunCountsOnceAndSupersededRecordsGo) {
  auto files = demo_records();
  files.push_back(
      file_of(fixtures::record_of({.setting = "real", .rel_l2 = 0.2, .created = "2025-04-01T00:00:00Z"})));
  const Leaderboard board = make_leaderboard(files, false);
  EXPECT_EQ(row_of(view_of(board, "real").rows, "FNO").records.size(), 3u);
  EXPECT_EQ(board.updated, "2025-04-01T00:00:00Z");

  const TemporaryFolder folder;
  const core::Json old = fixtures::make_run(folder.path / "a", {});
  auto draft = fixtures::draft_of({.rel_l2 = 0.3}, fixtures::table_of({}, 0.3));
  draft.supersedes = {old["record_id"]};
  std::filesystem::create_directories(folder.path / "b");
  write_record(folder.path / "b/record.json", make_record(draft));
  const auto found = find_records(folder.path);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].path.parent_path().filename(), "b");
}

TEST(Leaderboard, BadRecordIsAnErrorOrListed) {
  const TemporaryFolder folder;
  fixtures::make_run(folder.path / "good", {});
  fixtures::make_run(folder.path / "bad", {.seed = 1});
  core::Json record = core::read_json((folder.path / "bad/record.json").string());
  record["metrics"][0]["value"] = 1e-9;
  write_record(folder.path / "bad/record.json", record);
  EXPECT_THROW(find_records(folder.path), Error);
  std::vector<std::string> skipped;
  EXPECT_EQ(find_records(folder.path, &skipped).size(), 1u);
  ASSERT_EQ(skipped.size(), 1u);
  EXPECT_NE(skipped[0].find("bad"), std::string::npos);
  EXPECT_THROW(find_records(folder.path / "nowhere"), Error);
}

TEST(Leaderboard, PublishedFiguresStandApartFromRuns) {
  const Leaderboard made = make_leaderboard(demo_records("published"), true);
  for (const auto& view : made.views)
    EXPECT_TRUE(view.rows.empty() || view.published.empty());  // synthetic runs

  std::vector<RecordFile> measured = {
      file_of(fixtures::record_of({.protocol = "published", .synthetic = false})),
      file_of(fixtures::record_of({.protocol = "corrected", .synthetic = false}))};
  const Leaderboard board = make_leaderboard(measured, true);
  for (const auto& view : board.views) {
    if (view.rows.empty()) continue;
    EXPECT_EQ(view.published.empty(), view.protocol == "corrected");
    ASSERT_EQ(view.rows.size(), 1u);
    EXPECT_EQ(leaderboard_json(board)["views"].size(), board.views.size());
  }
  const auto json = leaderboard_json(board);
  for (const auto& view : json["views"])
    for (const auto& row : view["rows"])
      EXPECT_EQ(row["metrics"]["rel_l2"]["rank"], 1);  // the papers' rows do not count
}

std::string page_text() { return leaderboard_page(make_leaderboard(demo_records(), true), "Board <test>"); }

TEST(LeaderboardPage, HoldsRowsLinksAndCommands) {
  const auto records = demo_records();
  const std::string page = page_text();
  EXPECT_NE(page.find("<title>Board &lt;test&gt;</title>"), std::string::npos);
  for (const auto& file : records) {
    const std::string id = file.record["record_id"];
    EXPECT_NE(page.find("href=\"records/" + id + ".json\""), std::string::npos);
  }
  EXPECT_NE(page.find("windtunnel run --scenario cylinder --baseline fno --setting finetune"),
            std::string::npos);
  for (const char* text :
       {"FNO", "U-Net", "Persistence", "Simulated", "Finetuned", "Rel L2", "<svg", "leaderboard.csv"})
    EXPECT_NE(page.find(text), std::string::npos) << text;
}

TEST(LeaderboardPage, LoadsNothing) {
  const std::string page = page_text();
  const std::regex loads(
      "(src|srcset|action|poster)\\s*=\\s*\"(?!data:)|url\\(|@import|<link|<iframe|fetch\\(|XMLHttpRequest|"
      "import\\s*\\(|https?://");
  std::smatch found;
  const std::string start = page.substr(0, page.size());
  EXPECT_FALSE(std::regex_search(start, found, loads)) << found.str();
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(page.find("</script>", page.find("id=\"data\"")),
            page.find("</script>", page.find("id=\"data\"") + 1));
}

TEST(LeaderboardPage, MarksSyntheticAndPublished) {
  const std::string page = page_text();
  EXPECT_NE(page.find("class=\"synthetic\""), std::string::npos);
  EXPECT_NE(page.find("virtual laboratory, seed 0"), std::string::npos);
  EXPECT_NE(page.find("<span class=\"chip ref\">published</span>"), std::string::npos);
  EXPECT_NE(page.find("repeats the GK-Transformer row"), std::string::npos);
  const std::string measured =
      leaderboard_page(make_leaderboard({file_of(fixtures::record_of({.synthetic = false}))}, false), "t");
  EXPECT_EQ(measured.find("class=\"synthetic\""), std::string::npos);
  EXPECT_EQ(measured.find(">published</span>"), std::string::npos);
}

TEST(LeaderboardPage, MissingScoreShowsItsReason) {
  auto draft = fixtures::draft_of({}, fixtures::table_of({}, 0.1));
  MetricValue ratio;
  ratio.id = "update_ratio";
  ratio.reason = "not reached";
  draft.metrics.push_back(ratio);
  const std::string page = leaderboard_page(make_leaderboard({file_of(make_record(draft))}, false), "t");
  EXPECT_NE(page.find("title=\"not reached\">n/a"), std::string::npos);
}

TEST(LeaderboardExport, CsvJsonMarkdownAndTextAgree) {
  const Leaderboard board = make_leaderboard(demo_records(), true);
  const core::Json json = leaderboard_json(board);
  const auto lines = parse_csv(leaderboard_csv(board), "csv");
  const auto column = [&](const char* name) {
    return static_cast<size_t>(std::find(lines[0].begin(), lines[0].end(), name) - lines[0].begin());
  };
  size_t checked = 0;
  for (size_t i = 1; i < lines.size(); ++i) {
    ASSERT_EQ(lines[i].size(), lines[0].size());
    if (lines[i][column("kind")] != "run") continue;
    for (const auto& view : json["views"])
      for (const auto& row : view["rows"])
        if (view["setting"] == lines[i][column("setting")] && row["label"] == lines[i][column("label")] &&
            view["scenario"] == lines[i][column("scenario")]) {
          const auto& metric = row["metrics"][lines[i][column("metric")]];
          EXPECT_EQ(metric["mean"].get<double>(), std::stod(lines[i][column("mean")]));
          EXPECT_EQ(metric["rank"].dump(), lines[i][column("rank")]);
          ++checked;
        }
  }
  EXPECT_EQ(checked, 3u * 3u * 10u);  // settings, rows, metrics
  const std::string markdown = leaderboard_markdown(board);
  EXPECT_NE(markdown.find("**Synthetic data**"), std::string::npos);
  EXPECT_NE(markdown.find("| U-Net (published)"), std::string::npos);
  const std::string text = leaderboard_text(board);
  EXPECT_NE(text.find("SYNTHETIC DATA"), std::string::npos);
  EXPECT_NE(text.find("Rel L2"), std::string::npos);
  EXPECT_NE(text.find("FNO"), std::string::npos);
  EXPECT_EQ(text.find("DPOT"), std::string::npos);
}

TEST(LeaderboardSite, FiveHundredRecordsFromDisk) {
  const TemporaryFolder folder;
  int count = 0;
  for (const char* scenario : {"cylinder", "controlled_cylinder", "fsi", "foil", "combustion"})
    for (const char* model : {"fno", "unet", "cno", "deeponet", "wdno", "mwt", "gk_transformer", "transolver",
                              "dpot_s", "dpot_l", "physix"})
      for (const char* setting : {"simulated", "real", "finetune"})
        for (int64_t seed = 0; seed < 3; ++seed, ++count) {
          const auto run = folder.path / "runs" / std::to_string(count);
          std::filesystem::create_directories(run);
          write_record(run / "record.json", fixtures::record_of({.scenario = scenario,
                                                                 .model = model,
                                                                 .setting = setting,
                                                                 .rel_l2 = 0.05 + 0.01 * (count % 37),
                                                                 .seed = seed}));
        }
  core::write_file_atomic(folder.path / "runs/0/report.html", "<p>report</p>");
  const auto page = build_leaderboard(folder.path / "runs", folder.path / "site");
  EXPECT_EQ(page, folder.path / "site/index.html");
  const std::string html = core::read_file(page);
  EXPECT_NE(html.find("495 records, 11 models, 5 scenarios"), std::string::npos);
  const std::regex link("href=\"((?:records|reports|leaderboard)[^\"]*)\"");
  size_t links = 0;
  for (std::sregex_iterator it(html.begin(), html.end(), link), end; it != end; ++it, ++links)
    EXPECT_TRUE(std::filesystem::exists(folder.path / "site" / (*it)[1].str())) << (*it)[1];
  EXPECT_EQ(links, 495u + 1 + 3);
  EXPECT_EQ(find_records(folder.path / "site").size(), 495u);  // the copies are records as well
}

TEST(LeaderboardSite, RebuildInsideTheFolderOfRunsIsStable) {
  const TemporaryFolder folder;
  fixtures::make_run(folder.path / "z-run", {});
  core::write_file_atomic(folder.path / "z-run/report.html", "<p>report</p>");
  const auto page = build_leaderboard(folder.path, folder.path / "a-site");
  const std::string first = core::read_file(page);
  EXPECT_EQ(core::read_file(build_leaderboard(folder.path, folder.path / "a-site")), first);
  EXPECT_NE(first.find("reports/"), std::string::npos);
  // A record that went leaves the site too.
  const core::Json old = core::read_json((folder.path / "z-run/record.json").string());
  std::filesystem::remove_all(folder.path / "z-run");
  fixtures::make_run(folder.path / "other", {.seed = 5});
  build_leaderboard(folder.path, folder.path / "a-site");
  EXPECT_FALSE(std::filesystem::exists(folder.path / "a-site/records" /
                                       (old["record_id"].get<std::string>() + ".json")));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path / "a-site/reports"));
}

TEST(LeaderboardSite, EmptyFolderIsAnError) {
  const TemporaryFolder folder;
  EXPECT_THROW(build_leaderboard(folder.path, folder.path / "site"), Error);
}

}  // namespace
}  // namespace windtunnel::results
