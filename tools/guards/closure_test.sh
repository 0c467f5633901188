#!/usr/bin/env bash
# Compares a list of labels with a committed one; see closure.bzl.
#
#   closure_test.sh ACTUAL EXPECTED UPDATE_TARGET
#   closure_test.sh ACTUAL EXPECTED --update   (EXPECTED from the root of the sources)

set -euo pipefail

readonly actual="$1" expected="$2" update="$3"

# The same names with and without Bzlmod, where repositories are called "@@abseil-cpp~1.2" or
# "@@abseil-cpp+".
labels() {
  sed -E -e '/^#/d' -e '/^$/d' -e 's,^@*//,//,' -e 's,^@+([^/~+]+)[^/]*//,@\1//,' \
    -e 's,^@abseil-cpp//,@com_google_absl//,' -e 's,^@protobuf//,@com_google_protobuf//,' "$1" | LC_ALL=C sort -u
}

if [[ ! -s "${actual}" ]]; then
  echo "The closure is empty: there is nothing to look at." >&2
  exit 1
fi

if [[ "${update}" == --update ]]; then
  file="${BUILD_WORKSPACE_DIRECTORY:?run it with bazelw run}/${expected}"
  {
    sed -n '/^#/p' "${file}"
    labels "${actual}"
  } >"${file}.new"
  mv -- "${file}.new" "${file}"
  echo "Rewrote ${expected}."
  exit
fi

if ! diff --unified=0 --label "${expected}" --label "what it needs now" <(labels "${expected}") <(labels "${actual}") >&2; then
  cat >&2 <<MESSAGE
The lines with + are new. Does this target have to know them? If so:
  ./bazelw run ${update}
MESSAGE
  exit 1
fi
