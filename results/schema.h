#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::results {

struct SchemaProblem {
  std::string path;     ///< JSON pointer of the offending value: "/metrics/0/value"
  std::string message;  ///< what was found and what was expected
};

/// Checks `value` against a JSON Schema. Known keywords: type, required, enum, const, properties, items,
/// pattern, additionalProperties, minimum, maximum, minItems, minLength, $ref to "#/$defs/..."; annotations
/// (title, description, $schema, $id, examples) are skipped and any other keyword is a usage error. Empty
/// list: valid.
std::vector<SchemaProblem> validate(const core::Json& value, const core::Json& schema);

/// The schema of the result record, compiled into the library.
const core::Json& record_schema();

}  // namespace windtunnel::results
