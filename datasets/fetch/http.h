#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace windtunnel::datasets::fetch {

/// How patient the transfers are.
struct HttpPolicy {
  int64_t attempts = 6;          ///< tries in a row without progress before a request counts as failed
  double first_wait = 1;         ///< seconds before the second try; doubles with each further one
  double longest_wait = 60;      ///< seconds; a server's Retry-After may ask for up to ten times as much
  int64_t connect_timeout = 30;  ///< seconds
  int64_t stall_timeout = 60;    ///< seconds without a byte before a connection is given up
  const std::atomic<bool>* stop = nullptr;  ///< set: everything ends soon with ErrorKind::interrupted
  /// Waits; replaceable so that tests need not.
  std::function<void(double seconds, const std::atomic<bool>* stop)> wait;

  /// Wait before try number `failures` + 1, at least what the server asked for.
  double wait_after(int64_t failures, double asked) const;
  void sleep(double seconds) const;
  /// Throws Error(interrupted) if `stop` is set.
  void check_stop() const;
};

struct HttpAnswer {
  int64_t status = 0;                          ///< 0: no answer
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;                            ///< unless a sink took it
  std::string failure;                         ///< why the transfer broke, empty if it did not
  bool hopeless = false;                       ///< trying again cannot help (bad address, bad certificate)
  double retry_after = 0;                      ///< seconds that the server asks to wait

  std::string header(const std::string& name) const;
  /// Worth another try: no answer, a broken transfer, 408, 429 or 5xx.
  bool transient() const;
};

/// One connection pool, used by one thread. Proxies (http_proxy, https_proxy, no_proxy) and certificate
/// bundles (SSL_CERT_FILE, CURL_CA_BUNDLE) come from the environment. Redirections are not followed. Only
/// http and https.
class HttpClient {
 public:
  /// Takes body bytes of a 2xx answer; false ends the transfer.
  using Sink = std::function<bool(const HttpAnswer&, const char*, size_t)>;

  explicit HttpClient(const HttpPolicy& policy);  ///< the policy must outlive the client
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// GET, from byte `from` if that is not 0. Throws only if stopped.
  HttpAnswer get(const std::string& url, const std::vector<std::string>& headers = {}, int64_t from = 0,
                 const Sink& sink = {});

 private:
  struct State;
  const HttpPolicy& policy_;
  std::unique_ptr<State> state_;
};

/// "https://host:port" in lower case, the default port made explicit; empty if `url` has no such form.
std::string origin_of(const std::string& url);
/// `reference` (absolute, "/path" or relative) as seen from `base`.
std::string resolve_url(const std::string& base, const std::string& reference);
/// Percent-encodes everything but letters, digits and -._~/ .
std::string encode_path(const std::string& path);

}  // namespace windtunnel::datasets::fetch
