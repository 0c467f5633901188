// Values on their way to PostgreSQL and back, in its binary form, so that texts
// with U+0000 and every number arrive as they are. Not for users.
//
//   Values values;
//   values.Int(7).Bytes("main").Ints({1, 2});

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_VALUES_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_VALUES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "libpq-fe.h"

namespace slipway {
namespace postgres_internal {

// The parameters of one statement: $1, $2, … in the order of the calls.
class Values {
 public:
  // bigint.
  Values& Int(int64_t value) {
    const size_t before = bytes_.size();
    AppendInt64(value, bytes_);
    return AddFrom(before);
  }
  // integer.
  Values& Int32(int32_t value) {
    const size_t before = bytes_.size();
    AppendInt32(value, bytes_);
    return AddFrom(before);
  }
  Values& Bool(bool value) {
    bytes_.push_back(value ? 1 : 0);
    return AddFrom(bytes_.size() - 1);
  }
  // bytea.
  Values& Bytes(absl::string_view value) {
    const size_t before = bytes_.size();
    bytes_.append(value.data(), value.size());
    return AddFrom(before);
  }
  Values& Null() {
    AddFrom(bytes_.size());
    values_.back().is_null = true;
    return *this;
  }
  // bigint[].
  Values& Ints(const std::vector<int64_t>& values) {
    const size_t before = bytes_.size();
    AppendArrayHead(kInt8Oid, values.size());
    for (const int64_t value : values) {
      AppendInt32(sizeof(value), bytes_);
      AppendInt64(value, bytes_);
    }
    return AddFrom(before);
  }
  // bytea[].
  Values& BytesArray(const std::vector<std::string>& values) {
    const size_t before = bytes_.size();
    AppendArrayHead(kByteaOid, values.size());
    for (const std::string& value : values) {
      AppendInt32(static_cast<int32_t>(value.size()), bytes_);
      bytes_ += value;
    }
    return AddFrom(before);
  }

  // Those of `more`, after its own.
  Values& Append(const Values& more) {
    for (const Value& value : more.values_) {
      values_.push_back(value);
      values_.back().offset += bytes_.size();
    }
    bytes_ += more.bytes_;
    return *this;
  }

  int size() const { return static_cast<int>(values_.size()); }
  // nullptr: NULL. Lives until the next change of this.
  const char* data(int place) const {
    const Value& value = values_[place];
    return value.is_null ? nullptr : bytes_.data() + value.offset;
  }
  int length(int place) const { return static_cast<int>(values_[place].size); }

 private:
  // A part of `bytes_`.
  struct Value {
    size_t offset = 0;
    size_t size = 0;
    bool is_null = false;
  };
  static constexpr int32_t kByteaOid = 17;
  static constexpr int32_t kInt8Oid = 20;

  static void AppendInt32(int32_t value, std::string& bytes) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<char>(static_cast<uint32_t>(value) >> shift));
    }
  }
  static void AppendInt64(int64_t value, std::string& bytes) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<char>(static_cast<uint64_t>(value) >> shift));
    }
  }
  // Of one dimension, from 1, without nulls; of none where it is empty.
  void AppendArrayHead(int32_t element, size_t size) {
    AppendInt32(size == 0 ? 0 : 1, bytes_);
    AppendInt32(0, bytes_);
    AppendInt32(element, bytes_);
    if (size == 0) return;
    AppendInt32(static_cast<int32_t>(size), bytes_);
    AppendInt32(1, bytes_);
  }
  // Makes a value of what was appended since.
  Values& AddFrom(size_t before) {
    values_.push_back({before, bytes_.size() - before, false});
    return *this;
  }

  std::string bytes_;
  std::vector<Value> values_;
};

// The answer to one statement. Columns are asked for as what they are.
class Rows {
 public:
  explicit Rows(PGresult* result) : result_(result, &PQclear) {}

  int size() const { return PQntuples(result_.get()); }
  bool empty() const { return size() == 0; }
  // How many rows a statement has changed.
  int64_t affected() const {
    int64_t count = 0;
    for (const char* digit = PQcmdTuples(result_.get()); *digit != '\0';
         ++digit) {
      count = count * 10 + (*digit - '0');
    }
    return count;
  }
  absl::string_view tag() const { return PQcmdStatus(result_.get()); }

  bool IsNull(int row, int column) const {
    return PQgetisnull(result_.get(), row, column) != 0;
  }
  // bytea. Lives as long as this.
  absl::string_view Bytes(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<size_t>(PQgetlength(result_.get(), row, column))};
  }
  // bigint, integer, smallint or boolean.
  int64_t Int(int row, int column) const {
    const absl::string_view bytes = Bytes(row, column);
    uint64_t value = 0;
    // Negative ones keep their sign.
    if (!bytes.empty() && static_cast<signed char>(bytes[0]) < 0)
      value = ~value;
    for (const char byte : bytes) {
      value = value << 8 | static_cast<unsigned char>(byte);
    }
    return static_cast<int64_t>(value);
  }

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_VALUES_H_
