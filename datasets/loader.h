#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/json.h"
#include "datasets/dataset.h"
#include "datasets/normalizer.h"

namespace windtunnel::datasets {

struct LoaderOptions {
  int64_t batch_size = 8;
  bool shuffle = false;  ///< a new order each epoch, from seed and epoch only
  bool repeat = false;   ///< training: epoch after epoch; otherwise one pass
  uint64_t seed = 0;
  int64_t threads = 2;  ///< reading threads; the batches do not depend on it
  int64_t queue = 4;    ///< batches read ahead at most
  int64_t rank = 0,
          ranks = 1;  ///< data-parallel: this process takes samples rank, rank + ranks, ... of the order
  const Normalizer* normalizer =
      nullptr;  ///< if set, batches are normalised by the reading threads; must outlive
};

/// Samples stacked along a first axis; the last batch of an epoch may be smaller.
struct Batch {
  core::Array input;   ///< (B,T,H,W,Cin)
  core::Array target;  ///< (B,T*rounds,H,W,C)
  std::vector<int64_t> indices;
  std::vector<std::string> sample_ids;
  std::vector<std::vector<double>> parameters;
  uint64_t epoch = 0;

  int64_t size() const { return static_cast<int64_t>(indices.size()); }
};

/// Position of a loader: the next batch is number `batch` of `epoch`.
struct LoaderState {
  uint64_t seed = 0, epoch = 0;
  int64_t batch = 0;

  core::Json json() const;
  static LoaderState from_json(const core::Json& value);
};

struct LoaderCounters {
  int64_t batches = 0, samples = 0, bytes = 0;  ///< delivered
  double stall_seconds = 0;                     ///< time that next() waited for data
  int64_t ready = 0;                            ///< batches waiting now
  int64_t ready_sum = 0;                        ///< batches that were waiting at each next(), added up
  double seconds = 0;                           ///< since the first next()

  /// For the journal and for reports: {batches, samples, bytes, bytes_per_second, stall_seconds,
  /// stall_seconds_per_batch, mean_queue}.
  core::Json json() const;
};

/// Reads batches ahead in threads. Order, masks and noise depend on the options and the position only, so a
/// loader set to a stored state goes on to the bit. The epoch is the draw number of its samples (0 when not
/// repeating). One consumer; an error in a reading thread is thrown by the next() that would have delivered
/// its batch.
class Loader {
 public:
  Loader(const WindowDataset& dataset, LoaderOptions options);  ///< the dataset must outlive the loader
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// False after the last batch of a single pass. `batch`'s buffers are reused for later batches.
  bool next(Batch& batch);

  int64_t batches_per_epoch() const;
  LoaderState state() const;
  void set_state(const LoaderState& state);
  void rewind() { set_state({options_.seed, 0, 0}); }
  LoaderCounters counters() const;

 private:
  struct Engine;
  LoaderOptions options_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace windtunnel::datasets
