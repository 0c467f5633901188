#!/usr/bin/env bash
# check_purity.sh tells impure code from pure code, and refuses to look at nothing.
#
#   check_purity_test.sh CHECK PURE_ARCHIVE IMPURE_ARCHIVE...

set -euo pipefail

readonly check="$1" pure="$2"
shift 2
(($#)) || { echo "no impure sample given" >&2; exit 1; }

failures=0
expect() { # WANTED_STATUS WANTED_TEXT ARGUMENT...
  local wanted="$1" text="$2" output status=0
  shift 2
  output="$("${check}" "$@" 2>&1)" || status=$?
  if [[ "${status}" != "${wanted}" || "${output}" != *"${text}"* ]]; then
    printf 'with %s: exit %s (wanted %s), wanted "%s" in:\n%s\n' "$*" "${status}" "${wanted}" "${text}" "${output}" >&2
    failures=$((failures + 1))
  fi
}

expect 0 "all harmless" "${pure}"
for archive in "$@"; do
  expect 1 "reach outside of the code" "${archive}"
  # One bad archive among good ones is enough.
  expect 1 "reach outside of the code" "${pure}" "${archive}"
done
expect 1 "no archive to look at"
expect 1 "missing or empty" "${TEST_TMPDIR}/no_such_archive.a"
printf '!<arch>\n' >"${TEST_TMPDIR}/empty.a"
expect 1 "there is no code in it" "${TEST_TMPDIR}/empty.a"

((failures == 0)) || exit 1
printf '%d impure samples caught\n' "$#"
