#include "datasets/formats/decoded_cache.h"

#include <algorithm>
#include <cstdlib>

namespace windtunnel::datasets {
namespace {

constexpr int64_t kDefaultMegabytes = 2048;

int64_t size_of(const DecodedCache::Values& values) {
  return static_cast<int64_t>(values->size() * sizeof(float));
}

}  // namespace

DecodedCache& DecodedCache::instance() {
  static DecodedCache cache([] {
    const char* text = std::getenv("WINDTUNNEL_CACHE_MB");
    const int64_t megabytes = text && *text ? std::max(0LL, std::atoll(text)) : kDefaultMegabytes;
    return megabytes * 1'000'000;
  }());
  return cache;
}

uint64_t DecodedCache::new_owner() {
  const std::lock_guard lock(mutex_);
  return ++owners_;
}

DecodedCache::Values DecodedCache::get(uint64_t owner, uint64_t chunk,
                                       const std::function<std::vector<float>()>& make) {
  const Key key{owner, chunk};
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = entries_.find(key); it != entries_.end()) {
      ++hits_;
      order_.splice(order_.begin(), order_, it->second);
      return it->second->values;
    }
    ++misses_;
  }
  const auto values = std::make_shared<const std::vector<float>>(make());
  const std::lock_guard lock(mutex_);
  if (entries_.count(key) || size_of(values) > capacity_) return values;
  order_.push_front({key, values});
  entries_[key] = order_.begin();
  bytes_ += size_of(values);
  shrink();
  return values;
}

void DecodedCache::forget(uint64_t owner) {
  const std::lock_guard lock(mutex_);
  for (auto it = order_.begin(); it != order_.end();) {
    if (it->key.owner != owner) {
      ++it;
      continue;
    }
    bytes_ -= size_of(it->values);
    entries_.erase(it->key);
    it = order_.erase(it);
  }
}

void DecodedCache::set_capacity(int64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
  shrink();
}

void DecodedCache::shrink() {
  while (bytes_ > capacity_ && !order_.empty()) {
    bytes_ -= size_of(order_.back().values);
    entries_.erase(order_.back().key);
    order_.pop_back();
  }
}

DecodedCache::Counters DecodedCache::counters() const {
  const std::lock_guard lock(mutex_);
  return {hits_, misses_, bytes_, capacity_};
}

}  // namespace windtunnel::datasets
