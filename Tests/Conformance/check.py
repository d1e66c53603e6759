#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the pages of docs/conformance point at code and tests that exist, and prints what is obeyed.

Each requirement of an RFC is a quotation below the heading of its section, with what answers it:

    ## 4.2 Messages Transmitted Reliably

    > The Reset message MUST echo the Message ID of the Confirmable message and MUST be Empty.

    - code: `7252-4.2-d`
    - test: `ClientEndpointTests/a confirmable message that cannot be used gets a Reset`

`code` names a tag, which stands once in Sources in a comment `conformance: TAG …` at the line that obeys; `test` names
a suite in Tests and the sentence of one of its tests. In their place stands `exempt:` and a reason where nothing in
this client could break the sentence, or `deviation:` and a reason where it is not obeyed; code and test of a deviation
show what is done instead. Every tag in Sources is named by some page.
"""

import pathlib
import re
import sys

TAG = re.compile(r"\d{4}(-\d+(\.\d+)*)-[a-z]+")
KEYWORD = re.compile(r"\b(MUST|SHOULD|SHALL|REQUIRED|RECOMMENDED)\b")
FIELD = re.compile(r"- (code|test|exempt|deviation): *(.*)")
TYPE = re.compile(r"(?:[a-z]+ )*(?:struct|class|actor|enum|extension) (\w+)")
SENTENCE = re.compile(r"\bfunc `([^`]+)`")


def files(folder, *suffixes):
    return (path for path in sorted(folder.rglob("*")) if path.suffix in suffixes and path.is_file())


def tags(sources, report):
    """Where each tag stands in the comments of the sources."""
    places = {}
    for path in files(sources, ".swift", ".h", ".c"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            _, found, names = line.partition("conformance:")
            for tag in names.split() if found else []:
                place = f"{path.relative_to(sources.parent)}:{number}"
                if not TAG.fullmatch(tag):
                    report(f"{place}: {tag} is not a tag, which is made as in 7252-4.2-a")
                elif tag in places:
                    report(f"{place}: the tag {tag} stands already at {places[tag]}")
                else:
                    places[tag] = place
    return places


def sentences(tests):
    """The tests as suite and sentence; what is declared without indentation is a suite."""
    found = set()
    for path in files(tests, ".swift"):
        suite = ""
        for line in path.read_text().splitlines():
            if declared := TYPE.match(line):
                suite = declared[1]
            found.update(f"{suite}/{sentence}" for sentence in SENTENCE.findall(line))
    return found


def entries(page, report):
    """The requirements of a page: where each stands, its section, quotation and fields."""
    result, section, lines = [], "", page.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("> ") and not lines[number - 2].startswith(">"):
            result.append((f"{page.name}:{number}", section, [line[2:]], []))
        elif line.startswith(">"):
            result[-1][2].append(line[2:])
        elif field := FIELD.fullmatch(line):
            if result and result[-1][1] == section:
                result[-1][3].append([field[1], field[2]])
            else:
                report(f"{page.name}:{number}: a {field[1]} that belongs to no quotation")
        elif line.startswith("  ") and result and result[-1][3]:
            result[-1][3][-1][1] += " " + line.strip()
        elif line.startswith("- "):
            report(f"{page.name}:{number}: neither code, test, exempt nor deviation")
    return result


def check(root, report):
    """The rows of the table, and the deviations."""
    places, tests = tags(root / "Sources", report), sentences(root / "Tests")
    rows, deviations, named = [], [], set()
    pages = [page for page in files(root / "docs/conformance", ".md") if page.name.startswith("rfc")]
    if not pages:
        report("docs/conformance has no page")
    for page in pages:
        counts, quoted = {"code": 0, "exempt": 0, "deviation": 0}, set()
        for place, section, lines, fields in entries(page, report):
            quotation, kinds = " ".join(lines), {kind for kind, _ in fields}
            if not section[:1].isdigit():
                report(f"{place}: a quotation below no section of the RFC")
            if not KEYWORD.search(quotation):
                report(f"{place}: the quotation demands nothing")
            if (section, quotation) in quoted:
                report(f"{place}: this sentence is on the page already")
            quoted.add((section, quotation))
            for kind, value in fields:
                value = value.strip("`")
                if not value:
                    report(f"{place}: {kind} says nothing")
                elif kind == "code" and value not in places:
                    report(f"{place}: no line of Sources has the tag {value}")
                elif kind == "test" and value not in tests:
                    report(f"{place}: there is no test {value}")
                if kind == "code":
                    named.add(value)
            verdict = [kind for kind in ("exempt", "deviation") if kind in kinds] or ["code"]
            if "exempt" in kinds and kinds != {"exempt"}:
                report(f"{place}: both obeyed and excepted")
            if verdict == ["code"] and not kinds >= {"code", "test"}:
                report(f"{place}: neither code and test nor a reason why not")
            counts[verdict[0]] += 1
            if "deviation" in kinds:
                deviations.append(f"RFC {page.stem[3:]} {section.split()[0]}: {quotation}")
        rows.append((page.stem[3:], sum(counts.values()), *counts.values()))
    for tag in sorted(places.keys() - named):
        report(f"{places[tag]}: no page names the tag {tag}")
    return rows, deviations


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    errors = []
    rows, deviations = check(root, errors.append)
    if errors:
        print("\n".join(errors), file=sys.stderr)
        return f"conformance: {len(errors)} error{'s' * (len(errors) > 1)}"
    rows.append(("all", *(sum(row[column] for row in rows) for column in range(1, 5))))
    head = ("RFC", "sentences", "code and test", "exempt", "deviations")
    for row in (head, *rows):
        print(f"{row[0]:<4}" + "".join(f"{value:>{len(title) + 3}}" for title, value in zip(head[1:], row[1:])))
    print("\nNot obeyed, with the reason on the page:")
    print("\n".join(f"- {text}" for text in deviations))
    return 0


if __name__ == "__main__":
    sys.exit(main())
