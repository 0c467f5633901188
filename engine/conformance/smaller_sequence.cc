#include "slipway/conformance/smaller_sequence.h"

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace slipway {
namespace conformance {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Longer ones fill a list over its page, which takes as many calls.
constexpr int kOperationsMax = 40;
// Of pairs there are too many in longer ones.
constexpr int kOperationsOfPairsMax = 16;

// The symbols of the deployment and of the status that a call is about; null
// where it is about none. `bound`: the one that it gives out.
struct Symbols {
  std::string* deployment = nullptr;
  std::string* status = nullptr;
  std::string* bound = nullptr;
};

Symbols SymbolsOf(v1::Operation& operation) {
  Symbols symbols;
  switch (operation.call_case()) {
    case v1::Operation::kCreateDeployment:
      symbols.deployment =
          operation.mutable_create_deployment()->mutable_binds();
      symbols.bound = symbols.deployment;
      break;
    case v1::Operation::kCreateStatus:
      symbols.deployment =
          operation.mutable_create_status()->mutable_deployment();
      symbols.status = operation.mutable_create_status()->mutable_binds();
      symbols.bound = symbols.status;
      break;
    case v1::Operation::kDeleteDeployment:
      symbols.deployment =
          operation.mutable_delete_deployment()->mutable_deployment();
      break;
    case v1::Operation::kGetDeployment:
      symbols.deployment =
          operation.mutable_get_deployment()->mutable_deployment();
      break;
    case v1::Operation::kListStatuses:
      symbols.deployment =
          operation.mutable_list_statuses()->mutable_deployment();
      break;
    case v1::Operation::kGetStatus:
      symbols.deployment = operation.mutable_get_status()->mutable_deployment();
      symbols.status = operation.mutable_get_status()->mutable_status();
      break;
    case v1::Operation::kListDeployments:
    case v1::Operation::CALL_NOT_SET:
      break;
  }
  return symbols;
}

std::string DeploymentOf(v1::Operation operation) {
  const Symbols symbols = SymbolsOf(operation);
  return symbols.deployment == nullptr ? "" : *symbols.deployment;
}

// Operations one by one and in parallel, counted through.
class Calls {
 public:
  explicit Calls(const v1::Sequence& sequence) : sequence_(sequence) {}

  int size() const {
    return sequence_.operations_size() + sequence_.parallel_size();
  }
  const v1::Operation& operator[](int i) const {
    return i < sequence_.operations_size()
               ? sequence_.operations(i)
               : sequence_.parallel(i - sequence_.operations_size());
  }
  v1::Sequence Without(const std::function<bool(int)>& is_left_out) const {
    v1::Sequence rest = sequence_;
    rest.clear_operations();
    rest.clear_parallel();
    for (int i = 0; i < size(); ++i) {
      if (is_left_out(i)) continue;
      *(i < sequence_.operations_size() ? rest.add_operations()
                                        : rest.add_parallel()) = (*this)[i];
    }
    return rest;
  }
  v1::Sequence With(int i, v1::Operation operation) const {
    v1::Sequence changed = sequence_;
    *(i < sequence_.operations_size()
          ? changed.mutable_operations(i)
          : changed.mutable_parallel(i - sequence_.operations_size())) =
        std::move(operation);
    return changed;
  }

 private:
  const v1::Sequence& sequence_;
};

// The fields of a request that can be left out.
std::vector<std::vector<const FieldDescriptor*>> FieldsOf(
    const Message& request) {
  std::vector<std::vector<const FieldDescriptor*>> fields;
  std::vector<const FieldDescriptor*> set;
  request.GetReflection()->ListFields(request, &set);
  for (const FieldDescriptor* field : set) {
    const std::string& name = field->name();
    if (name == "ref" || name == "state" || name == "task" ||
        name == "environment" || name == "payload_type") {
      continue;
    }
    fields.push_back({field});
    // The two are one.
    if (name == "payload") {
      fields.back().push_back(
          request.GetDescriptor()->FindFieldByName("payload_type"));
    }
  }
  return fields;
}

Message* RequestOf(v1::Operation& operation) {
  if (operation.has_create_deployment()) {
    return operation.mutable_create_deployment()->mutable_request();
  }
  if (operation.has_create_status()) {
    return operation.mutable_create_status()->mutable_request();
  }
  return nullptr;
}

}  // namespace

std::vector<v1::Sequence> SmallerSequences(const v1::Sequence& sequence) {
  std::vector<v1::Sequence> smaller;
  const Calls calls(sequence);
  if (calls.size() > kOperationsMax) return smaller;
  for (int i = 0; i < calls.size(); ++i) {
    if (!calls[i].has_create_deployment()) continue;
    const std::string symbol = calls[i].create_deployment().binds();
    smaller.push_back(calls.Without(
        [&](int other) { return DeploymentOf(calls[other]) == symbol; }));
  }
  for (int i = 0; i < calls.size(); ++i) {
    smaller.push_back(calls.Without([&](int other) { return other == i; }));
  }
  if (calls.size() <= kOperationsOfPairsMax) {
    for (int i = 0; i < calls.size(); ++i) {
      for (int j = i + 1; j < calls.size(); ++j) {
        smaller.push_back(
            calls.Without([&](int other) { return other == i || other == j; }));
      }
    }
  }
  for (int i = 0; i < calls.size(); ++i) {
    v1::Operation operation = calls[i];
    Message* request = RequestOf(operation);
    if (request == nullptr) continue;
    const v1::Operation whole = operation;
    for (const auto& fields : FieldsOf(*request)) {
      for (const FieldDescriptor* field : fields) {
        request->GetReflection()->ClearField(request, field);
      }
      smaller.push_back(calls.With(i, operation));
      operation = whole;
      request = RequestOf(operation);
    }
  }
  return smaller;
}

v1::Sequence Renumbered(v1::Sequence sequence) {
  std::map<std::string, std::string> renamed;
  int deployments = 0;
  int statuses = 0;
  const auto rename = [&](std::string* symbol, const char* unknown) {
    if (symbol == nullptr) return;
    const auto known = renamed.find(*symbol);
    *symbol = known == renamed.end() ? unknown : known->second;
  };
  for (auto* operations :
       {sequence.mutable_operations(), sequence.mutable_parallel()}) {
    for (v1::Operation& operation : *operations) {
      const Symbols symbols = SymbolsOf(operation);
      if (symbols.bound == nullptr) continue;
      const bool is_status = symbols.bound == symbols.status;
      std::string& name = renamed[*symbols.bound];
      name = absl::StrCat(is_status ? "$s" : "$d",
                          is_status ? ++statuses : ++deployments);
    }
  }
  for (auto* operations :
       {sequence.mutable_operations(), sequence.mutable_parallel()}) {
    for (v1::Operation& operation : *operations) {
      const Symbols symbols = SymbolsOf(operation);
      rename(symbols.deployment, "$d0");
      rename(symbols.status, "$s0");
    }
  }
  return sequence;
}

}  // namespace conformance
}  // namespace slipway
