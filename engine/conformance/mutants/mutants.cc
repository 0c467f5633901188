#include "slipway/conformance/mutants/mutants.h"

#include <algorithm>
#include <utility>

#include "engine/conformance/mutants/families.h"

namespace slipway {
namespace conformance {

const std::vector<Mutant>& Mutants() {
  static const auto* const kMutants = [] {
    auto* all = new std::vector<Mutant>();
    for (auto* family :
         {internal::CreationMutants, internal::StatusMutants,
          internal::RetirementMutants, internal::ConcurrencyMutants,
          internal::DeletionMutants, internal::ListMutants}) {
      for (Mutant& mutant : family()) all->push_back(std::move(mutant));
    }
    std::stable_sort(
        all->begin(), all->end(),
        [](const Mutant& a, const Mutant& b) { return a.rule < b.rule; });
    return all;
  }();
  return *kMutants;
}

}  // namespace conformance
}  // namespace slipway
