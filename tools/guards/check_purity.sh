#!/usr/bin/env bash
# Fails when compiled code calls for something outside of it: a clock, the environment, a file, a
# socket, a thread, a lock, a random number, a log.
#
#   check_purity.sh ARCHIVE...
#
# Looks at the undefined symbols. Symbols of C are refused unless they are known to be harmless;
# those of C++ libraries are refused where they are known to do harm, as no list of all the harmless
# ones would hold for every compiler. What a header does without calling anything is not seen.

set -euo pipefail

# C: memory, strings, the runtime of the language, what a compiler or a sanitizer puts in.
readonly harmless_c='^(mem(cpy|move|set|cmp|chr)|strlen|strcmp|strncmp|bcmp|abort|malloc|free|realloc|atexit|__assert_fail|__mem(cpy|move|set)_chk|__stack_chk_fail|_Unwind_Resume|__cxa_[a-z_]+|__gxx_personality_v0|__dso_handle|_GLOBAL_OFFSET_TABLE_|__dynamic_cast|__tls_get_addr|__(asan|ubsan|tsan|msan|sanitizer|gcov|llvm)_.*|__libc_single_threaded|_ITM_.*|__gmon_start__)$'

# C++: by the demangled name, with the inline namespaces of the libraries taken out. Two are missing
# on purpose, as headers put them into every caller: the start of the standard streams, and the
# message with which Protobuf's own assertions die.
readonly harmful_cpp='std::(chrono|thread|this_thread|jthread|random_device|mutex|timed_mutex|recursive_mutex|shared_mutex|condition_variable|__condvar|future|promise|filesystem|__basic_file|basic_(if|of|f)stream|basic_filebuf|c(in|out|err|log)\b|locale|__once_|once_flag|get_time|put_time)|absl::(Now|GetCurrentTimeNanos|SleepFor|LocalTimeZone|LoadTimeZone|TimeZone|time_internal|Mutex|CondVar|Notification|BlockingCounter|Barrier|base_internal::(SpinLock|CallOnceImpl|CycleClock|UnscaledCycleClock|SysAlloc)|synchronization_internal|random_internal|BitGen|InsecureBitGen|flags_internal|CommandLineFlag|SetProgramUsageMessage|log_internal|raw_log|hash_internal::MixingHashState::kSeed|container_internal::.*(RandomSeed|ShouldInsertBackwards|HashSeed))|google::protobuf::(io::(File|Ostream|Istream)|util::TimeUtil::GetCurrentTime|compiler::)|boost::'

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

(($#)) || fail "no archive to look at"

symbols=0
harmful=()
for archive in "$@"; do
  [[ -s "${archive}" ]] || fail "${archive} is missing or empty"
  defined="$(nm --defined-only --format=posix -- "${archive}" 2>/dev/null | awk 'NF >= 2 {print $1}' | LC_ALL=C sort -u)"
  undefined="$(nm --undefined-only --format=posix -- "${archive}" 2>/dev/null | awk 'NF >= 2 {print $1}' | LC_ALL=C sort -u)"
  [[ -n "${undefined}" ]] || fail "${archive} has no undefined symbol: there is no code in it"
  needed="$(comm -13 <(printf '%s\n' "${defined}") <(printf '%s\n' "${undefined}"))"
  while IFS=$'\t' read -r symbol name; do
    symbols=$((symbols + 1))
    if [[ "${symbol}" == _Z* ]]; then
      [[ "${name}" =~ ${harmful_cpp} ]] && harmful+=("${archive##*/}: ${name}")
    elif [[ ! "${symbol}" =~ ${harmless_c} ]]; then
      harmful+=("${archive##*/}: ${symbol}")
    fi
  done < <(paste <(printf '%s\n' "${needed}") \
    <(printf '%s\n' "${needed}" | c++filt | sed -E 's/\b(lts_[0-9]+|debian[0-9]+|__cxx11|_V2|__1):://g'))
done

if ((${#harmful[@]})); then
  printf '%s\n' "${harmful[@]}" >&2
  fail "${#harmful[@]} of ${symbols} symbols reach outside of the code"
fi
printf '%d archives, %d symbols, all harmless\n' "$#" "${symbols}"
