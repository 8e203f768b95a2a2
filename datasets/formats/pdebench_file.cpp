#include "datasets/formats/pdebench_file.h"

#include <algorithm>
#include <cstdio>

#include "core/error.h"
#include "core/text.h"
#include "datasets/formats/hdf5_values.h"

namespace windtunnel::datasets {

namespace {
const std::vector<std::string> kFlow = {"density", "pressure", "Vx", "Vy", "Vz"};
constexpr const char* kAxes[] = {"x", "y", "z"};
}  // namespace

PdebenchFile::PdebenchFile(const std::filesystem::path& path) : file_(std::make_shared<Hdf5File>(path)) {
  if (file_->has("tensor")) {
    darcy_ = file_->has("nu");
    add("tensor", false, false);
    if (darcy_) {
      add("nu", false, true);
      channels_ = {"tensor"};
      if (frames_ != 1)
        throw data_error(this->path() + ": 'tensor' has " + std::to_string(frames_) + " frames",
                         "1 beside 'nu'");
      frames_ = 2;
    }
  } else if (file_->has("density")) {
    for (const auto& name : kFlow)
      if (file_->has(name)) add(name, false, false);
  } else if (file_->has("velocity")) {
    add("velocity", true, false);
    if (file_->has("particles")) add("particles", true, false);
    if (file_->has("force")) add("force", true, true);
  } else {
    for (const auto& name : file_->names())
      if (file_->has(name + "/data")) groups_.push_back(name);
    if (groups_.empty())
      throw data_error(this->path() + " has none of the datasets of PDEBench",
                       "tensor, density, velocity, or groups with a dataset 'data'");
    samples_ = static_cast<int64_t>(groups_.size());
    add(groups_.front() + "/data", true, false);
  }
}

void PdebenchFile::add(const std::string& dataset, bool components, bool constant) {
  const Hdf5Array& array =
      *arrays_.emplace(dataset, std::make_shared<const Hdf5Array>(file_, dataset)).first->second;
  core::Shape shape = array.shape();
  const core::Shape stored = shape;
  const auto take = [&](int64_t& value, const char* what) {
    if (shape.empty() || (value != 0 && shape.front() != value) || shape.front() < 1)
      throw data_error(
          path() + ": dataset '" + dataset + "' has shape " + core::to_string(stored),
          value ? std::to_string(value) + " " + what : std::string("a positive number of ") + what);
    value = shape.front();
    shape.erase(shape.begin());
  };
  if (groups_.empty()) take(samples_, "samples");
  if (!constant) take(frames_, "frames");
  int64_t count = 0;
  if (components && !shape.empty()) {
    count = shape.back();
    shape.pop_back();
  }
  if (extent_.empty()) extent_ = shape;
  if (shape.empty() || shape.size() > 3 || shape != extent_ || core::numel(shape) < 1 ||
      (components && count < 1))
    throw data_error(path() + ": dataset '" + dataset + "' has shape " + core::to_string(stored),
                     "1 to 3 spatial axes" + (extent_.empty() ? "" : ": " + core::to_string(extent_)));
  const std::string name = groups_.empty() ? dataset : "data";
  for (int64_t c = 0; c < std::max<int64_t>(1, count); ++c) {
    const std::string channel = components ? name + "[" + std::to_string(c) + "]" : name;
    sources_[channel] = {dataset, count, c, constant};
    channels_.push_back(channel);
  }
}

std::vector<std::string> PdebenchFile::axes() const { return {kAxes, kAxes + extent_.size()}; }

std::string PdebenchFile::sample_name(int64_t sample) const {
  if (seed_groups()) return groups_.at(static_cast<size_t>(sample));
  char text[32];
  std::snprintf(text, sizeof text, "%0*lld",
                std::max(4, static_cast<int>(std::to_string(samples_ - 1).size())),
                static_cast<long long>(sample));
  return text;
}

std::vector<float> PdebenchFile::read_array(const Hdf5Array& array, const Source& source,
                                            const std::vector<int64_t>& prefix, int64_t begin,
                                            int64_t end) const {
  std::vector<float> buffer;
  const int64_t points = core::numel(extent_), frames = end - begin;
  const float* from = source.constant ? array.read(prefix.front(), prefix.front() + 1, buffer)
                                      : array.read(prefix, begin, end, buffer);
  const int64_t step = std::max<int64_t>(1, source.components);
  std::vector<float> out(static_cast<size_t>(frames * points));
  for (int64_t t = 0; t < frames; ++t)
    for (int64_t k = 0; k < points; ++k)
      out[static_cast<size_t>(t * points + k)] =
          from[((source.constant ? 0 : t) * points + k) * step + source.component];
  return out;
}

std::vector<float> PdebenchFile::read(const std::string& channel, int64_t sample, int64_t begin,
                                      int64_t end) const {
  const auto it = sources_.find(channel);
  if (it == sources_.end())
    throw usage_error(path() + " has no channel '" + channel + "'", "one of " + core::join(channels_, ", "),
                      core::suggestion(channel, channels_));
  if (!darcy_)
    return read_array(*open(it->second.dataset, sample), it->second,
                      seed_groups() ? std::vector<int64_t>() : std::vector{sample}, begin, end);
  std::vector<float> out;
  for (int64_t t = begin; t < end; ++t) {
    const Source source{t == 0 ? "nu" : "tensor", 0, 0, t == 0};
    const auto frame = read_array(*arrays_.at(source.dataset), source, {sample}, 0, 1);
    out.insert(out.end(), frame.begin(), frame.end());
  }
  return out;
}

std::pair<std::string, int64_t> PdebenchFile::place(const std::string& channel) const {
  const Source& source = sources_.at(channel);
  return {source.dataset, source.component};
}

std::shared_ptr<const Hdf5Array> PdebenchFile::open(const std::string& dataset, int64_t sample) const {
  if (!seed_groups()) return arrays_.at(dataset);
  const std::string own = groups_.at(static_cast<size_t>(sample)) + "/data";
  auto array = std::make_shared<const Hdf5Array>(file_, own);
  const core::Shape& expected = arrays_.at(dataset)->shape();
  if (array->shape() != expected)
    throw data_error(path() + ": dataset '" + own + "' has shape " + core::to_string(array->shape()),
                     core::to_string(expected) + " like the first group");
  return array;
}

Hdf5Block PdebenchFile::block(const std::string& dataset, const Hdf5Array& array, int64_t sample,
                              int64_t begin, int64_t end, const std::vector<int64_t>& at,
                              std::vector<float>& buffer) const {
  if (darcy_) return darcy_frames(sample, begin, end, at, buffer);
  const auto source = std::find_if(sources_.begin(), sources_.end(),
                                   [&](const auto& s) { return s.second.dataset == dataset; });
  const bool constant = source->second.constant;
  std::vector<int64_t> start, count;
  if (!seed_groups()) {
    start.push_back(sample);
    count.push_back(1);
  }
  if (!constant) {
    start.push_back(begin);
    count.push_back(end - begin);
  }
  const size_t first = start.size();
  for (size_t d = 0; d < extent_.size(); ++d) {
    start.push_back(std::max<int64_t>(0, at[d]));
    count.push_back(at[d] < 0 ? extent_[d] : 1);
  }
  if (source->second.components) {
    start.push_back(0);
    count.push_back(source->second.components);
  }
  Hdf5Block stored = array.block(start, count, buffer);
  Hdf5Block out{stored.data, {constant ? 0 : stored.steps[first - 1]}};
  for (size_t d = 0; d < extent_.size(); ++d) out.steps.push_back(stored.steps[first + d]);
  return out;
}

Hdf5Block PdebenchFile::darcy_frames(int64_t sample, int64_t begin, int64_t end,
                                     const std::vector<int64_t>& at, std::vector<float>& buffer) const {
  std::vector<float> all;
  core::Shape shape = {end - begin};
  for (size_t d = 0; d < extent_.size(); ++d) shape.push_back(at[d] < 0 ? extent_[d] : 1);
  const int64_t points = core::numel(shape) / shape.front();
  buffer.resize(static_cast<size_t>(core::numel(shape)));
  for (int64_t t = begin; t < end; ++t) {
    std::vector<int64_t> start = {sample}, count = {1};
    if (t > 0) {  // the tensor's one frame
      start.push_back(0);
      count.push_back(1);
    }
    for (size_t d = 0; d < extent_.size(); ++d) {
      start.push_back(std::max<int64_t>(0, at[d]));
      count.push_back(shape[d + 1]);
    }
    const Hdf5Array& array = *arrays_.at(t == 0 ? "nu" : "tensor");
    const Hdf5Block stored = array.block(start, count, all);
    const size_t first = start.size() - extent_.size();
    float* out = buffer.data() + (t - begin) * points;
    for (int64_t k = 0; k < points; ++k) {
      int64_t rest = k, from = 0;
      for (size_t d = extent_.size(); d-- > 0;) {
        from += rest % shape[d + 1] * stored.steps[first + d];
        rest /= shape[d + 1];
      }
      out[k] = stored.data[from];
    }
  }
  Hdf5Block out{buffer.data(), std::vector<int64_t>(shape.size(), 1)};
  for (size_t d = shape.size(); d-- > 1;) out.steps[d - 1] = out.steps[d] * shape[d];
  return out;
}

std::vector<double> PdebenchFile::coordinates(size_t axis) const {
  const std::string dataset =
      seed_groups() ? groups_.front() + "/grid/" + kAxes[axis] : std::string(kAxes[axis]) + "-coordinate";
  auto values = hdf5_values(*file_, dataset);
  const auto count = static_cast<size_t>(extent_.at(axis));
  if (!values.there)
    for (size_t i = 0; i < count; ++i) values.numbers.push_back(static_cast<double>(i));
  if (values.numbers.size() != count)
    throw data_error(
        path() + ": dataset '" + dataset + "' has " + std::to_string(values.numbers.size()) + " values",
        std::to_string(count) + " coordinates");
  return values.numbers;
}

std::vector<double> PdebenchFile::times(int64_t sample) const {
  if (darcy_) return {};
  auto values = hdf5_values(*file_, seed_groups()     ? groups_.at(static_cast<size_t>(sample)) + "/grid/t"
                                    : file_->has("t") ? "t"
                                                      : "t-coordinate");
  if (!values.there) return {};
  const auto frames = static_cast<size_t>(frames_);
  if (values.shape.size() == 2)
    values.numbers.erase(
        values.numbers.begin(),
        values.numbers.begin() +
            std::min<int64_t>(sample * values.shape[1], static_cast<int64_t>(values.numbers.size())));
  if (values.numbers.size() < frames)
    throw data_error(path() + " has " + std::to_string(values.numbers.size()) + " times",
                     std::to_string(frames) + ", one per frame");
  values.numbers.resize(frames);
  return values.numbers;
}

double PdebenchFile::parameter(const std::string& name) const {
  const auto value = hdf5_attribute(*file_, "/", name);
  if (value.numbers.size() != 1)
    throw data_error(path() + " has no numeric attribute '" + name + "'", "the parameters of the scenario");
  return value.numbers[0];
}

PdebenchSamples::PdebenchSamples(const std::filesystem::path& path, PdebenchOptions options)
    : file_(path), options_(options) {
  for (const int64_t n : {options_.reduced_resolution, options_.reduced_resolution_t, options_.reduced_batch})
    if (n < 1) throw usage_error("a stride of " + std::to_string(n), "at least 1");
  int64_t n = (file_.samples() + options_.reduced_batch - 1) / options_.reduced_batch;
  if (options_.num_samples_max > 0) n = std::min(n, options_.num_samples_max);
  if (options_.test_last) {
    const auto train = static_cast<int64_t>(static_cast<double>(n) * (1 - options_.test_ratio));
    begin_ = options_.test ? train : 0;
    end_ = options_.test ? n : train;
  } else {
    const auto held = static_cast<int64_t>(static_cast<double>(n) * options_.test_ratio);
    begin_ = options_.test ? 0 : held;
    end_ = options_.test ? held : n;
  }
}

std::map<std::string, core::Array> PdebenchSamples::item(int64_t index) const {
  if (index < 0 || index >= size())
    throw usage_error("sample " + std::to_string(index), "0 to " + std::to_string(size() - 1));
  const int64_t sample = (begin_ + index) * options_.reduced_batch, r = options_.reduced_resolution;
  const int64_t dt = file_.darcy() ? 1 : options_.reduced_resolution_t;
  const auto channels = static_cast<int64_t>(file_.channels().size());
  core::Shape extent = file_.extent(), shape;
  for (const int64_t n : extent) shape.push_back((n + r - 1) / r);
  const auto rank = static_cast<int64_t>(extent.size());
  const int64_t points = core::numel(shape), frames = (file_.frames() + dt - 1) / dt;
  const int64_t first = std::min(options_.initial_step, frames);

  // Place of every kept point in the stored grid, and its coordinates.
  std::vector<int64_t> places(static_cast<size_t>(points));
  core::Shape grid_shape = shape;
  grid_shape.push_back(rank);
  core::Array grid(grid_shape);
  std::vector<std::vector<double>> coordinates;
  for (size_t d = 0; d < extent.size(); ++d) coordinates.push_back(file_.coordinates(d));
  for (int64_t p = 0; p < points; ++p) {
    int64_t rest = p, place = 0, step = 1;
    for (int64_t d = rank; d-- > 0;) {
      const auto axis = static_cast<size_t>(d);
      const int64_t at = rest % shape[axis] * r;
      rest /= shape[axis];
      place += at * step;
      step *= extent[axis];
      grid.data[static_cast<size_t>(p * rank + d)] =
          static_cast<float>(coordinates[axis][static_cast<size_t>(at)]);
    }
    places[static_cast<size_t>(p)] = place;
  }
  const auto with = [&](int64_t steps) {
    core::Shape s = shape;
    s.push_back(steps);
    s.push_back(channels);
    return core::Array(s);
  };
  core::Array xx = with(first), yy = with(frames);
  const int64_t stored = core::numel(extent);
  for (int64_t c = 0; c < channels; ++c) {
    const auto values = file_.read(file_.channels()[static_cast<size_t>(c)], sample, 0, file_.frames());
    for (int64_t p = 0; p < points; ++p)
      for (int64_t t = 0; t < frames; ++t) {
        const float v = values[static_cast<size_t>(t * dt * stored + places[static_cast<size_t>(p)])];
        yy.data[static_cast<size_t>((p * frames + t) * channels + c)] = v;
        if (t < first) xx.data[static_cast<size_t>((p * first + t) * channels + c)] = v;
      }
  }
  return {{"xx", std::move(xx)}, {"yy", std::move(yy)}, {"grid", std::move(grid)}};
}

}  // namespace windtunnel::datasets
