#!/usr/bin/env -S python3 -B
"""Every C++ file is formatted as .clang-format says.

To repair: git ls-files '*.h' '*.cc' | xargs clang-format-14 -i
"""

import os
import re
import shutil
import subprocess
import sys

import sources

# Other versions format differently.
_VERSION = "14"


def find_formatter():
    for name in ("clang-format-" + _VERSION, "clang-format"):
        path = shutil.which(name)
        if path:
            version = subprocess.run([path, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
            if re.search(r"version %s\." % _VERSION, version):
                return path
    sys.exit("needs clang-format %s" % _VERSION)


def check(top):
    """Findings, and how many files were looked at."""
    paths = sources.files(top, lambda path: path.endswith((".h", ".cc")))
    if not paths:
        return [], 0
    outcome = subprocess.run(
        [find_formatter(), "--style=file", "--dry-run", "-Werror"] + paths,
        cwd=top,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    findings = [line for line in outcome.stderr.splitlines() if re.match(r"\S+:\d+:\d+: ", line)]
    if outcome.returncode != 0 and not findings:
        findings = [outcome.stderr]
    return findings, len(paths)


if __name__ == "__main__":
    sources.report(*check(sources.root()), "C++ files")
