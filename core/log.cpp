#include "core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

namespace windtunnel::core {
namespace {

bool g_quiet = false;

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_color_mt("windtunnel");
    made->set_pattern("%^%v%$");
    return made;
  }();
  return *instance;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string duration(double seconds) {
  char text[32];
  if (seconds < 90)
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  else if (seconds < 5400)
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  else
    std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  return text;
}

}  // namespace

void log_info(std::string_view message) {
  if (!g_quiet) logger().info("{}", message);
}
void log_warning(std::string_view message) { logger().warn("warning: {}", message); }
void set_log_quiet(bool quiet) { g_quiet = quiet; }

Progress::Progress(std::string label, int64_t total, double plain_interval)
    : label_(std::move(label)),
      total_(total),
      start_(now()),
      interval_(plain_interval),
      terminal_(isatty(2) != 0) {
  last_draw_ = start_;
}

Progress::~Progress() {
  if (done_ > 0) draw(true);
}

void Progress::update(int64_t done, std::string_view note) {
  done_ = done;
  note_ = note;
  if (now() - last_draw_ >= (terminal_ ? 0.2 : interval_)) draw(false);
}

void Progress::draw(bool last) {
  last_draw_ = now();
  if (g_quiet) return;
  const double elapsed = last_draw_ - start_;
  const double rate = elapsed > 0 ? static_cast<double>(done_) / elapsed : 0;
  std::string tail;
  if (done_ < total_ && rate > 0)
    tail = ", " + duration(static_cast<double>(total_ - done_) / rate) + " left";
  if (done_ >= total_) tail = ", " + duration(elapsed);
  char rate_text[32];
  std::snprintf(rate_text, sizeof rate_text, "%.3g/s", rate);
  const std::string line = label_ + " " + std::to_string(done_) + "/" + std::to_string(total_) + ", " +
                           rate_text + tail + (note_.empty() ? "" : ", " + note_);
  if (terminal_)
    std::fprintf(stderr, "\r\033[K%s%s", line.c_str(), last ? "\n" : "");
  else
    std::fprintf(stderr, "%s\n", line.c_str());
  std::fflush(stderr);
}

}  // namespace windtunnel::core
