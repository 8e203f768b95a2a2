#include "datasets/fetch/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::datasets::fetch {
namespace {

constexpr size_t kLargestBody = 64u << 20;  // of an answer that is kept in memory
constexpr double kAskedFactor = 10;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); });
  return text;
}

struct Transfer {
  HttpAnswer answer;
  const HttpClient::Sink* sink = nullptr;
  const HttpPolicy* policy = nullptr;
  bool refused = false, too_large = false;
};

size_t on_header(char* data, size_t size, size_t count, void* user) {
  auto& answer = static_cast<Transfer*>(user)->answer;
  const std::string line(data, size * count);
  if (line.rfind("HTTP/", 0) == 0) {  // a new answer begins (after 100 Continue or a proxy's)
    answer.headers.clear();
    const size_t space = line.find(' ');
    answer.status = space == std::string::npos ? 0 : std::atol(line.c_str() + space);
  } else if (const size_t colon = line.find(':'); colon != std::string::npos) {
    answer.headers[lower(line.substr(0, colon))] = core::trim(line.substr(colon + 1));
  }
  return size * count;
}

size_t on_body(char* data, size_t size, size_t count, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  const size_t bytes = size * count;
  if (*t.sink && t.answer.status >= 200 && t.answer.status < 300) {
    t.refused = !(*t.sink)(t.answer, data, bytes);
    return t.refused ? 0 : bytes;
  }
  t.too_large = t.answer.body.size() + bytes > kLargestBody;
  if (t.too_large) return 0;
  t.answer.body.append(data, bytes);
  return bytes;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto* stop = static_cast<Transfer*>(user)->policy->stop;
  return stop && *stop ? 1 : 0;
}

/// The `t` of "ratelimit: ...;r=0;t=55": seconds until requests are allowed again.
double ratelimit_reset(const HttpAnswer& answer) {
  for (const auto& part : core::split(answer.header("ratelimit"), ';')) {
    const std::string item = core::trim(part);
    if (item.rfind("t=", 0) == 0) return std::max(0.0, std::atof(item.c_str() + 2));
  }
  return 0;
}

void initialise() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

double HttpPolicy::wait_after(int64_t failures, double asked) const {
  const double own = std::min(
      longest_wait, first_wait * std::pow(2.0, static_cast<double>(std::max<int64_t>(failures - 1, 0))));
  return std::max(own, std::min(asked, kAskedFactor * longest_wait));
}

void HttpPolicy::sleep(double seconds) const {
  if (wait) return wait(seconds, stop);
  using Clock = std::chrono::steady_clock;
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  while (Clock::now() < end) {
    check_stop();
    std::this_thread::sleep_for(
        std::min<Clock::duration>(end - Clock::now(), std::chrono::milliseconds(100)));
  }
}

void HttpPolicy::check_stop() const {
  if (stop && *stop)
    throw Error(ErrorKind::interrupted, "interrupted", "", "the same command goes on where this one stopped");
}

std::string HttpAnswer::header(const std::string& name) const {
  const auto it = headers.find(name);
  return it == headers.end() ? "" : it->second;
}

bool HttpAnswer::transient() const {
  return !hopeless && (!failure.empty() || status == 0 || status == 408 || status == 429 || status >= 500);
}

struct HttpClient::State {
  CURL* curl = nullptr;
  State() {
    initialise();
    curl = curl_easy_init();
    if (!curl) throw environment_error("no memory for a connection");
  }
  ~State() { curl_easy_cleanup(curl); }
};

HttpClient::HttpClient(const HttpPolicy& policy) : policy_(policy), state_(std::make_unique<State>()) {}
HttpClient::~HttpClient() = default;

HttpAnswer HttpClient::get(const std::string& url, const std::vector<std::string>& headers, int64_t from,
                           const Sink& sink) {
  policy_.check_stop();
  Transfer transfer;
  transfer.sink = &sink;
  transfer.policy = &policy_;
  CURL* curl = state_->curl;
  curl_easy_reset(curl);  // keeps the connections
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "windtunnel");
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(policy_.connect_timeout));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(policy_.stall_timeout));
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 512L << 10);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  for (const char* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"})
    if (const char* bundle = std::getenv(name); bundle && *bundle)
      curl_easy_setopt(curl, CURLOPT_CAINFO, bundle);
  char message[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
  const std::string range = std::to_string(from) + "-";
  if (from > 0) curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
  curl_slist* list = nullptr;
  for (const auto& header : headers) list = curl_slist_append(list, header.c_str());
  list = curl_slist_append(list, "Accept-Encoding: identity");  // sizes and ranges are those of the file
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);

  const CURLcode code = curl_easy_perform(curl);
  curl_slist_free_all(list);
  policy_.check_stop();
  HttpAnswer& answer = transfer.answer;
  if (code != CURLE_OK) {
    answer.failure = transfer.too_large
                         ? "the answer is larger than " + std::to_string(kLargestBody) + " bytes"
                     : transfer.refused ? "stopped"
                     : *message         ? message
                                        : curl_easy_strerror(code);
    answer.hopeless = transfer.too_large || code == CURLE_UNSUPPORTED_PROTOCOL ||
                      code == CURLE_URL_MALFORMAT || code == CURLE_PEER_FAILED_VERIFICATION ||
                      code == CURLE_SSL_CACERT_BADFILE;
  }
  curl_off_t asked = 0;
  if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &asked) == CURLE_OK && asked > 0)
    answer.retry_after = static_cast<double>(asked);
  else if (answer.status == 429)
    answer.retry_after = ratelimit_reset(answer);
  return std::move(answer);
}

std::string origin_of(const std::string& url) {
  initialise();
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parts(curl_url(), curl_url_cleanup);
  if (curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return "";
  std::string out;
  for (const CURLUPart part : {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT}) {
    char* text = nullptr;
    if (curl_url_get(parts.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
    out += (part == CURLUPART_HOST ? "://" : part == CURLUPART_PORT ? ":" : "") + lower(text);
    curl_free(text);
  }
  return out;
}

std::string resolve_url(const std::string& base, const std::string& reference) {
  initialise();
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parts(curl_url(), curl_url_cleanup);
  char* text = nullptr;
  if (curl_url_set(parts.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK ||
      curl_url_set(parts.get(), CURLUPART_URL, reference.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parts.get(), CURLUPART_URL, &text, 0) != CURLUE_OK)
    return "";
  const std::string out = text;
  curl_free(text);
  return out;
}

std::string encode_path(const std::string& path) {
  static const char* digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const auto u = static_cast<unsigned char>(c);
    const bool plain = (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') ||
                       u == '-' || u == '.' || u == '_' || u == '~' || u == '/';
    if (plain)
      out += c;
    else
      (out += '%') += {digits[u >> 4], digits[u & 15]};
  }
  return out;
}

}  // namespace windtunnel::datasets::fetch
