#include "datasets/formats/writers.h"

#include <algorithm>
#include <map>
#include <memory>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "datasets/formats/hdf5_writer.h"
#include "datasets/formats/place.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kChunkBytes = 64 << 20;  // read at once

}  // namespace

std::vector<Target> targets_of(const Scenario& to, Side side, const std::string& format) {
  std::vector<Target> list;
  for (const int64_t f : fields_on(to, side)) {
    const FieldInfo& field = to.fields[static_cast<size_t>(f)];
    const Place place = parse_place(field.place(format, side));
    auto it = std::find_if(list.begin(), list.end(), [&](const Target& t) {
      return t.folder == place.folder && t.dataset == place.dataset;
    });
    if (it == list.end())
      it = list.insert(list.end(), {place.folder, place.dataset, place.channel >= 0, {}, false});
    const size_t channel = place.channel < 0 ? 0 : static_cast<size_t>(place.channel);
    if (it->fields.size() <= channel) it->fields.resize(channel + 1, -1);
    if (it->channels != (place.channel >= 0) || it->fields[channel] >= 0)
      throw usage_error("fields of scenario '" + to.name + "' share the place '" + place.dataset + "'",
                        "a place of its own for every field");
    it->fields[channel] = f;
    it->both_sides = it->both_sides || field.sides.size() > 1;
  }
  for (const auto& target : list)
    if (std::count(target.fields.begin(), target.fields.end(), -1))
      throw usage_error("scenario '" + to.name + "' does not name every channel of '" + target.dataset + "'",
                        "channels 0 to " + std::to_string(target.fields.size() - 1));
  return list;
}

void stream(const Trajectory& t, const Target& target,
            const std::function<void(int64_t, const core::Array&)>& take) {
  const int64_t frame = t.height() * t.width() * static_cast<int64_t>(target.fields.size() * sizeof(float));
  const int64_t chunk = std::max<int64_t>(1, kChunkBytes / std::max<int64_t>(1, frame));
  for (int64_t begin = 0; begin < t.frames(); begin += chunk)
    take(begin, t.read(target.fields, begin, std::min(begin + chunk, t.frames())));
}

core::Shape shape_of(const Trajectory& t, const Target& target) {
  core::Shape shape = {t.frames(), t.height(), t.width()};
  if (target.channels) shape.push_back(static_cast<int64_t>(target.fields.size()));
  return shape;
}

void write_realpdebench_hdf5(const ConvertJob& job) {
  const auto targets = targets_of(job.to, job.side, "realpdebench_hdf5");
  std::map<std::string, std::vector<Target>> folders;
  for (const auto& target : targets) folders[target.folder].push_back(target);
  core::Progress bar(std::string("writing ") + to_string(job.side), static_cast<int64_t>(job.ids.size()));
  int64_t done = 0;
  for (const auto& [id, name] : job.ids) {
    const auto t = job.store.open(id);
    for (const auto& [folder, list] : folders) {
      const fs::path path = job.to.folder(job.root, folder.empty() ? to_string(job.side) : folder);
      core::make_folder(path);
      core::write_atomic(path / name, [&, &content = list](const fs::path& file) {
        Hdf5Writer writer(file);
        for (const auto& target : content) {
          writer.create(target.dataset, shape_of(*t, target));
          stream(*t, target, [&](int64_t begin, const core::Array& values) {
            writer.write_frames(target.dataset, begin, values.shape[0], values.data.data());
          });
        }
        for (const auto& axis : t->axes()) writer.write_numbers(axis.name, axis.shape, axis.values);
        if (const auto times = t->times(); !times.empty())
          writer.write_numbers("t", {static_cast<int64_t>(times.size())}, times);
        writer.write_attributes(t->attributes());
        writer.close();
      });
    }
    bar.update(++done);
  }
}

}  // namespace windtunnel::datasets
