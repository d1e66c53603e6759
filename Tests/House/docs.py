#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the pages of Markdown that git knows: each link within the repository has a target, each anchor a heading, and
each `make TARGET` in code a target of the Makefile. Prints what is wrong, and how much was checked.

    docs.py [DIRECTORY]

With a directory it checks the pages installed there, in which the links have to lead to what is installed with them."""
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None


def pages():
    if INSTALLED:
        return sorted(INSTALLED.rglob("*.md"))
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split()
    return sorted(ROOT / name for name in names if (ROOT / name).exists())


def without_fences(text):
    return re.sub(r"^```.*?^```", lambda match: "\n" * match[0].count("\n"), text, flags=re.M | re.S)


def slugs(text):
    """The anchors of a page's headings, as GitHub makes them."""
    found = {}
    for heading in re.findall(r"^#{1,6} +(.*?) *$", without_fences(text), flags=re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        if count:
            found[f"{slug}-{count}"] = 1
    return set(found)


def links(text):
    """Line and target of each link and image outside code."""
    prose = re.sub(r"`[^`\n]*`", lambda match: "x" * len(match[0]), without_fences(text))
    for match in re.finditer(r"\]\(([^)\s]+)\)", prose):
        yield prose.count("\n", 0, match.start()) + 1, match[1]


def make_targets():
    text = (ROOT / "Makefile").read_text()
    named = re.findall(r"^([\w. -]+?):(?!=)", text, flags=re.M)
    return {name for names in named for name in names.split()}


def used_targets(text):
    code = re.findall(r"```sh\n(.*?)```", text, flags=re.S) + re.findall(r"`(make[^`]*)`", text)
    for piece in code:
        for command in re.split(r"[\n;&|]", re.sub(r"#.*", "", piece)):
            words = command.split()
            if words[:1] == ["make"]:
                yield from (word for word in words[1:] if re.fullmatch(r"[a-z][\w-]*", word))


def main():
    targets, faults, checked = make_targets(), [], 0
    for page in pages():
        text, name = page.read_text(), page.relative_to(INSTALLED or ROOT)
        for line, link in links(text):
            if re.match(r"[a-z]+:", link):
                continue
            checked += 1
            path, _, anchor = link.partition("#")
            target = Path(os.path.normpath(page.parent / path)) if path else page
            if not target.exists() or INSTALLED and INSTALLED not in target.parents:
                faults.append(f"{name}:{line}: {link}: no such file")
            elif anchor and anchor not in slugs(target.read_text()):
                faults.append(f"{name}:{line}: {link}: no such heading")
        for target in used_targets(text):
            checked += 1
            if target not in targets:
                faults.append(f"{name}: make {target}: no such target")
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{checked} links and make targets in {len(pages())} pages, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
