#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints which target imports which, row by row, from the import lines of Sources, and fails on any arrow that
rules.txt beside this file does not allow; so it does on a call of a clock or of a random generator in another place
than those that it allows, on an option of the command line in a text of a library, and where Package.swift declares
what nothing imports or leaves a module out of a product that its API needs."""
import json
import os
import re
import subprocess
import sys

import sources

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(os.path.dirname(here))
IMPORT = re.compile(r"^\s*(?:@\w+ )?(?:(?:public|package|internal|private) )?import (?:\w+ )?(\w+)", re.M)
PUBLIC_IMPORT = re.compile(r"^\s*(?:@\w+ )?public import (?:\w+ )?(\w+)", re.M)


# What asks a clock or a random generator, and the calls that stand for it: those of the system and of libraries, and
# then our own three, which alone the rest of the house may use.
SOURCES = {
    "clock_gettime": r"\bclock_gettime\b|\bclock_getres\b",
    "gettimeofday": r"\bgettimeofday\b",
    "time": r"(?<![.\w])(?:Glibc\.|Foundation\.)?time\(\s*(?:nil|NULL|0|&)",
    "adjtimex": r"\badjtimex\b",
    "timerfd": r"\btimerfd_create\b",
    "Date": r"\bDate\(\s*\)|\bDate\.now\b|\btimeIntervalSinceNow\b|\bCFAbsoluteTimeGetCurrent\b",
    "ContinuousClock": r"\bContinuousClock\b|\bSuspendingClock\b",
    "NIODeadline": r"\bNIODeadline\.now\b",
    "DispatchTime": r"\bDispatch(?:Wall)?Time\.now\b|\bsystemUptime\b",
    "getrandom": r"\bgetrandom\b|\bgetentropy\b|\bnbiot_random\b|/dev/u?random",
    "RAND_bytes": r"\bRAND_(?:priv_)?bytes\b",
    "SystemRandomNumberGenerator": r"\bSystemRandomNumberGenerator\b|\barc4random\w*",
    "random(in:)": r"\.random\(|\brandomElement\b|\.shuffled?\(|\bUUID\(\s*\)|(?<![.\w])s?rand(?:om)?\(\s*\)",
    "MonotonicClock": r"\bMonotonicClock\.\w",
    "WallClock": r"\bWallClock\.\w",
    "SystemRandom": r"\bSystemRandom\(",
}


def read_rules():
    rows, names, sideways, only, outside, shares, asks, texts, built = {}, [], {}, {}, {}, {}, {}, {}, {}
    for number, line in enumerate(open(os.path.join(here, "rules.txt")), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        kind = words[0]
        if kind == "row":
            names.append(words[1])
            for target in words[2:]:
                rows[target] = len(names) - 1
        elif kind == "sideways" and words[2] == "->" and len(words) > 4:
            sideways[words[1], words[3]] = " ".join(words[4:])
        elif kind == "only":
            only[words[1]] = set(words[2:])
        elif kind == "from" and words[1] in names:
            for module in words[2:]:
                outside[module] = names.index(words[1])
        elif kind == "shares":
            shares[words[1]] = set(words[2:])
        elif kind == "asks" and words[1] in SOURCES and len(words) > 3:
            asks[words[1], words[2]] = " ".join(words[3:])
        elif kind == "text" and len(words) > 3:
            texts[words[1], words[2]] = " ".join(words[3:])
        elif kind == "built" and words[2] == "for" and len(words) > 4:
            built[words[3], words[1]] = " ".join(words[4:])
        else:
            sys.exit(f"rules.txt:{number}: cannot be read: {line.strip()}")
    return rows, names, sideways, only, outside, shares, asks, texts, built


def imports(folder, pattern=IMPORT):
    """The modules that a folder imports, each with a file that does."""
    found = {}
    # A folder that two targets have is a link in one of them.
    for path, _, files in os.walk(folder, followlinks=True):
        for name in sorted(files):
            if name.endswith(".swift"):
                file = os.path.join(path, name)
                for module in pattern.findall(open(file, encoding="utf-8").read()):
                    found.setdefault(module, os.path.relpath(file, root))
    return found


def askers(rows, names, asks):
    """Faults of the calls that ask a clock or a random generator, and how many such calls there are."""
    faults, used, count = [], set(), 0
    for name, file, code, _ in sources.walk(root):
        for source, pattern in SOURCES.items():
            calls = len(re.findall(pattern, code))
            if not calls:
                continue
            count += calls
            row = rows.get(name)
            places = [name] + [n for n in names if row is not None and row >= names.index(n)]
            allowed = [place for place in places if (source, place) in asks]
            used.update((source, place) for place in allowed[:1])
            if not allowed:
                faults.append(f"{file}: {name} may not ask {source}: take time or random numbers as arguments, or give "
                              "the reason in rules.txt")
    for source, place in asks:
        if (source, place) not in used:
            faults.append(f"rules.txt lets {place} ask {source}, which it does not")
    return faults, count


def options(rows, names, texts):
    """Faults of the libraries' texts: the names of options are for programs."""
    faults, used = [], set()
    for name, file, _, literals in sources.walk(root):
        if rows.get(name) == names.index("programs"):
            continue
        for line, text in literals:
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", text):
                used.add((option, name))
                if (option, name) not in texts:
                    faults.append(f"{file}:{line}: a text names {option}, and what to type is for nbiot to say")
    for place in texts:
        if place not in used:
            faults.append(f"rules.txt lets {place[1]} say {place[0]}, which it does not")
    return faults


