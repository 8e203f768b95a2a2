#include "datasets/prediction_file.h"

#include <netcdf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <regex>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/safetensors.h"
#include "core/text.h"
#include "datasets/formats/hdf5_file.h"
#include "datasets/formats/hdf5_heap.h"
#include "datasets/formats/hdf5_values.h"

namespace windtunnel::datasets {
namespace {

namespace fs = std::filesystem;
constexpr const char* kName = "prediction";
constexpr const char* kAxes = "axes (N,T,H,W,C): window, time, row, column, field";

core::Shape window_shape(const core::Shape& shape, const std::string& where) {
  if (shape.size() != 5) throw data_error(where + " has shape " + core::to_string(shape), kAxes);
  return {shape.begin() + 1, shape.end()};
}

class NpyFile : public PredictionFile {
 public:
  explicit NpyFile(const fs::path& path) : file_(path) {
    const std::string where = path.string();
    const auto* bytes = reinterpret_cast<const unsigned char*>(file_.data());
    if (file_.size() < 10 || std::memcmp(bytes, "\x93NUMPY", 6) != 0)
      throw data_error(where + ": not a numpy array file", "a file written by numpy.save");
    const bool second = bytes[6] >= 2;
    const size_t start = second ? 12 : 10;
    const size_t length = second && file_.size() >= 12 ? bytes[8] | bytes[9] << 8 | bytes[10] << 16 |
                                                             static_cast<size_t>(bytes[11]) << 24
                                                       : bytes[8] | static_cast<size_t>(bytes[9]) << 8;
    if (start + length > file_.size()) throw data_error(where + ": the header is cut off");
    const std::string header(reinterpret_cast<const char*>(bytes) + start, length);
    std::smatch found;
    if (!std::regex_search(header, found, std::regex("'descr': *'([<>|=]?[a-z][0-9]+)'")))
      throw data_error(where + ": unreadable header " + header.substr(0, 80), "float32 or float64");
    const std::string type = found[1];
    if (type != "<f4" && type != "<f8")
      throw data_error(where + ": values are " + type, "little-endian float32 or float64",
                       "numpy.save(name, predictions.astype('<f4'))");
    wide_ = type == "<f8";
    if (header.find("'fortran_order': False") == std::string::npos)
      throw data_error(where + ": Fortran order", "C order", "numpy.ascontiguousarray");
    core::Shape shape;
    if (std::regex_search(header, found, std::regex("'shape': *\\(([0-9, ]*)\\)")))
      for (const auto& part : core::split(found[1].str(), ','))
        if (!core::trim(part).empty()) shape.push_back(std::stoll(core::trim(part)));
    shape_ = window_shape(shape, where);
    size_ = shape[0];
    data_ = file_.data() + start + length;
    const size_t need = static_cast<size_t>(core::numel(shape)) * (wide_ ? 8 : 4);
    if (file_.size() < start + length + need)
      throw data_error(where + ": " + std::to_string(file_.size()) + " bytes",
                       std::to_string(start + length + need) + " for shape " + core::to_string(shape));
  }

  void read(int64_t index, float* out) override {
    const auto count = static_cast<size_t>(core::numel(shape_));
    const std::byte* begin = data_ + static_cast<size_t>(index) * count * (wide_ ? 8 : 4);
    if (!wide_) {
      std::memcpy(out, begin, count * 4);
      return;
    }
    for (size_t i = 0; i < count; ++i) {
      double value;
      std::memcpy(&value, begin + 8 * i, 8);
      out[i] = static_cast<float>(value);
    }
  }

