#!/bin/sh
# The tidy test of the untidy sample ($1) fails, and says why.

if output="$("$1" 2>&1)"; then
  echo "the untidy sample passed"
  exit 1
fi
for check in readability-identifier-naming bugprone-use-after-move; do
  case "$output" in
    *"$check"*) ;;
    *)
      printf 'wanted %s in:\n%s\n' "$check" "$output"
      exit 1
      ;;
  esac
done
