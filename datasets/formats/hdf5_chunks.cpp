#include "datasets/formats/hdf5_chunks.h"

#include <hdf5.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "core/error.h"
#include "datasets/formats/decoded_cache.h"
#include "datasets/formats/hdf5_file.h"
#include "datasets/formats/lzf.h"
#include "datasets/stages.h"

namespace windtunnel::datasets {
namespace {

constexpr hsize_t kMostChunks = 10000;
constexpr H5Z_filter_t kLzf = 32000;
constexpr int64_t kLargestChunk = int64_t{1} << 31;

template <herr_t (*Function)(hid_t)>
int close_with(int64_t id) {
  return Function(id);
}

void unshuffle(const std::vector<uint8_t>& in, std::vector<uint8_t>& out, size_t element) {
  const size_t n = in.size() / element;
  out.resize(in.size());
  for (size_t b = 0; b < element; ++b) {
    const uint8_t* plane = in.data() + b * n;
    for (size_t i = 0; i < n; ++i) out[i * element + b] = plane[i];
  }
  std::copy(in.begin() + static_cast<std::ptrdiff_t>(n * element), in.end(),
            out.begin() + static_cast<std::ptrdiff_t>(n * element));
}

template <typename T>
void widen(const uint8_t* bytes, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, bytes + i * sizeof value, sizeof value);
    out[i] = static_cast<float>(value);
  }
}

/// For the stored types that we take to float32 ourselves; nothing for others.
Hdf5Chunks::Widen widening(hid_t type) {
  const std::pair<hid_t, Hdf5Chunks::Widen> known[] = {
      {H5T_IEEE_F32LE, widen<float>}, {H5T_IEEE_F64LE, widen<double>}, {H5T_STD_I8LE, widen<int8_t>},
      {H5T_STD_U8LE, widen<uint8_t>}, {H5T_STD_I16LE, widen<int16_t>}, {H5T_STD_U16LE, widen<uint16_t>}};
  for (const auto& [stored, function] : known)
    if (H5Tequal(type, stored) > 0) return function;
  return nullptr;
}

}  // namespace

std::unique_ptr<Hdf5Chunks> Hdf5Chunks::open(int64_t dataset, const std::string& path,
                                             const std::string& name, const core::Shape& shape) {
  const Hdf5Id plist(H5Dget_create_plist(dataset), close_with<H5Pclose>);
  const Hdf5Id type(H5Dget_type(dataset), close_with<H5Tclose>);
  if (H5Pget_layout(plist.get()) != H5D_CHUNKED || shape.empty()) return nullptr;
  std::unique_ptr<Hdf5Chunks> out(new Hdf5Chunks());
  out->widen_ = widening(type.get());
  if (!out->widen_) return nullptr;
  out->element_ = H5Tget_size(type.get());
  const int filters = H5Pget_nfilters(plist.get());
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0, values[8] = {}, config = 0;
    size_t count = 8;
    const H5Z_filter_t id =
        H5Pget_filter2(plist.get(), static_cast<unsigned>(i), &flags, &count, values, 0, nullptr, &config);
    if (id == H5Z_FILTER_DEFLATE)
      out->filters_.push_back(Filter::deflate);
    else if (id == H5Z_FILTER_SHUFFLE && count >= 1 && values[0] == out->element_)
      out->filters_.push_back(Filter::shuffle);
    else if (id == kLzf)
      out->filters_.push_back(Filter::lzf);
    else
      return nullptr;
  }
  std::vector<hsize_t> extent(shape.size());
  if (H5Pget_chunk(plist.get(), static_cast<int>(extent.size()), extent.data()) !=
      static_cast<int>(extent.size()))
    return nullptr;
  out->shape_ = shape;
  hsize_t total = 1;
  int64_t values = 1;
  for (size_t d = 0; d < shape.size(); ++d) {
    const auto c = static_cast<int64_t>(extent[d]);
    if (c < 1 || shape[d] < 1 || __builtin_mul_overflow(values, c, &values) || values > kLargestChunk)
      return nullptr;
    out->chunk_.push_back(c);
    out->grid_.push_back((shape[d] + c - 1) / c);
    total *= static_cast<hsize_t>(out->grid_.back());
    if (total > kMostChunks) return nullptr;
  }
  const Hdf5Id space(H5Dget_space(dataset), close_with<H5Sclose>);
  hsize_t there = 0;
  if (H5Dget_num_chunks(dataset, space.get(), &there) < 0 || there != total) return nullptr;
  out->file_ = std::make_unique<core::MappedFile>(path);
  out->chunks_.resize(total);
  std::vector<bool> seen(total);
  for (hsize_t i = 0; i < there; ++i) {
    std::vector<hsize_t> offset(shape.size());
    unsigned mask = 0;
    haddr_t address = HADDR_UNDEF;
    hsize_t bytes = 0;
    if (H5Dget_chunk_info(dataset, space.get(), i, offset.data(), &mask, &address, &bytes) < 0)
      return nullptr;
    size_t place = 0;
    for (size_t d = 0; d < shape.size(); ++d) {
      const auto k = static_cast<int64_t>(offset[d]) / out->chunk_[d];
      if (k < 0 || k >= out->grid_[d]) return nullptr;
      place = place * static_cast<size_t>(out->grid_[d]) + static_cast<size_t>(k);
    }
    if (address == HADDR_UNDEF || seen[place]) return nullptr;
    seen[place] = true;
    if (address > out->file_->size() || bytes > out->file_->size() - address)
      throw data_error(path + ": a chunk of dataset '" + name + "' ends behind the file (" +
                           std::to_string(out->file_->size()) + " bytes)",
                       std::to_string(address + bytes) + " bytes", "the file is truncated: copy it again");
    out->chunks_[place] = {address, bytes, mask};
  }
  out->path_ = path;
  out->name_ = name;
  out->owner_ = DecodedCache::instance().new_owner();
  return out;
}

