#include "tokenizers/video/channel_dictionary.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::tokenizers {

std::vector<int64_t> ChannelDictionary::positions(const std::vector<std::string>& names) const {
  std::vector<int64_t> result;
  for (const auto& name : names) {
    const auto it = std::find(channels.begin(), channels.end(), name);
    if (it == channels.end())
      throw data_error("unknown channel '" + name + "'", "a channel of the tokenizer's dictionary",
                       core::suggestion(name, channels));
    result.push_back(it - channels.begin());
  }
  return result;
}

const ChannelDictionary::DataSet& ChannelDictionary::data_set(const std::string& name) const {
  std::vector<std::string> known;
  for (const auto& set : data_sets) {
    if (set.name == name) return set;
    known.push_back(set.name);
  }
  throw data_error("unknown data set '" + name + "'", "one of " + core::join(known, ", "),
                   core::suggestion(name, known));
}

ChannelDictionary ChannelDictionary::from_published(const core::Json& config, const std::string& origin) {
  ChannelDictionary dictionary;
  const auto add = [&](const std::string& channel) {
    if (std::find(dictionary.channels.begin(), dictionary.channels.end(), channel) !=
        dictionary.channels.end())
      throw data_error(origin + ": channel '" + channel + "' occurs twice", "distinct channel names");
    dictionary.channels.push_back(channel);
  };
  try {
    if (config.contains("data_metadata") && !config.at("data_metadata").is_null()) {
      for (const auto& [name, item] : config.at("data_metadata").items()) {
        dictionary.data_sets.push_back({name, item.at("channel_names").get<std::vector<std::string>>()});
        for (const auto& channel : dictionary.data_sets.back().channels) add(channel);
      }
    } else if (config.contains("variables") && !config.at("variables").is_null()) {
      for (const auto& channel : config.at("variables").get<std::vector<std::string>>()) add(channel);
    }
  } catch (const core::Json::exception& e) {
    throw data_error(origin + ": malformed channel lists", "data_metadata or variables", e.what());
  }
  return dictionary;
}

}  // namespace windtunnel::tokenizers
