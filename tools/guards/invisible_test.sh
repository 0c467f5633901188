#!/usr/bin/env bash
# See visibility.bzl.
#
#   invisible_test.sh VISIBLE_TO_USER VISIBLE_TO_CONTROL NUMBER_OF_TARGETS USER

set -euo pipefail

readonly visible="$1" control="$2" targets="$3" user="$4"

seen="$(grep -c . "${control}" || true)"
if ((targets == 0 || seen != targets)); then
  printf 'The control sees %s of %s targets, so this test proves nothing.\n' "${seen}" "${targets}" >&2
  exit 1
fi
if [[ -s "${visible}" ]]; then
  printf '%s must not see these, but does:\n' "${user}" >&2
  cat -- "${visible}" >&2
  exit 1
fi
