#!/usr/bin/env -S python3 -B
"""No file holds a word of vocabulary.txt."""

import os
import re
import sys

import sources

_BINARY = (".db", ".gif", ".gz", ".ico", ".jpg", ".pdf", ".png", ".sqlite", ".zip")


def load(path):
    """The list: pairs of a compiled expression and a reason."""
    words = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            expression, tab, reason = line.partition("\t")
            if not tab or not reason:
                sys.exit("%s:%d: wanted an expression, a tab, a reason" % (path, number))
            words.append((re.compile(expression, re.IGNORECASE), reason))
    if not words:
        sys.exit("%s is empty" % path)
    return words


def check(top, words):
    """Findings, and how many files were looked at."""
    paths = sources.files(top, lambda path: not path.endswith(_BINARY))
    findings = []
    for path in paths:
        for expression, reason in words:
            if expression.search(path):
                findings.append("%s: its name: %s" % (path, reason))
        for number, line in enumerate(sources.read(top, path).splitlines(), 1):
            for expression, reason in words:
                match = expression.search(line)
                if match:
                    findings.append("%s:%d: %r: %s" % (path, number, match.group().strip(), reason))
    return findings, len(paths)


if __name__ == "__main__":
    words = load(os.path.join(os.path.dirname(os.path.realpath(__file__)), "vocabulary.txt"))
    sources.report(*check(sources.root(), words), "files")
