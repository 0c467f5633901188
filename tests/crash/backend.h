// The storage behind the servers: how it is made, looked into, and harmed.

#ifndef TESTS_CRASH_BACKEND_H_
#define TESTS_CRASH_BACKEND_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "slipway/ports/outbox.h"
#include "slipway/ports/store.h"

namespace crash {

// What is stored, through the store's own interface.
struct View {
  // Keeps them.
  std::shared_ptr<void> owner;
  // nullptr: nobody can look into this storage from without.
  slipway::Store* store = nullptr;
  slipway::Outbox* outbox = nullptr;
};

// Used on one thread. What a backend cannot do is UNIMPLEMENTED.
class Backend {
 public:
  virtual ~Backend() = default;

  // Of --store.
  virtual std::string flag() const = 0;

  // `servers_are_down`: the files lie still. They are left as they are, so that
  // it is the server that has to recover them.
  virtual absl::StatusOr<View> Look(bool servers_are_down) = 0;
  // Looks through all of it for damage, at the end.
  virtual absl::Status CheckIntegrity() { return absl::OkStatus(); }

  // Ends a connection of the servers in the middle of a transaction.
  // UNAVAILABLE: there was none.
  virtual absl::Status TerminateTransaction() { return Cannot(); }
  // Stops the database as in a crash, and starts it again.
  virtual absl::Status StopDatabase() { return Cannot(); }
  virtual absl::Status StartDatabase() { return Cannot(); }
  // Takes all the room there is, and gives it back. UNIMPLEMENTED: there is no
  // file system of its own to fill.
  virtual absl::Status TakeRoom() { return Cannot(); }
  virtual absl::Status GiveRoom() { return Cannot(); }

 protected:
  static absl::Status Cannot() {
    return absl::UnimplementedError("this store has no such fault");
  }
};

// Forgets everything: for the proof that this is noticed.
std::unique_ptr<Backend> MemoryBackend();

// A file in `directory`. `is_to_be_filled`: on a file system of its own, where
// this process may mount one; to be made before there are other threads.
absl::StatusOr<std::unique_ptr<Backend>> SqliteBackend(
    const std::string& directory, bool is_to_be_filled);

// A scratch server with one database.
absl::StatusOr<std::unique_ptr<Backend>> PostgresBackend();

}  // namespace crash

#endif  // TESTS_CRASH_BACKEND_H_
