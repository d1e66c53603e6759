#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The man pages, from what is documented already: man.py GENERATED VERSION DIRECTORY

GENERATED is the directory that swift-argument-parser's plugin generate-manual has filled: a page for each command of
`nbiot`, whose examples become displays here. The agents' and the gateway's pages in
section 8 come from what --help prints, those of their configurations in section 5 from the commented ones beside this
script, nbiot_device(3) from the C library's header.
"""
import datetime
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent


def escape(text):
    """A line of text as roff takes it."""
    text = text.replace("\\", "\\e").replace("`", "\\(ga").replace("'", "\\(aq").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "\\") else text


def literal(lines):
    """Lines as they are. Of 75 columns or less they fit into a page of 80."""
    while lines and not lines[-1].strip():
        lines.pop()
    return [".Bd -literal", *(escape(line) or "" for line in lines), ".Ed"]


def head(name, section, day, description):
    return [
        f".Dd {day}", f".Dt {name.upper()} {section}", ".Os", ".Sh NAME", f".Nm {name}", f".Nd {description}",
    ]


def mend(page, version):
    """A generated page: paragraphs and displays in place of empty and of indented lines."""
    lines, display, is_status, typed = [], [], False, ""
    for line in page.splitlines() + [""]:
        if line.startswith("  ") and not line.startswith("  ."):
            display.append(line[2:])
            continue
        if display:
            # The generated text has its backslashes as \\e already.
            lines += [".Bd -literal -offset indent", *display, ".Ed"]
            display = []
        if not line:
            if lines and lines[-1] != ".Pp" and not lines[-1].startswith((".Bl", ".It", ".Sh")):
                lines.append(".Pp")
            continue
        if match := re.match(r"\.Dt ([A-Z.\-]+) (\d)", line):
            line = f".Dt {match[1].replace('.', '-')} {match[2]}"
        if line == ".Xr nbiot.help 1 ,":
            continue
        # What follows says less than the description does.
        if line.startswith(".Sh"):
            is_status = "EXIT STATUS" in line
        if is_status:
            continue
        # A phrase, not a sentence.
        if match := re.match(r'\.Nd "(.)(.*?)\.?"$', line):
            line = f'.Nd "{match[1].lower()}{match[2]}"'
        # In NAME the page's own name, for whatis; in SYNOPSIS what is typed.
        if match := re.match(r'\.Nm "(nbiot .*)"$', line):
            typed = line
            line = f".Nm {match[1].replace(' ', '-')}"
        elif line == ".Nm" and typed:
            line = typed
        if match := re.match(r"\.Xr (nbiot[a-z.\-]*) (\d)(.*)", line):
            line = f".Xr {match[1].replace('.', '-')} {match[2]}{match[3]}"
        if line == ".Os":
            line = f".Os nbiot {version}"
        lines.append(line)
    while lines and lines[-1] == ".Pp":
        lines.pop()
    # A paragraph has no effect before a list or a section.
    kept = [
        line for line, after in zip(lines, lines[1:] + [""])
        if not (line == ".Pp" and after.startswith((".Bl", ".Sh", ".Bd", ".It", ".El")))
    ]
    return "\n".join(kept) + "\n"


def agent(name, day, version, module, what):
    source = (HERE.parent / "Sources" / module / "Help.swift").read_text()
    text = re.search(r'helpText: StaticString = """\n(.*?)\n  ?"""', source, re.S)[1]
    indent = min(len(line) - len(line.lstrip()) for line in text.splitlines() if line.strip())
    lines = [line[indent:].replace("\\\\", "\\") for line in text.splitlines()]
    end = lines.index("")
    usage = [line.removeprefix("usage: ").strip() for line in lines[:end]]
    return "\n".join([
        *head(name, 8, day, what),
        ".Sh SYNOPSIS", *literal(usage),
        ".Sh DESCRIPTION", *literal(lines[end + 1:]),
        ".Sh SEE ALSO", f".Xr {name}.conf 5 ,", ".Xr nbiot 1", "",
    ])


def configuration(name, day):
    """The keys of a commented configuration, each with the comment before it."""
    lines = [
        *head(f"{name}.conf", 5, day, f"the configuration of {name}"), ".Sh DESCRIPTION",
    ]
    comment, is_open, seen = [], False, set()

    def flow(texts):
        """The lines of a comment; an empty one ends a paragraph."""
        while texts and not texts[-1]:
            texts.pop()
        return [escape(text) if text else ".Pp" for text in texts]

    for line in (HERE / f"{name}.conf").read_text().splitlines() + [""]:
        # The heading is what stands before the first comma or full stop, the rest begins the paragraph below it.
        if match := re.match(r"# ---- ([^.,]*)[.,]? ?(.*)$", line):
            if is_open:
                lines.append(".El")
            is_open = False
            lines.append(f".Sh {escape(match[1].upper())}")
            comment = [match[2]] if match[2] else []
        elif match := re.match(r"#?([a-z][a-z\-]*) = (.*)$", line):
            if not is_open:
                lines.append(".Bl -tag -width Ds")
                is_open = True
            # A key that may stand more than once is shown so.
            if match[1] not in seen or comment:
                lines.append(f".It Li {escape(match[1])} = {escape(match[2])}")
            else:
                lines[-1:] = [lines[-1], ".Pp", f"Also: {escape(match[1])} = {escape(match[2])}"]
            seen.add(match[1])
            lines += flow(comment)
            comment = []
        elif line.startswith("#"):
            comment.append(line[1:].strip())
        elif comment:
            # A paragraph of its own: of the page before the first key, of the key after it.
            if not lines[-1].startswith(".Sh"):
                lines.append(".Pp")
            lines += flow(comment)
            comment = []
    if is_open:
        lines.append(".El")
    return "\n".join([*lines, ".Sh SEE ALSO", f".Xr {name} 8", ""])


def library(day):
    header = (HERE.parent / "Sources/CDevice/nbiot_device.h").read_text()
    return "\n".join([
        *head("nbiot_device", 3, day, "a device of the Alibaba Cloud IoT platform, for programs in C"),
        ".Sh SYNOPSIS", ".In nbiot_device.h", ".Pp",
        "cc example.c $(pkg\\-config \\-\\-cflags \\-\\-libs nbiot\\-device)",
        ".Sh DESCRIPTION", "The header, which documents each call:", *literal(header.splitlines()),
        ".Sh SEE ALSO", ".Xr nbiot 1 ,", ".Xr nbiot-agent 8", "",
    ])


def main():
    generated, version, target = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    moment = int(os.environ.get("SOURCE_DATE_EPOCH") or (HERE.parent / "VERSION").stat().st_mtime)
    date = datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)
    day = f"{date:%B} {date.day}, {date.year}"
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(generated.glob("nbiot*.1")):
        if file.stem == "nbiot.help":
            continue
        page = re.sub(r"^\.Dd .*$", f".Dd {day}", file.read_text(), count=1, flags=re.M)
        (target / (file.stem.replace(".", "-") + ".1")).write_text(mend(page, version))
    reports = "reports lines to the Alibaba Cloud IoT platform over"
    for name, module, what in (
        ("nbiot-agent", "Agent", f"{reports} CoAP"), ("nbiot-agent-mqtt", "MQTTAgent", f"{reports} MQTT"),
        ("nbiot-agent-https", "HTTPSAgent", f"{reports} HTTPS"),
        ("nbiot-gateway", "GatewayAgent", "a gateway of the Alibaba Cloud IoT platform, over MQTT and HTTPS"),
    ):
        (target / f"{name}.8").write_text(agent(name, day, version, module, what))
        (target / f"{name}.conf.5").write_text(configuration(name, day))
    (target / "nbiot_device.3").write_text(library(day))


main()