 private:
  core::MappedFile file_;
  const std::byte* data_ = nullptr;
  bool wide_ = false;
};

class SafetensorsPredictions : public PredictionFile {
 public:
  explicit SafetensorsPredictions(const fs::path& path) : file_(path) {
    const std::string where = path.string();
    if (file_.contains(kName)) {
      whole_ = file_.at(kName);
      shape_ = window_shape(whole_.shape, where + ": tensor '" + kName + "'");
      size_ = whole_.shape[0];
      const auto it = file_.metadata().find("sample_ids");
      if (it != file_.metadata().end()) {
        const core::Json list = core::parse_json(it->second, where + ", metadata sample_ids");
        for (const auto& id : list) ids_.push_back(id.get<std::string>());
      }
      return;
    }
    ids_ = file_.names();
    if (ids_.empty())
      throw data_error(where + ": no tensors", std::string("tensor '") + kName + "', " + kAxes);
    size_ = static_cast<int64_t>(ids_.size());
    shape_ = file_.at(ids_[0]).shape;
    for (const auto& id : ids_)
      if (file_.at(id).shape != shape_ || shape_.size() != 4)
        throw data_error(
            where + ": tensor '" + id + "' has shape " + core::to_string(file_.at(id).shape),
            std::string("one tensor '") + kName + "', " + kAxes + ", or one (T,H,W,C) tensor per sample id");
  }

  void read(int64_t index, float* out) override {
    core::TensorView view = whole_;
    if (whole_.data) {
      view.shape = shape_;
      view.data = whole_.data + static_cast<size_t>(index) * view.bytes();
    } else {
      view = file_.at(ids_[static_cast<size_t>(index)]);
    }
    const std::vector<float> values = core::to_floats(view);
    std::copy(values.begin(), values.end(), out);
  }

 private:
  core::SafetensorsFile file_;
  core::TensorView whole_;
};

std::vector<std::string> hdf5_texts(const Hdf5File& file, const std::string& name, int64_t count) {
  auto values = hdf5_values(file, name);
  if (static_cast<int64_t>(values.texts.size()) != count)
    throw data_error(file.path() + ": '" + name + "' is not one text per window",
                     std::to_string(count) + " texts");
  return std::move(values.texts);
}

class Hdf5Predictions : public PredictionFile {
 public:
  explicit Hdf5Predictions(const fs::path& path)
      : file_(std::make_shared<Hdf5File>(path)), array_(file_, checked(*file_)) {
    shape_ = window_shape(array_.shape(), path.string() + ": '" + kName + "'");
    size_ = array_.shape()[0];
    if (file_->has("sample_id")) ids_ = hdf5_texts(*file_, "sample_id", size_);
  }

  void read(int64_t index, float* out) override {
    const float* values = array_.read(index, index + 1, buffer_);
    std::copy_n(values, core::numel(shape_), out);
  }

 private:
  static std::string checked(const Hdf5File& file) {
    if (!file.has(kName))
      throw data_error(file.path() + ": no dataset '" + kName + "'; found " + core::join(file.names(), ", "),
                       std::string("dataset '") + kName + "', " + kAxes);
    return kName;
  }
  std::shared_ptr<Hdf5File> file_;
  Hdf5Array array_;
  std::vector<float> buffer_;
};

/// NetCDF in its classic formats; NetCDF-4 files are HDF5.
class NetcdfPredictions : public PredictionFile {
 public:
  explicit NetcdfPredictions(const fs::path& path) : path_(path.string()) {
    const Hdf5Lock lock;
    check_netcdf_heaps(path);
    check(nc_open(path_.c_str(), NC_NOWRITE, &file_), "cannot be opened");
    try {
      read_header();
    } catch (...) {
      nc_close(file_);
      throw;
    }
  }
  ~NetcdfPredictions() override {
    const Hdf5Lock lock;
    nc_close(file_);
  }

  void read(int64_t index, float* out) override {
    const Hdf5Lock lock;
    std::vector<size_t> start(5, 0), count(5, 1);
    start[0] = static_cast<size_t>(index);
    for (size_t i = 0; i < 4; ++i) count[i + 1] = static_cast<size_t>(shape_[i]);
    check(nc_get_vara_float(file_, variable_, start.data(), count.data(), out), "cannot be read");
  }

