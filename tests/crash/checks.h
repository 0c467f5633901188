// What must hold after a fault. Pure: the history, what was observed and what
// arrived are handed in, so that each check can be tested with data that is
// wrong.

#ifndef TESTS_CRASH_CHECKS_H_
#define TESTS_CRASH_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "slipway/tests/crash/history.h"
#include "slipway/tests/crash/observation.h"
#include "slipway/tests/crash/replay.h"

namespace crash {

// By what the clients saw alone, whatever the store is: no id was given twice
// (R17), every refusal can be, a 503 says when to come again and
// does not tell of damage (R108), a request
// that was repeated under its key got the same answer (R100), and lists have
// what was acknowledged before them. Lists and repeats are looked at from
// request `from` on, all else of all.
Findings CheckAnswers(const std::vector<Request>& requests, size_t from);

// That what was acknowledged is in the stream, once, under its id (R107); that
// what was refused, or answered 503 each time, is not (R108); that what is
// unknown is there once at the most (R100); and that nothing is there that
// nobody asked for.
Findings CheckHistory(const std::vector<Request>& requests,
                      const Replay& replay);

// That the rows and facts of a store are those of its stream: no decision is
// half there (R36).
Findings CheckRows(const Replay& replay, const Observation& observation);

// A GET of what a request had made or deleted, while no client writes.
struct Reading {
  size_t request = 0;
  // Of HTTP.
  int status = 0;
  std::string body;
};
// That what was acknowledged is served: what was created with the body that the
// creation was answered with, as far as it cannot change, and what was deleted
// with 404.
Findings CheckReadings(const std::vector<Request>& requests,
                       const std::vector<Reading>& readings);

// One arrival at a hook.
struct Delivery {
  // As the headers say.
  std::string event;
  std::string guid;
  // Whether the signature is that of the body (R82).
  bool is_signed = false;
  // As the body says.
  std::string action;
  int64_t row_id = 0;
  int64_t deployment_id = 0;
  // Answered with an error, so that it comes again.
  bool was_refused = false;
};
// That each arrival is of an event that is in the stream and that others are
// told of (R80), signed, and under one GUID for each event; that of each
// deployment they arrive in the order of the stream, repeats aside (R104); and
// where `is_over`, that each has been taken.
Findings CheckDeliveries(const std::vector<Notification>& notifications,
                         const std::vector<Delivery>& deliveries, bool is_over);

// When something was out of order, from place to place in the history.
struct Window {
  // The server that was down; -1: the storage of all of them was.
  int server = -1;
  int64_t begun_at = 0;
  int64_t ended_at = 0;
};
// That the other servers went on while one was down: they acknowledged writes,
// and lost no answer.
Findings CheckOthersWentOn(const std::vector<Request>& requests,
                           const Window& window);
// That while there was no room, writes got 503 and reads were answered.
Findings CheckNoRoom(const std::vector<Request>& requests,
                     const Window& window);

}  // namespace crash

#endif  // TESTS_CRASH_CHECKS_H_
