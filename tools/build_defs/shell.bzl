"""Shell rules, in one place: newer Bazels move them out of the core.

A `sh_test` runs any executable file, so scripts with a `#!` line of another
language are fine as its `srcs`.
"""

sh_binary = native.sh_binary
sh_test = native.sh_test
