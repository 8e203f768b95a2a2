#include "datasets/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include "core/error.h"
#include "core/random.h"
#include "core/sha256.h"

namespace windtunnel::datasets {

core::Json LoaderState::json() const { return {{"seed", seed}, {"epoch", epoch}, {"batch", batch}}; }

core::Json LoaderCounters::json() const {
  const auto per = [](double value, double count) { return count > 0 ? value / count : 0.0; };
  return {{"batches", batches},
          {"samples", samples},
          {"bytes", bytes},
          {"bytes_per_second", per(static_cast<double>(bytes), seconds)},
          {"stall_seconds", stall_seconds},
          {"stall_seconds_per_batch", per(stall_seconds, static_cast<double>(batches))},
          {"mean_queue", per(static_cast<double>(ready_sum), static_cast<double>(batches))}};
}

LoaderState LoaderState::from_json(const core::Json& value) {
  const auto number = [&](const char* key) {
    const auto it = value.find(key);
    if (it == value.end() || !it->is_number_integer())
      throw data_error(std::string("loader state without '") + key + "'", "integers seed, epoch and batch");
    return *it;
  };
  LoaderState state{number("seed").get<uint64_t>(), number("epoch").get<uint64_t>(),
                    number("batch").get<int64_t>()};
  if (state.batch < 0)
    throw data_error("loader state with batch " + std::to_string(state.batch), "at least 0");
  return state;
}

/// A ring of `queue` batches. Threads take one sample after the other, in order, and write it to its place; a
/// batch is handed out when its last sample has been written and everything before it has been handed out.
struct Loader::Engine {
  struct Slot {
    Batch batch;
    int64_t missing = 0;
    int64_t failed = 0;  ///< position of the sample that failed
    std::exception_ptr error;
  };

  Engine(const WindowDataset& d, const LoaderOptions& o)
      : dataset(d), options(o), slots(static_cast<size_t>(o.queue)) {
    input_shape = d.input_shape();
    target_shape = d.target_shape();
    input_points = core::numel(input_shape) / input_shape.back();
    target_points = core::numel(target_shape) / target_shape.back();
    position.seed = o.seed;
    place(position);
  }

  ~Engine() { stop(); }

  /// Samples of this process in one epoch. Repeating ranks all have the same number: the order starts again
  /// to fill up.
  int64_t share() const {
    const int64_t n = dataset.size();
    if (options.repeat) return (n + options.ranks - 1) / options.ranks;
    return (n - options.rank + options.ranks - 1) / options.ranks;
  }
  int64_t batches() const {
    return (std::max<int64_t>(share(), 0) + options.batch_size - 1) / options.batch_size;
  }

  void make_order(uint64_t epoch) {
    order.resize(static_cast<size_t>(dataset.size()));
    std::iota(order.begin(), order.end(), 0);
    if (options.shuffle) {
      core::PythonRandom random(core::stream_seed(position.seed, "epoch " + std::to_string(epoch)));
      random.shuffle(order);
    }
    order_epoch = epoch;
  }

  void place(const LoaderState& state) {
    position = state;
    if (options.repeat && batches() > 0 && position.batch >= batches())
      position = {state.seed, state.epoch + 1, 0};
    write_epoch = position.epoch;
    write_sample = position.batch * options.batch_size;
    written = read = 0;
    make_order(write_epoch);
    for (auto& slot : slots) slot = {};
  }

  void start() {
    if (!threads.empty()) return;
    stopping = false;
    for (int64_t t = 0; t < options.threads; ++t) threads.emplace_back([this] { work(); });
  }

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    room.notify_all();
    threads.clear();  // joins
  }

  /// Batches that are ready. Called with the lock held.
  int64_t waiting() const {
    int64_t n = 0;
    for (int64_t i = read; i < written; ++i) n += slots[static_cast<size_t>(i % options.queue)].missing == 0;
    return n;
  }

  /// Nothing left to read. Called with the lock held.
  bool exhausted() const { return (!options.repeat && write_epoch > 0) || share() <= 0; }

  void work() {
    for (;;) {
      std::unique_lock lock(mutex);
      // A new batch needs a free slot; the samples of a started batch do not.
      room.wait(lock, [&] {
        return stopping || exhausted() || write_sample % options.batch_size != 0 ||
               written - read < options.queue;
      });
      if (stopping || exhausted()) return;
      if (order_epoch != write_epoch) make_order(write_epoch);
      const int64_t first = write_sample % options.batch_size == 0 ? 1 : 0;
      if (first) open_slot();
      Slot& slot = slots[static_cast<size_t>((written - 1) % options.queue)];
      const int64_t j = write_sample % options.batch_size;
      const int64_t index = slot.batch.indices[static_cast<size_t>(j)];
      const uint64_t draw = options.repeat ? write_epoch : 0;
      if (++write_sample == share()) {
        write_sample = 0;
        ++write_epoch;
      }
      if (first) room.notify_all();
      lock.unlock();

      std::exception_ptr error;
      try {
        fill(slot.batch, j, index, draw);
      } catch (...) {
        error = std::current_exception();
      }

      lock.lock();
      if (error && (!slot.error || j < slot.failed)) {
        slot.error = error;
        slot.failed = j;
      }
      if (--slot.missing == 0) ready.notify_all();
    }
  }

