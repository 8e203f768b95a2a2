#include <algorithm>

#include "core/json.h"
#include "datasets/formats/arrow_table.h"
#include "datasets/scenario.h"
#include "runners/conformance/datasets_realpdebench.h"

namespace windtunnel::runners {

namespace fs = std::filesystem;
using core::Json;
using datasets::ArrowTable;

namespace {

void check_rows(const fs::path& folder, const std::string& name, CaseResult& result) {
  const fs::path root = folder / "realpdebench";
  const Json expected =
      core::read_json((root / "expected" / (name + ".json")).string()).at("arrow_row_order");
  for (const auto& [side, ids] : expected.items()) {
    const auto table = ArrowTable::open_folder(root / "data" / name / "hf_dataset" / side);
    Json got = Json::array();
    for (int64_t row = 0; row < table.rows(); ++row) got.push_back(table.text(row, "sim_id"));
    result.expect(side + " rows", got == ids);
  }
}

/// Every value of a re-encoded shard against the first shard of the folder.
void check_variant(const fs::path& folder, const fs::path& variant, CaseResult& result) {
  const fs::path real = folder / "realpdebench" / "data" / "cylinder" / "hf_dataset" / "real";
  const Json state = core::read_json((real / "state.json").string());
  const ArrowTable shard({real / state.at("_data_files").at(0).at("filename").get<std::string>()});
  const ArrowTable table({variant});
  result.expect("rows", table.rows() == shard.rows());
  result.expect("columns", table.columns() == shard.columns());
  for (int64_t row = 0; row < std::min(table.rows(), shard.rows()); ++row)
    for (const auto& column : shard.columns()) {
      const bool number = column.find("shape") != std::string::npos;
      result.expect("row " + std::to_string(row) + " " + column,
                    number ? table.integer(row, column) == shard.integer(row, column)
                           : table.bytes(row, column) == shard.bytes(row, column));
    }
}

void run(const fs::path& folder, const Report& report) {
  for (const auto& name : realpdebench_scenarios(folder)) {
    if (!fs::exists(folder / "realpdebench" / "data" / name / "hf_dataset")) continue;
    run_case("realpdebench_arrow/" + name + "/rows", report,
             [&](CaseResult& r) { check_rows(folder, name, r); });
    check_realpdebench(folder, name, "realpdebench_arrow", report);
  }
  std::vector<fs::path> variants;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder / "realpdebench" / "arrow_variants", absent))
    if (entry.path().extension() == ".arrow") variants.push_back(entry.path());
  std::sort(variants.begin(), variants.end());
  for (const auto& variant : variants)
    run_case("arrow_variants/" + variant.stem().string(), report,
             [&](CaseResult& r) { check_variant(folder, variant, r); });
}

const SuiteRegistration registration{{"datasets", "realpdebench-arrow", run}};

}  // namespace
}  // namespace windtunnel::runners
