// The events of committed decisions, as streams: one for each repository, and
// one of all repositories together.
//
//   int64_t cursor = 0;  // the position read last
//   while (true) {
//     auto entries = outbox.ReadAll({cursor, /*limit=*/100});
//     if (!entries.ok() || entries->empty()) break;
//     for (const slipway::OutboxEntry& entry : *entries) {
//       Pass(entry);
//       cursor = entry.global_position;
//     }
//   }

#ifndef SLIPWAY_ENGINE_PORTS_OUTBOX_H_
#define SLIPWAY_ENGINE_PORTS_OUTBOX_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/repository.pb.h"

namespace slipway {

// One event in the streams.
struct OutboxEntry {
  // 1, 2, 3, … without gaps in the stream of its repository.
  int64_t position = 0;
  v1::Event event;
  // Whether the decision asked for others to be told (R80); the stream has
  // every change (R81).
  bool notify = false;
  // Of a status that others are told about: its deployment, as the status left
  // it. What a webhook needs beside the event.
  absl::optional<v1::Deployment> deployment;
  // Set by `ReadAll` only: 1, 2, 3, … without gaps in the stream of all
  // repositories, which has the entries of each in their own order (R102).
  int64_t global_position = 0;
};

// Implementations are thread-safe. A store fills its outbox in the transaction
// that commits the decision. Streams outlive their repositories. Reading takes
// nothing out, and gives the same entries at the same positions every time.
//
// Every method may fail with
//   UNAVAILABLE: it cannot be read now; trying again may help.
//   DATA_LOSS: what is stored is damaged.
class Outbox {
 public:
  virtual ~Outbox() = default;

  struct ReadParams {
    v1::RepositoryName repository;
    // The position read last; 0 for the start.
    int64_t after_position = 0;
    int64_t limit = 100;
  };
  // The next entries of one repository in their order, at most `limit`; empty
  // at the end, and for a repository that never was.
  virtual absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) = 0;

  struct ReadAllParams {
    // The global position read last; 0 for the start.
    int64_t after_position = 0;
    int64_t limit = 100;
  };
  // The next entries of all repositories, at most `limit`; empty at the end. An
  // entry whose decision was answered before this call began is before the
  // end, and no entry ever turns up behind one that was read.
  virtual absl::StatusOr<std::vector<OutboxEntry>> ReadAll(
      const ReadAllParams& params) = 0;

  // The last global position; 0: no decision has had an event yet.
  virtual absl::StatusOr<int64_t> LastGlobalPosition() = 0;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_PORTS_OUTBOX_H_
