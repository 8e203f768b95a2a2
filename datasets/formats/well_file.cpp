#include "datasets/formats/well_file.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "datasets/formats/hdf5_values.h"

namespace windtunnel::datasets {

namespace {

enum Code { kWall = 0, kOpen = 1, kPeriodic = 2 };

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

/// Repeats axis `axis` of length 1 to `length`.
core::Array repeated(const core::Array& from, size_t axis, int64_t length) {
  core::Shape shape = from.shape;
  shape[axis] = length;
  core::Array out(shape);
  int64_t inner = 1;
  for (size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
  const int64_t outer = inner ? from.numel() / inner : 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t k = 0; k < length; ++k)
      std::copy_n(from.data.data() + o * inner, inner, out.data.data() + (o * length + k) * inner);
  return out;
}

}  // namespace

WellFile::WellFile(const std::filesystem::path& path) : file_(std::make_shared<Hdf5File>(path)) {
  read_layout();
  for (const int order : {0, 1, 2}) read_fields(order);
  if (file_->has("scalars"))
    for (const auto& name : hdf5_attribute(*file_, "scalars", "field_names").texts) {
      const std::string object = "scalars/" + name;
      WellQuantity q{name, 0, false, false, {}};
      arrays_.emplace("scalars/" + name, Hdf5Array(file_, object));
      q.sample_varying = hdf5_attribute(*file_, object, "sample_varying").flag();
      q.time_varying = hdf5_attribute(*file_, object, "time_varying").flag();
      core::Shape expected;
      if (q.sample_varying) expected.push_back(trajectories_);
      if (q.time_varying) expected.push_back(steps_);
      if (arrays_.at(object).shape() != expected)
        throw data_error(
            this->path() + ": scalar '" + name + "' has shape " + core::to_string(arrays_.at(object).shape()),
            core::to_string(expected));
      scalars_.push_back(q);
    }
}

void WellFile::read_layout() {
  const auto count = hdf5_attribute(*file_, "/", "n_trajectories");
  if (count.numbers.size() != 1 || count.numbers[0] < 1)
    throw data_error(path() + " has no attribute 'n_trajectories'", "a file in the layout of The Well");
  trajectories_ = static_cast<int64_t>(count.numbers[0]);
  dims_ = hdf5_attribute(*file_, "dimensions", "spatial_dims").texts;
  if (dims_.empty() || dims_.size() > 3)
    throw data_error(path() + " has " + std::to_string(dims_.size()) + " spatial dimensions", "1 to 3");
  const auto last_axis = [&](const std::string& name) {
    const Hdf5Array values(file_, "dimensions/" + name);
    if (values.shape().empty() || values.shape().back() < 1)
      throw data_error(path() + ": dimension '" + name + "' has shape " + core::to_string(values.shape()),
                       "a list of coordinates");
    return values.shape().back();
  };
  steps_ = last_axis("time");
  for (const auto& dim : dims_) resolution_.push_back(last_axis(dim));
}

void WellFile::read_fields(int order) {
  const std::string group = "t" + std::to_string(order) + "_fields";
  if (!file_->has(group)) return;
  for (const auto& name : hdf5_attribute(*file_, group, "field_names").texts) {
    const std::string object = group + "/" + name;
    WellQuantity q{name, order, false, false, {}};
    const Hdf5Array& values = arrays_.emplace(name, Hdf5Array(file_, object)).first->second;
    q.sample_varying = hdf5_attribute(*file_, object, "sample_varying").flag();
    q.time_varying = hdf5_attribute(*file_, object, "time_varying").flag();
    for (const double flag : hdf5_attribute(*file_, object, "dim_varying").numbers)
      q.dim_varying.push_back(flag != 0);
    if (q.dim_varying.empty()) q.dim_varying.assign(dims_.size(), true);
    // The stored form with size-1 axes, and the described one without them.
    core::Shape with, without;
    const auto both = [&](int64_t n) {
      with.push_back(n);
      without.push_back(n);
    };
    if (q.sample_varying) both(trajectories_);
    if (q.time_varying) both(steps_);
    for (size_t d = 0; d < dims_.size(); ++d) {
      const bool varies = d < q.dim_varying.size() && q.dim_varying[d];
      with.push_back(varies ? resolution_[d] : 1);
      if (varies) without.push_back(resolution_[d]);
    }
    for (int i = 0; i < order; ++i) both(static_cast<int64_t>(dims_.size()));
    if (q.dim_varying.size() != dims_.size() || (values.shape() != with && values.shape() != without))
      throw data_error(path() + ": field '" + name + "' has shape " + core::to_string(values.shape()),
                       core::to_string(with));
    fields_.push_back(q);
  }
}

std::vector<std::string> WellFile::channel_names(const WellQuantity& field) const {
  std::vector<std::string> names = {field.name};
  for (int i = 0; i < field.order; ++i) {
    std::vector<std::string> longer;
    for (const auto& name : names)
      for (const auto& dim : dims_) longer.push_back(name + (i == 0 ? "_" : "") + dim);
    names = longer;
  }
  return names;
}

core::Array WellFile::read(const WellQuantity& field, int64_t trajectory, int64_t begin, int64_t count,
                           int64_t dt) const {
  const Hdf5Array& values = array(field.name);
  std::vector<int64_t> prefix;
  if (field.sample_varying) prefix.push_back(trajectory);
  core::Shape shape;  // of one frame as stored, size-1 axes inserted
  for (size_t d = 0; d < dims_.size(); ++d) shape.push_back(field.dim_varying[d] ? resolution_[d] : 1);
  for (int i = 0; i < field.order; ++i) shape.push_back(static_cast<int64_t>(dims_.size()));
  const int64_t frame = core::numel(shape);
  std::vector<float> buffer;
  core::Array out;
  if (field.time_varying) {
    const float* from = values.read(prefix, begin, begin + (count - 1) * dt + 1, buffer);
    shape.insert(shape.begin(), count);
    out = core::Array(shape);
    for (int64_t k = 0; k < count; ++k)
      std::copy_n(from + k * dt * frame, frame, out.data.data() + k * frame);
  } else {
    out = core::Array(shape);
    if (values.shape().size() <= prefix.size()) {  // one value
      const float* from = prefix.empty() ? nullptr : values.read(trajectory, trajectory + 1, buffer);
      out.data[0] = from ? *from : static_cast<float>(values.doubles().at(0));
    } else {
      std::copy_n(values.read(prefix, 0, values.shape()[prefix.size()], buffer), frame, out.data.data());
    }
  }
  const size_t first = field.time_varying ? 1 : 0;
  for (size_t d = 0; d < dims_.size(); ++d)
    if (out.shape[first + d] != resolution_[d]) out = repeated(out, first + d, resolution_[d]);
  return out;
}

Hdf5Block WellFile::block(const WellQuantity& field, int64_t trajectory, int64_t begin, int64_t end,
                          const std::vector<int64_t>& at, std::vector<float>& buffer) const {
  const Hdf5Array& values = array(field.name);
  std::vector<int64_t> start, count;
  const auto take = [&](int64_t first, int64_t n) {
    start.push_back(first);
    count.push_back(n);
    return start.size() - 1;
  };
  constexpr size_t kNone = ~size_t{0};
  std::vector<size_t> axes;  // of the block, by time and dimension
  if (field.sample_varying) take(trajectory, 1);
  axes.push_back(field.time_varying ? take(begin, end - begin) : kNone);
  const bool single = values.shape().size() ==  // axes that do not vary are stored with length 1
                      start.size() + dims_.size() + static_cast<size_t>(field.order);
  for (size_t d = 0; d < dims_.size(); ++d) {
    size_t axis = kNone;
    if (field.dim_varying[d])
      axis = at[d] < 0 ? take(0, resolution_[d]) : take(at[d], 1);
    else if (single)
      take(0, 1);
    axes.push_back(axis);
  }
  for (int i = 0; i < field.order; ++i) take(0, static_cast<int64_t>(dims_.size()));
  const Hdf5Block stored = values.block(start, count, buffer);
  Hdf5Block out{stored.data, {}};
  for (const size_t axis : axes) out.steps.push_back(axis == kNone ? 0 : stored.steps[axis]);
  return out;
}

std::vector<float> WellFile::scalar(const WellQuantity& scalar, int64_t trajectory, int64_t begin,
                                    int64_t count, int64_t dt) const {
  const auto all = array("scalars/" + scalar.name).doubles();
  const int64_t first = scalar.sample_varying ? trajectory * (scalar.time_varying ? steps_ : 1) : 0;
  if (!scalar.time_varying) count = 1;
  std::vector<float> out;
  for (int64_t k = 0; k < count; ++k)
    out.push_back(
        static_cast<float>(all.at(static_cast<size_t>(first + (scalar.time_varying ? begin + k * dt : 0)))));
  return out;
}

std::vector<double> WellFile::coordinates(const std::string& dim, int64_t trajectory) const {
  const Hdf5Array values(file_, "dimensions/" + dim);
  const auto all = values.doubles();
  const auto length = static_cast<size_t>(values.shape().back());
  const size_t first = values.shape().size() > 1 ? static_cast<size_t>(trajectory) * length : 0;
  if (first + length > all.size())
    throw data_error(path() + ": dimension '" + dim + "' has shape " + core::to_string(values.shape()),
                     "coordinates of run " + std::to_string(trajectory));
  return {all.begin() + static_cast<int64_t>(first), all.begin() + static_cast<int64_t>(first + length)};
}

std::vector<double> WellFile::times(int64_t trajectory) const { return coordinates("time", trajectory); }

core::Array WellFile::grid(int64_t trajectory) const {
  core::Shape shape = resolution_;
  const auto rank = static_cast<int64_t>(shape.size());
  shape.push_back(rank);
  core::Array out(shape);
  int64_t inner = out.numel();
  for (int64_t d = 0; d < rank; ++d) {
    const auto values = coordinates(dims_[static_cast<size_t>(d)], trajectory);
    const int64_t n = resolution_[static_cast<size_t>(d)];
    inner /= d == 0 ? n * rank : n;
    for (int64_t point = 0; point < out.numel() / rank; ++point)
      out.data[static_cast<size_t>(point * rank + d)] =
          static_cast<float>(values[static_cast<size_t>(point / inner % n)]);
  }
  return out;
}

std::vector<std::string> WellFile::boundary_types() const {
  std::set<std::string> types;
  if (file_->has("boundary_conditions"))
    for (const auto& name : file_->names("boundary_conditions"))
      for (const auto& type : hdf5_attribute(*file_, "boundary_conditions/" + name, "bc_type").texts)
        types.insert(upper(type));
  return {types.begin(), types.end()};
}

core::Array WellFile::boundaries(int64_t trajectory) const {
  core::Array codes({static_cast<int64_t>(dims_.size()), 2});
  std::fill(codes.data.begin(), codes.data.end(), static_cast<float>(kOpen));
  if (!file_->has("boundary_conditions")) return codes;
  const std::map<std::string, Code> known = {{"WALL", kWall}, {"OPEN", kOpen}, {"PERIODIC", kPeriodic}};
  for (const auto& name : file_->names("boundary_conditions")) {
    const std::string group = "boundary_conditions/" + name;
    const auto type = hdf5_attribute(*file_, group, "bc_type").texts;
    const auto code = known.find(type.empty() ? "" : upper(type[0]));
    if (code == known.end())
      throw data_error(
          path() + ": boundary condition '" + name + "' has type '" + (type.empty() ? "" : type[0]) + "'",
          "wall, open or periodic");
    const auto mask = hdf5_values(*file_, group + "/mask");
    const auto associated = hdf5_attribute(*file_, group, "associated_dims").texts;
    std::vector<size_t> axes;
    core::Shape extent;
    for (const auto& dim : associated) {
      const auto at = std::find(dims_.begin(), dims_.end(), dim);
      if (at == dims_.end())
        throw data_error(path() + ": boundary condition '" + name + "' names dimension '" + dim + "'",
                         "one of " + core::join(dims_, ", "));
      axes.push_back(static_cast<size_t>(at - dims_.begin()));
      extent.push_back(resolution_[axes.back()]);
    }
    const int64_t points = core::numel(extent);
    const bool per_run = hdf5_attribute(*file_, group, "sample_varying").flag();
    const int64_t first =
        per_run ? static_cast<int64_t>(mask.numbers.size()) / trajectories_ * trajectory : 0;
    if (first + points > static_cast<int64_t>(mask.numbers.size()))
      throw data_error(
          path() + ": mask of boundary condition '" + name + "' has shape " + core::to_string(mask.shape),
          core::to_string(extent));
    for (size_t a = 0; a < axes.size(); ++a) {
      int64_t inner = 1;
      for (size_t d = a + 1; d < extent.size(); ++d) inner *= extent[d];
      for (const int64_t end : {int64_t{0}, extent[a] - 1}) {
        bool any = false, all = true;
        for (int64_t k = 0; k < points; ++k) {
          if (k / inner % extent[a] != end) continue;
          const bool set = mask.numbers[static_cast<size_t>(first + k)] != 0;
          any = any || set;
          all = all && set;
        }
        if (code->second == kWall ? all : any)
          codes.data[axes[a] * 2 + (end == 0 ? 0 : 1)] = static_cast<float>(code->second);
      }
    }
  }
  return codes;
}

double WellFile::parameter(const std::string& name, int64_t trajectory) const {
  if (const auto value = hdf5_attribute(*file_, "/", name); value.numbers.size() == 1)
    return value.numbers[0];
  for (const auto& q : scalars_)
    if (q.name == name && !q.time_varying) return scalar(q, trajectory)[0];
  throw data_error(path() + " has no parameter '" + name + "'",
                   "an attribute of the file or a constant scalar",
                   "simulation parameters there: " +
                       core::join(hdf5_attribute(*file_, "/", "simulation_parameters").texts, ", "));
}

}  // namespace windtunnel::datasets
