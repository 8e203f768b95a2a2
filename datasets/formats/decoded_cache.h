#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace windtunnel::datasets {

/// Chunks that were compressed, as float32, shared by all files and threads. The least recently used go when
/// the stated capacity is passed; a chunk in use lives on until its user is done.
class DecodedCache {
 public:
  using Values = std::shared_ptr<const std::vector<float>>;

  /// The process's cache; its capacity is WINDTUNNEL_CACHE_MB (megabytes), or else 2048.
  static DecodedCache& instance();
  explicit DecodedCache(int64_t capacity_bytes) : capacity_(capacity_bytes) {}

  /// A number for each user, so that keys of different files differ.
  uint64_t new_owner();
  /// The chunk, decoded by `make` outside the lock if it is not there. Thread safe.
  Values get(uint64_t owner, uint64_t chunk, const std::function<std::vector<float>()>& make);
  void forget(uint64_t owner);
  void set_capacity(int64_t bytes);

  struct Counters {
    int64_t hits = 0, misses = 0, bytes = 0, capacity = 0;
  };
  Counters counters() const;

 private:
  struct Key {
    uint64_t owner, chunk;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& k) const { return (k.owner << 40) ^ (k.chunk * 0x9E3779B97F4A7C15u); }
  };
  struct Entry {
    Key key;
    Values values;
  };
  void shrink();

  mutable std::mutex mutex_;
  std::list<Entry> order_;  ///< most recently used first
  std::unordered_map<Key, std::list<Entry>::iterator, Hash> entries_;
  uint64_t owners_ = 0;
  int64_t capacity_, bytes_ = 0, hits_ = 0, misses_ = 0;
};

}  // namespace windtunnel::datasets
