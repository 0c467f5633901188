#!/usr/bin/env -S python3 -B
"""The documents agree with the tree.

In every *.md: relative links lead to files and headings that are there, paths
in `code` that begin like a directory of this project exist, and the labels
given to bazelw name targets. A code block after `<!-- file: PATH -->` is that
file, to the letter.
"""

import os
import re

import buildfiles
import sources

_LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_CODE = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"(?:\./|\.\./\.\./)?bazelw\s+(?:build|test|run|query|cquery)\b([^#|;&]*)")
_LABEL = re.compile(r"(?<!\S)-?(//[\w./+-]*(?::[\w./+-]+)?)")
_FILE = re.compile(r"<!-- file: (\S+) -->\n+```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
# A path with one of these is a pattern.
_PATTERN = re.compile(r"[*<>{}…$%\s]|\.\.\.|\bX\b|NAME")


def anchors(text):
    """The anchors that headings get, as code hosts make them."""
    found = set()
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line)
        if heading:
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).replace("`", "")
            anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            number = 0
            while anchor + ("-%d" % number if number else "") in found:
                number += 1
            found.add(anchor + ("-%d" % number if number else ""))
        found.update(re.findall(r"<a (?:name|id)=\"([^\"]+)\"", line))
    return found


def has_target(packages, label):
    package, _, name = label[2:].partition(":")
    if package.endswith("..."):
        prefix = package[:-3].rstrip("/")
        return any(not prefix or p == prefix or p.startswith(prefix + "/") for p in packages)
    if package not in packages:
        return False
    name = name or package.split("/")[-1]
    if name in ("all", "*"):
        return True
    for target in packages[package]:
        if target.name and (name == target.name or re.fullmatch(re.escape(target.name) + r"[._]\w+", name)):
            return True
        # In a comprehension, a part of the name is written.
        if target.name is None and any(part in name for part in target.strings("name")):
            return True
    return False


def check(top):
    """Findings, and how many documents were looked at."""
    packages = buildfiles.load(top)
    directories = {name for name in os.listdir(top) if os.path.isdir(os.path.join(top, name))}
    findings = []
    documents = sources.files(top, lambda path: path.endswith(".md"))
    for path in documents:
        fenced = False
        here = os.path.dirname(path)
        text = sources.read(top, path)
        for file, code in _FILE.findall(text):
            if not os.path.exists(os.path.join(top, file)):
                findings.append("%s: there is no %s to show" % (path, file))
            elif code != sources.read(top, file):
                findings.append("%s: the code shown is not that of %s" % (path, file))
        for number, line in enumerate(text.splitlines(), 1):
            place = "%s:%d" % (path, number)
            if line.lstrip().startswith(("```", "~~~")):
                fenced = not fenced
                continue
            for command in _COMMAND.findall(line):
                # From the examples' own directory, labels are those of another workspace.
                if "../bazelw" in line:
                    continue
                for label in _LABEL.findall(command.replace("`", " ")):
                    if not _PATTERN.search(label.replace("...", "")) and not has_target(packages, label):
                        findings.append("%s: there is no target %s" % (place, label))
            if fenced:
                continue
            for link in _LINK.findall(_CODE.sub("", line)):
                if re.match(r"[a-z][a-z0-9+.-]*:", link):
                    continue
                file, _, anchor = link.partition("#")
                target = os.path.normpath(os.path.join(here, file)) if file else path
                if target.startswith("..") or not os.path.exists(os.path.join(top, target)):
                    findings.append("%s: the link %s leads nowhere" % (place, link))
                elif anchor and target.endswith(".md") and anchor not in anchors(sources.read(top, target)):
                    findings.append("%s: the link %s leads to no heading" % (place, link))
            for code in _CODE.findall(line):
                if _PATTERN.search(code) or code.split("/")[0] not in directories or "/" not in code:
                    continue
                file = re.sub(r":\d+$", "", code)
                label = re.match(r"([^:]*):\w", file)
                if label:
                    file = label.group(1)
                if not os.path.exists(os.path.join(top, file)):
                    findings.append("%s: there is no %s" % (place, code))
    return findings, len(documents)


if __name__ == "__main__":
    sources.report(*check(sources.root()), "documents")
