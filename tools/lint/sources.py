"""The files of the project, for checks that look at all of them.

The checks run where the sources are, not in Bazel's copy: they must see files
that no BUILD file mentions. They are therefore never cached.
"""

import os
import sys

# Not ours, or not sources.
_SKIPPED_DIRECTORIES = {".git", ".cache", "node_modules", "__pycache__"}
_SKIPPED_FILES = {".git", ".bazelrc.local", ".bazelrc.user", "compile_commands.json"}


def root():
    """The root of the sources: where MODULE.bazel, a link in the runfiles, points."""
    path = os.path.dirname(os.path.realpath("MODULE.bazel"))
    if not os.path.exists(os.path.join(path, "WORKSPACE")):
        sys.exit("cannot find the sources: MODULE.bazel leads to " + path)
    return path


def files(top, wanted=lambda path: True):
    """Paths relative to `top`, sorted, for which `wanted` holds."""
    found = []
    for directory, names, leaves in os.walk(top):
        names[:] = sorted(
            name
            for name in names
            if name not in _SKIPPED_DIRECTORIES
            and not os.path.islink(os.path.join(directory, name))
        )
        for leaf in leaves:
            path = os.path.relpath(os.path.join(directory, leaf), top)
            if leaf not in _SKIPPED_FILES and os.path.isfile(os.path.join(top, path)) and wanted(path):
                found.append(path)
    return sorted(found)


def read(top, path):
    with open(os.path.join(top, path), encoding="utf-8") as file:
        return file.read()


def report(findings, looked_at, what):
    """Prints the outcome and exits; looking at nothing is a failure."""
    for finding in findings:
        print(finding)
    if looked_at == 0:
        sys.exit("found no %s to look at" % what)
    if findings:
        sys.exit("%d findings in %d %s" % (len(findings), looked_at, what))
    print("%d %s are clean" % (looked_at, what))