  /// Prepares the next slot for the batch that starts at write_sample.
  void open_slot() {
    Slot& slot = slots[static_cast<size_t>(written % options.queue)];
    const int64_t size = std::min(options.batch_size, share() - write_sample);
    slot.missing = size;
    slot.error = nullptr;
    Batch& batch = slot.batch;
    batch.epoch = write_epoch;
    batch.indices.clear();
    for (int64_t j = 0; j < size; ++j) {
      const int64_t k = (write_sample + j) * options.ranks + options.rank;
      batch.indices.push_back(order[static_cast<size_t>(k % dataset.size())]);
    }
    batch.sample_ids.resize(static_cast<size_t>(size));
    batch.parameters.resize(static_cast<size_t>(size));
    shape(batch.input, size, input_shape);
    shape(batch.target, size, target_shape);
    ++written;
  }

  static void shape(core::Array& array, int64_t size, const core::Shape& sample) {
    array.shape.assign(1, size);
    array.shape.insert(array.shape.end(), sample.begin(), sample.end());
    array.data.resize(static_cast<size_t>(core::numel(array.shape)));
  }

  void fill(Batch& batch, int64_t j, int64_t index, uint64_t draw) const {
    float* input = batch.input.data.data() + j * input_points * input_shape.back();
    float* target = batch.target.data.data() + j * target_points * target_shape.back();
    dataset.read(index, draw, input, target, options.normalizer);
    batch.sample_ids[static_cast<size_t>(j)] = dataset.sample_id(index);
    batch.parameters[static_cast<size_t>(j)] = dataset.parameters(index);
  }

  const WindowDataset& dataset;
  LoaderOptions options;
  core::Shape input_shape, target_shape;
  int64_t input_points = 0, target_points = 0;

  mutable std::mutex mutex;
  std::condition_variable room, ready;
  std::vector<Slot> slots;
  std::vector<int64_t> order;
  uint64_t order_epoch = 0;
  LoaderState position;  ///< of the next batch to hand out
  uint64_t write_epoch = 0;
  int64_t write_sample = 0;       ///< next sample to read, within this process's share of the epoch
  int64_t written = 0, read = 0;  ///< batches started and handed out since place()
  bool stopping = false;
  LoaderCounters counters;
  std::chrono::steady_clock::time_point first_next;
  std::vector<std::jthread> threads;
};

Loader::Loader(const WindowDataset& dataset, LoaderOptions options) : options_(options) {
  const auto need = [](bool ok, const std::string& what, const std::string& expected) {
    if (!ok) throw usage_error("loader: " + what, expected);
  };
  need(options_.batch_size > 0, "batch size " + std::to_string(options_.batch_size), "at least 1");
  need(options_.queue > 0, "queue of " + std::to_string(options_.queue) + " batches", "at least 1");
  need(options_.ranks > 0 && options_.rank >= 0 && options_.rank < options_.ranks,
       "rank " + std::to_string(options_.rank) + " of " + std::to_string(options_.ranks),
       "0 <= rank < ranks");
  options_.threads = std::max<int64_t>(1, options_.threads);
  if (options_.repeat && dataset.size() == 0)
    throw data_error("the " + dataset.options().mode + " split of the " + to_string(dataset.options().side) +
                         " side is empty",
                     "windows to train on", "index: " + dataset.split().origin);
  if (options_.normalizer) {  // fails here rather than in a thread
    options_.normalizer->scale(false, dataset.input_shape().back());
    options_.normalizer->scale(true, dataset.target_shape().back());
  }
  engine_ = std::make_unique<Engine>(dataset, options_);
}

Loader::~Loader() = default;

bool Loader::next(Batch& batch) {
  Engine& e = *engine_;
  if (!e.options.repeat && (e.position.epoch > 0 || e.position.batch >= e.batches())) return false;
  e.start();
  std::unique_lock lock(e.mutex);
  if (e.counters.batches == 0) e.first_next = std::chrono::steady_clock::now();
  e.counters.ready_sum += e.waiting();
  Engine::Slot& slot = e.slots[static_cast<size_t>(e.read % e.options.queue)];
  const auto done = [&] { return e.written > e.read && slot.missing == 0; };
  if (!done()) {
    const auto begin = std::chrono::steady_clock::now();
    e.ready.wait(lock, done);
    e.counters.stall_seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  if (slot.error) std::rethrow_exception(slot.error);
  std::swap(batch, slot.batch);
  ++e.read;
  if (++e.position.batch == e.batches()) {
    e.position.batch = 0;
    ++e.position.epoch;
  }
  ++e.counters.batches;
  e.counters.samples += batch.size();
  e.counters.bytes += (batch.input.numel() + batch.target.numel()) * static_cast<int64_t>(sizeof(float));
  lock.unlock();
  e.room.notify_all();
  return true;
}

int64_t Loader::batches_per_epoch() const { return engine_->batches(); }

LoaderState Loader::state() const {
  const std::lock_guard lock(engine_->mutex);
  return engine_->position;
}

void Loader::set_state(const LoaderState& state) {
  if (state.batch > engine_->batches())
    throw data_error("loader state at batch " + std::to_string(state.batch),
                     "at most " + std::to_string(engine_->batches()) + " batches in an epoch",
                     "the state belongs to other data or another batch size");
  engine_->stop();
  engine_->place(state);
}

LoaderCounters Loader::counters() const {
  const std::lock_guard lock(engine_->mutex);
  LoaderCounters c = engine_->counters;
  c.ready = engine_->waiting();
  if (c.batches)
    c.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - engine_->first_next).count();
  return c;
}

}  // namespace windtunnel::datasets
