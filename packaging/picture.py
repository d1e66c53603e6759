#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/demo.svg, the README's picture, of what a demo prints: picture.py PROGRAM [ARGUMENT...]

With --check first, compares the picture with what the program prints now, numbers apart, and writes nothing."""
import html
import re
import subprocess
import sys
from pathlib import Path

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "demo.svg"
COLUMNS = 112
SIZE, ADVANCE, LEADING, MARGIN = 13, 7.8, 18, 16
STYLE = """text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d0d7de;white-space:pre}
.prompt{fill:#7ee787}.label{fill:#79c0ff}.good{fill:#7ee787}.quiet{fill:#8b949e}"""
# So many reports stand for all: the first ones and the last.
SHOWN = 3


def lines_of(program):
    printed = subprocess.run(program, check=True, capture_output=True, text=True).stdout.splitlines()
    reports = [index for index, line in enumerate(printed) if line.startswith("report ")]
    hidden = reports[SHOWN - 1 : -1]
    for index, line in enumerate(printed):
        if index in hidden:
            if index == hidden[0]:
                yield f"  … {len(hidden)} more"
            continue
        yield line


def wrapped(line):
    """The rows of a line, as a terminal of that width shows them."""
    return [line[start : start + COLUMNS] for start in range(0, len(line), COLUMNS)] or [""]


def marked(row):
    """The row as SVG, with what matters in colour."""
    if row.startswith("$"):
        return f'<tspan class="prompt">$</tspan>{html.escape(row[1:], quote=False)}'
    if row.startswith("  …"):
        return f'<tspan class="quiet">{row}</tspan>'
    text = html.escape(row, quote=False)
    text = re.sub(r"\b(acknowledged|exactly what was read)", r'<tspan class="good">\1</tspan>', text)
    return re.sub(r"^(report \d+|[^ {<]\S*(?: \S+)*?)(?=  | ack| <)", r'<tspan class="label">\1</tspan>', text)


def rows_of(program):
    rows = ["$ make demo"]
    for line in lines_of(program):
        rows += wrapped(line)
    return rows


def drawn(rows):
    width, height = int(COLUMNS * ADVANCE) + 2 * MARGIN, len(rows) * LEADING + 2 * MARGIN
    text = "\n".join(
        f'<text x="{MARGIN}" y="{MARGIN + SIZE + index * LEADING}" xml:space="preserve">{marked(row)}</text>'
        for index, row in enumerate(rows)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        "<title>make demo: a platform and a device on one machine, ten reports</title>\n"
        f'<style>{STYLE}</style>\n<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n{text}\n</svg>\n'
    )


def shape(rows):
    """What two runs have in common, on machines with and without a sensor for the temperature."""
    text = "".join(rows).replace(" ", "")
    return re.sub(r',"temperatureCelsius":-?0', "", re.sub(r"[0-9.]+", "0", text))


def main():
    arguments = sys.argv[1:]
    checks = arguments[:1] == ["--check"]
    program = arguments[1:] if checks else arguments
    if not program:
        sys.exit(__doc__)
    rows = rows_of(program)
    if not checks:
        PICTURE.write_text(drawn(rows))
        return
    picture = re.findall(r"<text[^>]*>(.*)</text>", PICTURE.read_text())
    picture = [html.unescape(re.sub(r"<[^>]*>", "", row)) for row in picture]
    if shape(picture) != shape(rows):
        sys.exit("docs/demo.svg does not show what the demo prints: make picture")


main()
