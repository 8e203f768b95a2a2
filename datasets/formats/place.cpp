#include "datasets/formats/place.h"

#include <charconv>

#include "core/error.h"

namespace windtunnel::datasets {

Place parse_place(const std::string& text) {
  Place place;
  size_t begin = 0, end = text.size();
  if (const size_t colon = text.find(':'); colon != std::string::npos) {
    place.folder = text.substr(0, colon);
    begin = colon + 1;
  }
  if (const size_t open = text.rfind('['); open != std::string::npos && text.back() == ']') {
    const auto r = std::from_chars(text.data() + open + 1, text.data() + text.size() - 1, place.channel);
    if (r.ec != std::errc() || r.ptr != text.data() + text.size() - 1 || place.channel < 0)
      throw usage_error("source '" + text + "': bad channel", "[folder:]dataset[[channel]]");
    end = open;
  }
  place.dataset = text.substr(begin, end - begin);
  return place;
}

}  // namespace windtunnel::datasets
