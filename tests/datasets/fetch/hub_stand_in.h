#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace windtunnel::datasets::testing {

/// How the stand-in misbehaves for one path; counts are used up.
struct Mischief {
  int refuse = 0;  ///< so many answers with `refuse_status`
  int refuse_status = 503;
  std::string refuse_headers = "";  ///< "Retry-After: 7\r\n"
  int drop = 0;                     ///< so many connections closed after `drop_after` bytes of the body
  size_t drop_after = 0;
  int truncate = 0;  ///< so many whole answers with half of the content
  int corrupt = 0;   ///< so many answers with one byte changed
  int extra = 0;     ///< so many answers with bytes appended
  bool ignore_range = false;
};

/// A hub on 127.0.0.1: a listing in pages of three, small files served directly, files above 1000 bytes by a
/// redirection to the host name "localhost". Plain threads and sockets.
class HubStandIn {
 public:
  HubStandIn();
  ~HubStandIn();

  void add(const std::string& path, const std::string& content);
  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  std::string commit() const { return std::string(40, 'c'); }

  std::map<std::string, std::string> files;
  std::map<std::string, Mischief> mischief;  ///< by path; "api" for the listing
  std::map<std::string, std::string> lies;   ///< path -> hash listed instead of the true one
  std::vector<std::string> extra_entries;    ///< JSON objects added to the listing
  std::string needed_token;                  ///< if set, the endpoint asks for it
  std::string api_error;                     ///< "404 Not Found\r\nX-Error-Code: RepoNotFound"
  bool endless_pages = false;

  struct Request {
    std::string line, host, range, authorization;
    bool has(const std::string& text) const { return line.find(text) != std::string::npos; }
  };
  std::vector<Request> requests() const;
  int count(const std::string& text) const;  ///< requests whose first line holds `text`

 private:
  void serve();
  void answer(int socket);
  std::string respond(const Request& request, size_t& drop_after);
  std::string listing(const std::string& target);
  std::string content(const std::string& path, const Request& request, size_t& drop_after);

  int listener_ = -1, port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<Request> log_;
  std::thread thread_;
};

std::string hex_digest(const std::string& content, bool git_blob);

}  // namespace windtunnel::datasets::testing
