#include <algorithm>
#include <cctype>
#include <cmath>
#include <functional>
#include <map>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"
#include "datasets/lab/piv/correlation.h"
#include "datasets/lab/piv/validation.h"
#include "runners/conformance/suite.h"

// Golden data of the particle image velocimetry: image pairs and the vectors that an independent program
// finds.
//   golden.json              cases: name -> {window_size, overlap, search_area_size, correlation_method,
//   flagged, nan} {pair}_{case}.csv        row, col, u_px, v_px, peak_ratio[, norm_median_flag] of the images
//   {pair}_a, {pair}_b .pgm,
//                            or {series}_{i}, {series}_{j} .pgm for pair = {series}_{i}{j}
//   *_case.csv               row, col, u, v, ..., flag_..eps{epsilon}_thr{threshold}: the normalised median
//   test

namespace windtunnel::runners {
namespace {

namespace fs = std::filesystem;
using core::Json;
using namespace datasets::lab;

constexpr double kPixels = 1e-4, kRatio = 1e-4;

using Table = std::map<std::string, std::vector<double>>;

Table read_csv(const fs::path& path) {
  const auto lines = core::split(core::trim(core::read_file(path)), '\n');
  const auto names = core::split(core::trim(lines.at(0)), ',');
  Table table;
  for (size_t i = 1; i < lines.size(); ++i) {
    const auto cells = core::split(core::trim(lines[i]), ',');
    if (cells.size() != names.size())
      throw data_error(
          path.string() + ":" + std::to_string(i + 1) + ": " + std::to_string(cells.size()) + " cells",
          std::to_string(names.size()));
    for (size_t c = 0; c < cells.size(); ++c)
      table[names[c]].push_back(cells[c].empty() || cells[c] == "nan" ? std::nan("") : std::stod(cells[c]));
  }
  return table;
}

piv::GreyImage read_pgm(const fs::path& path) {
  const std::string bytes = core::read_file(path);
  size_t at = 0;
  const auto word = [&] {
    while (at < bytes.size() && std::isspace(static_cast<unsigned char>(bytes[at]))) ++at;
    std::string w;
    while (at < bytes.size() && !std::isspace(static_cast<unsigned char>(bytes[at]))) w += bytes[at++];
    return w;
  };
  piv::GreyImage image;
  const std::string magic = word();
  image.width = std::atoi(word().c_str());
  image.height = std::atoi(word().c_str());
  const bool eight_bits = word() == "255";
  ++at;
  const size_t size = static_cast<size_t>(image.width) * image.height;
  if (magic != "P5" || !eight_bits || size == 0 || bytes.size() - at != size)
    throw data_error(path.string() + ": not a binary 8-bit PGM of its stated size",
                     "P5 width height 255 pixels");
  for (size_t i = 0; i < size; ++i) image.value.push_back(static_cast<unsigned char>(bytes[at + i]));
  return image;
}

/// The images of `pair`: pair_a and pair_b, or frames i and j of a series.
std::pair<fs::path, fs::path> images_of(const fs::path& folder, const std::string& pair) {
  if (fs::exists(folder / (pair + "_a.pgm"))) return {folder / (pair + "_a.pgm"), folder / (pair + "_b.pgm")};
  const std::string series = pair.substr(0, pair.size() - std::min<size_t>(2, pair.size()));
  return {folder / (series + pair[pair.size() - 2] + ".pgm"),
          folder / (series + pair[pair.size() - 1] + ".pgm")};
}

piv::VectorField field_of(const Table& table, const std::string& u, const std::string& v) {
  piv::VectorField field;
  field.height = static_cast<int>(table.at("row").back()) + 1;
  field.width = static_cast<int>(table.at("col").back()) + 1;
  field.u = table.at(u);
  field.v = table.at(v);
  if (field.u.size() != static_cast<size_t>(field.height) * field.width)
    throw data_error(std::to_string(field.u.size()) + " vectors", "rows x columns in row-major order");
  return field;
}

void compare_vectors(const fs::path& folder, const std::string& pair, const Json& settings,
                     const Table& table, CaseResult& result) {
  piv::CorrelationOptions options;
  options.search = settings.at("search_area_size");
  options.window = settings.at("window_size");
  options.linear = settings.at("correlation_method") == "linear";
  const int step = options.search - settings.at("overlap").get<int>();
  const auto [path_a, path_b] = images_of(folder, pair);
  const piv::GreyImage a = read_pgm(path_a), b = read_pgm(path_b);
  std::vector<piv::WindowPair> windows;
  for (size_t i = 0; i < table.at("row").size(); ++i) {
    const int row = static_cast<int>(table.at("row")[i]) * step,
              column = static_cast<int>(table.at("col")[i]) * step;
    if (row + options.search > a.height || column + options.search > a.width)
      throw data_error("window outside " + path_a.string(), "windows inside the image");
    windows.push_back({row, column, row, column});
  }
  const auto compare = [&](const std::string& kernel, const std::vector<piv::Displacement>& got) {
    for (size_t i = 0; i < got.size(); ++i) {
      const std::string at = kernel + " vector " + std::to_string(i);
      result.compare(at + " u", got[i].u, table.at("u_px")[i], kPixels);
      result.compare(at + " v", got[i].v, table.at("v_px")[i], kPixels);
      const double ratio = table.at("peak_ratio")[i];
      if (std::isfinite(ratio) && ratio > 0 && std::isfinite(got[i].u))
        result.compare(at + " peak ratio", got[i].peak_ratio, ratio, kRatio * ratio);
    }
  };
  std::vector<piv::Displacement> found;
  piv::correlate_reference(a, b, options, windows, found);
  compare("reference", found);
  piv::VectorField field = field_of(table, "u_px", "v_px");
  int missing = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    field.u[i] = found[i].u;
    field.v[i] = found[i].v;
    missing += std::isnan(found[i].u);
  }
  if (table.count("norm_median_flag")) {
    const auto flags = piv::normalised_median_test(field);
    for (size_t i = 0; i < flags.size(); ++i)
      result.expect("flag " + std::to_string(i), (flags[i] != 0) == (table.at("norm_median_flag")[i] != 0));
    if (settings.contains("nan")) result.expect("number of unmeasured vectors", missing == settings["nan"]);
  }
  const bool fast = !options.linear && options.window == options.search && options.search <= 64 &&
                    options.search >= 8 && (options.search & (options.search - 1)) == 0;
  if (fast) {
    piv::Correlator(options.search).run(a, b, windows, found);
    compare("fast", found);
  }
}

void compare_flags(const Table& table, CaseResult& result) {
  for (const auto& [name, expected] : table) {
    const size_t eps = name.find("eps"), thr = name.find("_thr");
    if (name.rfind("flag", 0) != 0 || eps == std::string::npos || thr == std::string::npos) continue;
    const auto flags = piv::normalised_median_test(field_of(table, "u", "v"), std::stod(name.substr(eps + 3)),
                                                   std::stod(name.substr(thr + 4)));
    for (size_t i = 0; i < flags.size(); ++i)
      result.expect("flag " + std::to_string(i), (flags[i] != 0) == (expected[i] != 0));
  }
}

void run_lab(const fs::path& folder, const std::function<void(const CaseResult&)>& report) {
  const Json golden = core::read_json((folder / "golden.json").string());
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    CaseResult result;
    result.name = "lab/" + file.stem().string();
    try {
      const std::string stem = file.stem().string();
      const Table table = read_csv(file);
      const Json* settings = nullptr;
      std::string pair;
      for (const auto& [name, value] : golden.at("cases").items())
        if (stem.size() > name.size() + 1 && stem.ends_with("_" + name)) {
          settings = &value;
          pair = stem.substr(0, stem.size() - name.size() - 1);
        }
      if (settings)
        compare_vectors(folder, pair, *settings, table, result);
      else
        compare_flags(table, result);
    } catch (const Error& e) {
      result.failure = e.found();
    } catch (const std::exception& e) {
      result.failure = file.string() + ": " + e.what();
    }
    report(result);
  }
}

const SuiteRegistration registration({"lab", "piv", run_lab});

}  // namespace
}  // namespace windtunnel::runners
