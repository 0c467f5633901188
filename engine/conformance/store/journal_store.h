// A store that keeps a journal in a file, so that the suite's tests have one
// that can do everything that a durable store can; and, on request, one that
// gets it wrong. For tests only: it is slow, and does not survive a power cut.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_STORE_JOURNAL_STORE_H_
#define SLIPWAY_ENGINE_CONFORMANCE_STORE_JOURNAL_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "slipway/conformance/store/store_under_test.h"

namespace slipway {
namespace internal {

// What a journal can do wrong.
struct JournalFaults {
  // Answers with OK, and writes when the next decision comes.
  bool tells_before_writing = false;
  // Writes event by event, and lets a reader take them so.
  bool writes_in_parts = false;
  // Keeps no effects, so nobody is notified after a restart.
  bool forgets_effects = false;
  // Keeps no answers under keys over a restart, nor for other handles.
  bool forgets_answers = false;
  // Leaves out, when opened, what came before a repository's deletion.
  bool forgets_the_deleted = false;
  // Looks at what others have written only when opened.
  bool reads_once = false;
  // Does not keep others from writing.
  bool takes_no_lock = false;
  // After a broken connection: says no though it has written, or writes again.
  bool gives_up_too_late = false;
  bool writes_twice = false;
  // Counts ids in memory.
  bool counts_ids_in_memory = false;
};

class JournalStoreUnderTest : public StoreUnderTest {
 public:
  // In a directory of its own under that of the test.
  static absl::StatusOr<std::unique_ptr<StoreUnderTest>> Make(
      const JournalFaults& faults);
  ~JournalStoreUnderTest() override;

  absl::StatusOr<std::unique_ptr<StoreHandle>> Open() override;

 private:
  JournalStoreUnderTest(const JournalFaults& faults, std::string directory);

  const JournalFaults faults_;
  const std::string directory_;
};

// All that it can do, where it is right.
StoreCapabilities JournalCapabilities();

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_STORE_JOURNAL_STORE_H_
