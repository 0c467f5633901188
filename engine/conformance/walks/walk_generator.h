// Walks for RapidCheck. Include gtest/gtest.h before this header.
//
//   rc::check([] {
//     const slipway::CommandWalk walk = *slipway::WalkGenerator(60);
//     ...
//   });

#ifndef SLIPWAY_ENGINE_CONFORMANCE_WALKS_WALK_GENERATOR_H_
#define SLIPWAY_ENGINE_CONFORMANCE_WALKS_WALK_GENERATOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "rapidcheck.h"
#include "slipway/conformance/walks/command_walk.h"

namespace slipway {

// Arrays of bytes, uniformly. They shrink one byte at a time: to 0, to its
// half, and to the next below.
template <size_t Size>
rc::Gen<std::array<uint8_t, Size>> BytesGenerator() {
  using Bytes = std::array<uint8_t, Size>;
  auto bytes = [](const rc::Random& random, int /*size*/) {
    rc::Random numbers = random;
    Bytes made;
    uint64_t number = 0;
    for (size_t i = 0; i < Size; ++i) {
      if (i % 8 == 0) number = numbers.next();
      made[i] = static_cast<uint8_t>(number >> (i % 8 * 8));
    }
    return rc::shrinkable::just(made);
  };
  return rc::gen::shrink(rc::Gen<Bytes>(bytes), [](const Bytes& made) {
    std::vector<Bytes> smaller;
    for (size_t i = 0; i < Size; ++i) {
      const auto add = [&](int byte) {
        smaller.push_back(made);
        smaller.back()[i] = static_cast<uint8_t>(byte);
      };
      if (made[i] > 0) add(0);
      if (made[i] > 1) add(made[i] / 2);
      if (made[i] > 2) add(made[i] - 1);
    }
    return rc::seq::fromContainer(std::move(smaller));
  });
}

// Walks of up to `steps_max` steps, of every length alike. They shrink by
// leaving steps out, then by making steps and rules plainer.
inline rc::Gen<CommandWalk> WalkGenerator(int steps_max) {
  return rc::gen::build<CommandWalk>(
      rc::gen::set(
          &CommandWalk::steps,
          rc::gen::resize(steps_max, rc::gen::container<std::vector<WalkStep>>(
                                         BytesGenerator<kStepChoices>()))),
      rc::gen::set(&CommandWalk::rules, BytesGenerator<kRulesChoices>()));
}

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_WALKS_WALK_GENERATOR_H_