Hdf5Chunks::~Hdf5Chunks() {
  if (owner_) DecodedCache::instance().forget(owner_);
}

const float* Hdf5Chunks::plain(size_t chunk) const {
  const Chunk& c = chunks_[chunk];
  if (!filters_.empty() || widen_ != &widen<float> || c.address % alignof(float) != 0 ||
      c.bytes != static_cast<uint64_t>(core::numel(chunk_)) * sizeof(float))
    return nullptr;
  return reinterpret_cast<const float*>(file_->data() + c.address);
}

std::vector<float> Hdf5Chunks::decode(size_t chunk) const {
  const StageTimer timer(Stage::decode);
  const Chunk& c = chunks_[chunk];
  const auto values = static_cast<size_t>(core::numel(chunk_));
  const size_t whole = values * element_;
  const auto damaged = [&](const std::string& what) {
    return data_error(path_ + ": chunk " + std::to_string(chunk) + " of dataset '" + name_ + "' " + what,
                      std::to_string(whole) + " bytes", "the file is damaged: copy or create it again");
  };
  const auto* raw = reinterpret_cast<const uint8_t*>(file_->data() + c.address);
  std::vector<uint8_t> bytes(raw, raw + c.bytes), other;
  for (size_t i = filters_.size(); i-- > 0;) {
    if (c.skipped >> i & 1u) continue;
    if (filters_[i] == Filter::shuffle) {
      unshuffle(bytes, other, element_);
    } else {
      other.resize(whole);
      if (filters_[i] == Filter::deflate) {
        uLongf size = whole;
        if (uncompress(other.data(), &size, bytes.data(), bytes.size()) != Z_OK)
          throw damaged("cannot be decompressed");
        other.resize(size);
      } else {
        const auto size = lzf_decode(std::span<const uint8_t>(bytes), std::span<uint8_t>(other));
        if (!size) throw damaged("cannot be decompressed");
        other.resize(*size);
      }
    }
    std::swap(bytes, other);
  }
  if (bytes.size() != whole) throw damaged("has " + std::to_string(bytes.size()) + " bytes");
  std::vector<float> out(values);
  widen_(bytes.data(), values, out.data());
  return out;
}

void Hdf5Chunks::read(const std::vector<int64_t>& start, const std::vector<int64_t>& count,
                      float* out) const {
  const size_t rank = shape_.size();
  std::vector<int64_t> at(rank), first(rank), last(rank), from(rank), to(rank), row(rank);
  for (size_t d = 0; d < rank; ++d) {
    if (count[d] < 1) return;
    at[d] = first[d] = start[d] / chunk_[d];
    last[d] = (start[d] + count[d] - 1) / chunk_[d];
  }
  for (;;) {
    size_t chunk = 0;
    for (size_t d = 0; d < rank; ++d) {
      chunk = chunk * static_cast<size_t>(grid_[d]) + static_cast<size_t>(at[d]);
      from[d] = std::max(start[d], at[d] * chunk_[d]);
      to[d] = std::min(start[d] + count[d], (at[d] + 1) * chunk_[d]);
    }
    DecodedCache::Values kept;
    const float* values = plain(chunk);
    if (!values) {
      kept = DecodedCache::instance().get(owner_, chunk, [&] { return decode(chunk); });
      values = kept->data();
    }
    // Axes from `joined` on are whole in both the chunk and the block: one copy takes them all.
    size_t joined = rank - 1;
    while (joined > 0 && chunk_[joined] == count[joined] && to[joined] - from[joined] == count[joined])
      --joined;
    int64_t run = to[joined] - from[joined];
    for (size_t d = joined + 1; d < rank; ++d) run *= count[d];
    row = from;
    for (bool more = true; more;) {
      int64_t source = 0, target = 0;
      for (size_t d = 0; d < rank; ++d) {
        source = source * chunk_[d] + row[d] - at[d] * chunk_[d];
        target = target * count[d] + row[d] - start[d];
      }
      std::memcpy(out + target, values + source, static_cast<size_t>(run) * sizeof(float));
      more = false;
      for (size_t d = joined; d-- > 0;) {
        if (++row[d] < to[d]) {
          more = true;
          break;
        }
        row[d] = from[d];
      }
    }
    size_t d = rank;
    while (d > 0 && ++at[d - 1] > last[d - 1]) {
      at[d - 1] = first[d - 1];
      --d;
    }
    if (d == 0) return;
  }
}

}  // namespace windtunnel::datasets
