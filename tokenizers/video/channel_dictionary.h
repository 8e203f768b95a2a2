#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::tokenizers {

/// Where the channels of several data sets lie among the channels that one tokenizer knows. Equal quantities
/// of two data sets are distinct channels.
struct ChannelDictionary {
  struct DataSet {
    std::string name;
    std::vector<std::string> channels;
  };
  std::vector<std::string> channels;  ///< all V of them, in order
  std::vector<DataSet> data_sets;     ///< empty: one decoder for every selection
  bool empty() const { return channels.empty(); }
  int64_t size() const { return static_cast<int64_t>(channels.size()); }

  /// Positions of named channels, in the order given; an unknown name is a data error.
  std::vector<int64_t> positions(const std::vector<std::string>& names) const;
  const DataSet& data_set(const std::string& name) const;

  /// {"data_metadata": {name: {"channel_names": [...]}}} gives a decoder per data set, {"variables": [...]}
  /// one decoder; neither gives an empty dictionary.
  static ChannelDictionary from_published(const core::Json& config, const std::string& origin);
};

}  // namespace windtunnel::tokenizers