def check_arrows(imported, rows, names, sideways, only, outside, shares):
    """What each target imports of the house, and the faults in it.

    `imported` has the modules of each folder of Sources, each with a file that imports it.
    """
    # A module's name has no hyphens.
    targets = {name.replace("-", "_"): name for name in imported}
    faults, arrows = [], {}
    for name in sorted(imported):
        if name not in rows:
            faults.append(f"{name} is in no row of Tests/House/rules.txt")
            continue
        arrows[name] = []
        for module, file in sorted(imported[name].items()):
            other = targets.get(module)
            if other in rows:
                arrows[name].append(other)
                if rows[other] > rows[name]:
                    faults.append(f"{file}: {name} imports {other}, which is above it")
                elif rows[other] == rows[name] and (name, other) not in sideways:
                    faults.append(
                        f"{file}: {name} imports {other} beside it: give the reason in rules.txt, or go another way")
                if name in shares and other not in shares[name]:
                    faults.append(f"{file}: {name} may share {', '.join(sorted(shares[name]))} alone, not {other}")
            elif module in only:
                arrows[name].append(module)
                if name not in only[module]:
                    faults.append(f"{file}: {module} is for {', '.join(sorted(only[module]))} alone")
            elif module in outside:
                if rows[name] < outside[module]:
                    faults.append(f"{file}: {module} is for {names[outside[module]]} and above")
            elif module != "Swift":
                faults.append(f"{file}: nothing is known of {module}: say in rules.txt who may import it")
    for name, other in sideways:
        if other not in arrows.get(name, []):
            faults.append(f"rules.txt allows {name} -> {other}, which nothing needs any more")
    for name in rows:
        if name not in arrows:
            faults.append(f"rules.txt has {name}, which is no folder of Sources")
    return arrows, faults


def undeclared(targets, imported, built):
    """What Package.swift declares for a target that does not import it; the compiler finds the reverse.

    A program is declared by tests that start it. `imported` has the modules of each target.
    """
    programs = {target["name"] for target in targets if target["type"] == "executable"}
    faults, used = [], set()
    for target in targets:
        name = target["name"]
        for dependency in target["dependencies"]:
            other = (dependency.get("byName") or [None])[0]
            if not other or name not in imported or other.replace("-", "_") in imported[name]:
                continue
            if (name, other) in built:
                used.add((name, other))
            elif not (target["type"] == "test" and other in programs):
                faults.append(f"Package.swift: {name} depends on {other} and imports it nowhere")
    for name, other in built:
        if (name, other) not in used:
            faults.append(f"rules.txt has {other} built for {name}, which imports it or does not declare it")
    return faults


def incomplete(products, published):
    """The modules whose types the API of a library has, and which do not come with it.

    `published` has what each target imports publicly.
    """
    faults = []
    for product in products:
        if product["type"] != {"library": ["automatic"]}:
            continue
        found, left = {}, list(product["targets"])
        while left:
            name = left.pop()
            for module in published.get(name, ()):
                if module in published and module not in product["targets"] and module not in found:
                    found[module] = name
                    left.append(module)
        faults += [f"Package.swift: the API of {found[module]} has types of {module}, "
                   f"which the product {product['name']} lacks" for module in sorted(found)]
    return faults


def folder_of(target):
    """Where a target's sources are."""
    if target.get("path"):
        return os.path.join(root, target["path"])
    parent = "Tests" if target["type"] == "test" else "Sources"
    return os.path.join(root, parent, target["name"])


def main():
    rows, names, sideways, only, outside, shares, asks, texts, built = read_rules()
    folders = os.path.join(root, "Sources")
    imported = {name: imports(os.path.join(folders, name)) for name in os.listdir(folders)
                if not os.path.exists(os.path.join(folders, name, "module.modulemap"))}
    arrows, faults = check_arrows(imported, rows, names, sideways, only, outside, shares)
    package = json.loads(subprocess.run(["swift", "package", "--package-path", root, "dump-package"],
                                        check=True, capture_output=True, text=True).stdout)
    targets = [target for target in package["targets"] if target["type"] != "system"]
    faults += undeclared(targets, {target["name"]: imports(folder_of(target)) for target in targets}, built)
    faults += incomplete(package["products"], {
        target["name"]: imports(folder_of(target), PUBLIC_IMPORT) for target in targets})
    unasked, calls = askers(rows, names, asks)
    faults += unasked + options(rows, names, texts)
    width = max(map(len, rows))
    for row in reversed(range(len(names))):
        print(f"{names[row]}:")
        for name in sorted(n for n in arrows if rows[n] == row):
            marked = [o + "*" if (name, o) in sideways else o for o in arrows[name]]
            print(f"  {name:{width}}  {' '.join(sorted(marked)) or '-'}")
    print("* sideways, with a reason in Tests/House/rules.txt")
    for fault in faults:
        print("house: " + fault, file=sys.stderr)
    print(f"{len(arrows)} targets, {sum(map(len, arrows.values()))} arrows, "
          f"{calls} calls of clocks and random generators, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
