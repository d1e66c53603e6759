# SPDX-License-Identifier: Apache-2.0
"""The sources without comments and texts, and the texts by themselves."""
import os
import re

START = re.compile(r"//|/\*|#*\"")


def split(text):
    """The code without its comments, each text in it replaced by "", and the texts with their lines.

    Swift's texts may have several lines, marks around them, and code in them, which counts as code.
    """
    code, literals = [], []
    scan(text, 0, None, code, literals)
    return "".join(code), literals


def scan(text, at, closing, code, literals):
    """Reads code from an offset to its end, or to the parenthesis that closes code within a text."""
    depth = 0
    while at < len(text):
        character = text[at]
        if closing and character == "(":
            depth += 1
        elif closing and character == ")":
            if depth == 0:
                return at + 1
            depth -= 1
        start = START.match(text, at)
        if not start:
            code.append(character)
            at += 1
        elif start[0] == "//":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif start[0] == "/*":
            end = text.find("*/", at)
            at = len(text) if end < 0 else end + 2
        else:
            code.append('""')
            at = literal(text, at, start[0], code, literals)
    return at


def literal(text, at, opening, code, literals):
    """Reads a text from its opening marks on."""
    marks = opening[:-1]
    line = text.count("\n", 0, at) + 1
    at += len(opening)
    quotes = '"'
    if text.startswith('""', at) and (marks or text.startswith('""\n', at)):
        quotes, at = '"""', at + 2
    found = []
    while at < len(text):
        if text.startswith(quotes + marks, at):
            at += len(quotes + marks)
            break
        if text.startswith("\\" + marks, at):
            after = at + 1 + len(marks)
            if text.startswith("(", after):
                at = scan(text, after + 1, ")", code, literals)
            else:
                found.append(" ")
                at = after + 1
        elif quotes == '"' and text[at] == "\n":
            break
        else:
            found.append(text[at])
            at += 1
    literals.append((line, "".join(found)))
    return at


def walk(root):
    """Each source of Sources with its target, its path, its code and its texts."""
    for path, folders, files in os.walk(os.path.join(root, "Sources")):
        folders.sort()
        for name in sorted(files):
            if name.endswith((".swift", ".h", ".c")):
                file = os.path.relpath(os.path.join(path, name), root)
                with open(os.path.join(root, file), encoding="utf-8") as source:
                    yield (file.split(os.sep)[1], file, *split(source.read()))
