// The engine's one question: given what is known, may this command happen, and
// what happens then?
//
//   slipway::v1::Facts facts = slipway::FactsFor(rules, state, command);
//   slipway::v1::Decision decision = slipway::Decide(rules, facts, command);
//   if (decision.has_acceptance()) {
//     // make decision.acceptance().events() durable, then carry out
//     // decision.acceptance().effects()
//   } else {
//     // tell the caller decision.rejection().message()
//   }
//
// A decision that is thrown away is a dry run: deciding changes nothing.

#ifndef SLIPWAY_ENGINE_CORE_DECIDE_H_
#define SLIPWAY_ENGINE_CORE_DECIDE_H_

#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {

// Answers `command`.
//
// Total: every command gets an answer, an acceptance or a rejection; a command
// that makes no sense is rejected as MALFORMED_COMMAND. Pure: equal arguments
// give equal answers, on every machine. Thread-safe. The rules are those of
// docs/spec; the decision lists the ones that had a say in it. Of several
// reasons to refuse, the first in the order of `v1::Reason` is given (R12).
v1::Decision Decide(const v1::Rules& rules, const v1::Facts& facts,
                    const v1::Command& command);

// The same, into a message of the caller's, whose former content is dropped and
// whose memory is used again: a loop allocates nothing once its message has
// grown to its size, whatever kinds of commands come in whatever order
// (allocation_test.cc). Only to refuse for more than 64 missing contexts it
// takes some memory for a moment (R15), and to compare a request with the one
// that had its key before (R100).
void Decide(const v1::Rules& rules, const v1::Facts& facts,
            const v1::Command& command, v1::Decision* decision);

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CORE_DECIDE_H_
