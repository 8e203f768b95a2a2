#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace windtunnel::core {

/// Messages go to standard error; results go to standard output.
void log_info(std::string_view message);
void log_warning(std::string_view message);
void set_log_quiet(bool quiet);

/// One line of progress for long work: rate, remaining time and a note (for example the loss). On a terminal
/// the line is redrawn; elsewhere a plain line appears at most every `plain_interval` seconds. Not thread
/// safe.
class Progress {
 public:
  Progress(std::string label, int64_t total, double plain_interval = 10.0);
  ~Progress();
  void update(int64_t done, std::string_view note = "");

 private:
  void draw(bool last);
  std::string label_, note_;
  int64_t total_, done_ = 0;
  double start_, last_draw_ = 0, interval_;
  bool terminal_;
};

}  // namespace windtunnel::core
