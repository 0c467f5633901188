// Where the ids of new rows come from.

#ifndef SLIPWAY_ENGINE_PORTS_ID_SOURCE_H_
#define SLIPWAY_ENGINE_PORTS_ID_SOURCE_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace slipway {

// Implementations are thread-safe, and so are several of them over the same
// store: no id is ever handed out twice, not even after a restart (R17).
class IdSource {
 public:
  virtual ~IdSource() = default;

  // The first of `count` ids in a row that nobody else gets, above every id
  // handed out before this call began. `count` is at least 1.
  //
  // RESOURCE_EXHAUSTED: the next id would not be below 2^53.
  // UNAVAILABLE: the source cannot be reached; ids may be lost, none is reused.
  virtual absl::StatusOr<int64_t> Take(int64_t count) = 0;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_PORTS_ID_SOURCE_H_