 private:
  void read_header() {
    if (nc_inq_varid(file_, kName, &variable_) != NC_NOERR)
      throw data_error(path_ + ": no variable '" + kName + "'",
                       std::string("variable '") + kName + "', " + kAxes);
    shape_ = window_shape(dimensions(variable_), path_ + ": '" + kName + "'");
    size_ = dimensions(variable_)[0];
    int id = 0;
    nc_type type = NC_NAT;
    if (nc_inq_varid(file_, "sample_id", &id) != NC_NOERR || nc_inq_vartype(file_, id, &type) != NC_NOERR ||
        type != NC_CHAR)
      return;
    const core::Shape shape = dimensions(id);
    if (shape.size() != 2 || shape[0] != size_) return;
    std::string raw(static_cast<size_t>(core::numel(shape)), '\0');
    check(nc_get_var_text(file_, id, raw.data()), "sample_id cannot be read");
    for (int64_t i = 0; i < size_; ++i) {
      const std::string text = raw.substr(static_cast<size_t>(i * shape[1]), static_cast<size_t>(shape[1]));
      ids_.push_back(core::trim(text.substr(0, text.find('\0'))));
    }
  }
  core::Shape dimensions(int variable) const {
    int rank = 0;
    check(nc_inq_varndims(file_, variable, &rank), "has no dimensions");
    std::vector<int> ids(static_cast<size_t>(rank));
    check(nc_inq_vardimid(file_, variable, ids.data()), "has no dimensions");
    core::Shape shape;
    for (int id : ids) {
      size_t length = 0;
      check(nc_inq_dimlen(file_, id, &length), "has no dimensions");
      shape.push_back(static_cast<int64_t>(length));
    }
    return shape;
  }
  void check(int status, const std::string& what) const {
    if (status != NC_NOERR)
      throw data_error(path_ + ": " + what + ": " + nc_strerror(status), "a whole NetCDF file");
  }
  std::string path_;
  int file_ = -1, variable_ = -1;
};

bool starts_with_hdf5_signature(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  char head[8] = {};
  in.read(head, 8);
  return std::memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0;
}

}  // namespace

std::unique_ptr<PredictionFile> open_predictions(const fs::path& path) {
  if (!fs::is_regular_file(path)) throw data_error("no file " + path.string(), "a file with predictions");
  const std::string ending = path.extension().string();
  std::unique_ptr<PredictionFile> file;
  if (ending == ".npy")
    file = std::make_unique<NpyFile>(path);
  else if (ending == ".safetensors")
    file = std::make_unique<SafetensorsPredictions>(path);
  else if (ending == ".h5" || ending == ".hdf5" || ending == ".nc4" || ending == ".nc")
    file = starts_with_hdf5_signature(path) || ending[1] == 'h'
               ? std::unique_ptr<PredictionFile>(std::make_unique<Hdf5Predictions>(path))
               : std::make_unique<NetcdfPredictions>(path);
  else
    throw usage_error("cannot tell the format of " + path.string(),
                      "a name ending in .npy, .safetensors, .h5, .hdf5 or .nc");
  if (!file->ids().empty() && static_cast<int64_t>(file->ids().size()) != file->size())
    throw data_error(path.string() + ": " + std::to_string(file->ids().size()) + " sample ids for " +
                         std::to_string(file->size()) + " windows",
                     "one id per window");
  return file;
}

void write_npy(const fs::path& path, const core::Shape& shape,
               const std::function<void(int64_t i, float* entry)>& next) {
  std::string dims;
  for (int64_t size : shape) dims += std::to_string(size) + (shape.size() == 1 ? "," : ", ");
  if (shape.size() > 1) dims.resize(dims.size() - 2);
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + dims + "), }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string head("\x93NUMPY\x01\x00", 8);
  head += static_cast<char>(header.size() & 0xff);
  head += static_cast<char>(header.size() >> 8);
  core::write_atomic(path, [&](const fs::path& temporary) {
    std::ofstream out(temporary, std::ios::binary);
    out << head << header;
    std::vector<float> entry(static_cast<size_t>(core::numel(shape) / std::max<int64_t>(1, shape[0])));
    for (int64_t i = 0; i < shape[0]; ++i) {
      next(i, entry.data());
      out.write(reinterpret_cast<const char*>(entry.data()), static_cast<std::streamsize>(entry.size() * 4));
    }
    out.flush();
    if (!out) throw environment_error("cannot write " + path.string(), "room and write permission");
  });
}

}  // namespace windtunnel::datasets
