#!/usr/bin/env -S python3 -B
"""The numbered rules of docs/spec/semantics.md and the tree are in step.

*   The rules are numbered upwards, each number once.
*   A rule that is cited anywhere as R31 is there, and so is every number that
    the core puts into a decision; the latter is built.
*   Every rule that is built is cited by a scenario or a test.
"""

import os
import re

import sources

_SPEC = "docs/spec/semantics.md"

_RULE = re.compile(r"^- R(\d+) (?:\([A-Z]\) )?(\*\*Not built yet\.\*\*)?", re.MULTILINE)
# In a name such as R21R22AStatus, the second is cited as well.
_CITATION = re.compile(r"(?<![A-Za-z_])R(\d+)(?![\da-z_])")
_ABOUT = re.compile(r"^about: \[([\d, ]+)\]", re.MULTILINE)
_CITE = re.compile(r"\bCite\(\{([\d, \n]+)\}\)")
_REFUSAL = re.compile(r"\b(?:Reject|Violate|violate)\(")
_SOURCES = (".bzl", ".cc", ".h", ".md", ".proto", ".textproto", ".txt")


def rules(text):
    """The numbers of a specification's rules, in order, and the set of those that are built."""
    found = [(int(match.group(1)), not match.group(2)) for match in _RULE.finditer(text)]
    return [number for number, _ in found], {number for number, built in found if built}


def last_argument(text, start):
    """The text of the last argument of the call whose "(" ends before `start`."""
    depth = 1
    begin = start
    quoted = False
    for place in range(start, len(text)):
        character = text[place]
        if quoted:
            quoted = character != '"' or text[place - 1] == "\\"
        elif character == '"':
            quoted = True
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth == 0:
                return text[begin:place]
        elif character == "," and depth == 1:
            begin = place + 1
    return ""


def decided(text):
    """The numbers that a source of the core puts into decisions."""
    numbers = set()
    for match in _CITE.finditer(text):
        numbers.update(int(number) for number in re.findall(r"\d+", match.group(1)))
    for match in _REFUSAL.finditer(text):
        numbers.update(int(number) for number in re.findall(r"\b\d+\b", last_argument(text, match.end())))
    return numbers


def is_test(path):
    return re.search(r"_(test|benchmark)\.(cc|py|sh)$", path) is not None


def check(top):
    """Findings, and how many files were looked at."""
    order, built = rules(sources.read(top, _SPEC))
    findings = []
    if not order:
        return ["%s: has no rules" % _SPEC], 1
    for before, after in zip(order, order[1:]):
        if before >= after:
            findings.append("%s: R%d comes after R%d" % (_SPEC, after, before))

    tested = set()
    in_decisions = {}
    paths = sources.files(top, lambda path: path.endswith(_SOURCES) or is_test(path))
    for path in paths:
        if path.startswith("tools/lint/"):
            continue
        text = sources.read(top, path)
        for number, line in enumerate(text.splitlines(), 1):
            for rule in map(int, _CITATION.findall(line)):
                if rule not in order:
                    findings.append("%s:%d: cites R%d, which is not in %s" % (path, number, rule, _SPEC))
        if is_test(path):
            tested.update(map(int, _CITATION.findall(text)))
        for listed in _ABOUT.findall(text) if path.endswith(".textproto") else []:
            tested.update(int(rule) for rule in listed.split(","))
        if os.path.dirname(path) == "engine/core" and path.endswith(".cc") and not is_test(path):
            for rule in decided(text):
                in_decisions.setdefault(rule, path)
    for rule, path in sorted(in_decisions.items()):
        if rule not in built:
            findings.append("%s: decides by R%d, which %s does not have as built" % (path, rule, _SPEC))
    if not in_decisions:
        findings.append("engine/core: cites no rule at all")
    for rule in sorted(built - tested):
        findings.append("%s: no scenario or test cites R%d" % (_SPEC, rule))
    return findings, len(paths)


if __name__ == "__main__":
    sources.report(*check(sources.root()), "files")
