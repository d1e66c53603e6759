#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of house.py: what it reads, code without comments and texts without code, and what it says of a graph."""
import re
import unittest

import house
import sources


class Splitting(unittest.TestCase):
    def texts(self, text):
        return [found for _, found in sources.split(text)[1]]

    def test_comments_are_neither_code_nor_text(self):
        code, texts = sources.split('a // "--x" Date()\nb /* "--y" */ c')
        self.assertEqual(code, "a \nb  c")
        self.assertEqual(texts, [])

    def test_a_slash_within_a_text_begins_no_comment(self):
        self.assertEqual(self.texts('let url = "https://x" + "--y"'), ["https://x", "--y"])

    def test_escapes_do_not_end_a_text(self):
        self.assertEqual(self.texts(r'"a\"--b" + c'), ["a --b"])

    def test_code_within_a_text_is_code(self):
        code, texts = sources.split(r'"a \(f("--x", (1)) ) --b"; Date()')
        self.assertIn('f("", (1))', code)
        self.assertIn("Date()", code)
        self.assertEqual(sorted(texts), [(1, "--x"), (1, "a  --b")])

    def test_marks_and_several_lines(self):
        self.assertEqual(self.texts('#"say "--x" now"#'), ['say "--x" now'])
        self.assertEqual(self.texts('a\n"""\n one "--x"\n"""\nb'), ['\n one "--x"\n'])
        self.assertEqual(sources.split('a\nb "--x"')[1], [(2, "--x")])

    def test_empty_texts(self):
        self.assertEqual(self.texts('f("", "--x")'), ["", "--x"])


class Calls(unittest.TestCase):
    def sources_of(self, text):
        code = sources.split(text)[0]
        return [name for name, pattern in house.SOURCES.items() if re.search(pattern, code)]

    def test_calls_are_known(self):
        for text, name in [
            ("let now = Date()", "Date"), ("_ = time(nil)", "time"),
            ("unsafe clock_gettime(CLOCK_REALTIME, &t)", "clock_gettime"),
            ("let clock = ContinuousClock()", "ContinuousClock"),
            ("UInt32.random(in: 0 ... .max)", "random(in:)"), ("RAND_bytes(p, 8)", "RAND_bytes"),
            ("nbiot_random()", "getrandom"), ("MonotonicClock.now()", "MonotonicClock"),
            ("UUID()", "random(in:)"), ("var random = SystemRandom()", "SystemRandom"),
            ("Task.sleep(until: ContinuousClock.now)", "ContinuousClock"),
        ]:
            self.assertEqual(self.sources_of(text), [name], text)

    def test_others_are_not(self):
        for text in [
            "Date(timeIntervalSince1970: x)", "session.time(at: 5)", "let random = keep.random", "// Date()",
            '"Date() and time(nil)"', "import SystemRandom", "identity.random(of: x)".replace(".random(", ".drawn("),
            "CoAPLink<Security, SystemRandom>",
        ]:
            self.assertEqual(self.sources_of(text), [], text)


class Arrows(unittest.TestCase):
    """A house of three rows, with two targets beside each other in the middle."""

    rows = {"Base": 0, "Link": 1, "Other": 1, "Face": 2}
    names = ["bytes", "links", "faces"]

    def faults(self, imported, sideways={}, only={}, outside={}, shares={}):
        everybody = {name: {module: f"{name}/File.swift" for module in imported.get(name, [])} for name in self.rows}
        everybody.update({name: {} for name in imported if name not in self.rows})
        return house.check_arrows(everybody, self.rows, self.names, sideways, only, outside, shares)[1]

    def test_an_arrow_down_is_allowed(self):
        self.assertEqual(self.faults({"Face": ["Link", "Swift"], "Link": ["Base"]}), [])

    def test_an_arrow_up_is_not(self):
        self.assertEqual(self.faults({"Base": ["Link"]}), ["Base/File.swift: Base imports Link, which is above it"])
        self.assertIn("which is above it", self.faults({"Base": ["Link"]}, sideways={("Base", "Link"): "why"})[0])

    def test_an_arrow_sideways_needs_a_reason(self):
        self.assertIn("Link imports Other beside it", self.faults({"Link": ["Other"]})[0])
        self.assertEqual(self.faults({"Link": ["Other"]}, sideways={("Link", "Other"): "why"}), [])

    def test_a_permission_that_nothing_needs_is_a_fault(self):
        self.assertIn("which nothing needs any more", self.faults({}, sideways={("Link", "Other"): "why"})[0])

    def test_modules_from_outside(self):
        self.assertEqual(self.faults({"Link": ["CThing"]}, only={"CThing": {"Link"}}), [])
        self.assertIn("CThing is for Link alone", self.faults({"Face": ["CThing"]}, only={"CThing": {"Link"}})[0])
        self.assertEqual(self.faults({"Face": ["Foundation"]}, outside={"Foundation": 2}), [])
        self.assertIn("is for faces and above", self.faults({"Link": ["Foundation"]}, outside={"Foundation": 2})[0])
        self.assertIn("nothing is known of Thing", self.faults({"Link": ["Thing"]})[0])

    def test_what_may_be_shared(self):
        shares = {"Face": {"Base"}}
        self.assertEqual(self.faults({"Face": ["Base"]}, shares=shares), [])
        self.assertIn("may share Base alone, not Link", self.faults({"Face": ["Link"]}, shares=shares)[0])

    def test_rows_and_folders_belong_together(self):
        self.assertIn("New is in no row", self.faults({"New": []})[0])
        found = house.check_arrows({}, {"Base": 0}, self.names, {}, {}, {}, {})[1]
        self.assertEqual(found, ["rules.txt has Base, which is no folder of Sources"])


class Manifest(unittest.TestCase):
    def target(self, name, kind="regular", *dependencies):
        return {"name": name, "type": kind, "dependencies": [{"byName": [other, None]} for other in dependencies]}

    def test_what_is_declared_is_imported(self):
        targets = [self.target("Face", "regular", "Base", "a-link"), self.target("Base")]
        self.assertEqual(house.undeclared(targets, {"Face": {"Base", "a_link"}, "Base": set()}, {}), [])
        self.assertEqual(house.undeclared(targets, {"Face": {"a_link"}, "Base": set()}, {}),
                         ["Package.swift: Face depends on Base and imports it nowhere"])

    def test_a_test_may_start_programs(self):
        targets = [self.target("Tests", "test", "program", "Base"), self.target("program", "executable")]
        self.assertEqual(len(house.undeclared(targets, {"Tests": set()}, {})), 1)
        self.assertEqual(house.undeclared(targets, {"Tests": set()}, {("Tests", "Base"): "why"}), [])
        self.assertEqual(len(house.undeclared(targets, {"Tests": {"Base"}}, {("Tests", "Base"): "why"})), 1)
        face = [self.target("Face", "regular", "program"), self.target("program", "executable")]
        self.assertEqual(len(house.undeclared(face, {"Face": set()}, {})), 1)

    def test_a_product_has_what_its_api_needs(self):
        library = {"library": ["automatic"]}
        published = {"Face": {"Link", "Glibc"}, "Link": {"Base"}, "Base": set()}
        lacking = house.incomplete([{"name": "Face", "type": library, "targets": ["Face"]}], published)
        self.assertEqual([fault.split("types of ")[1] for fault in lacking], [
            "Base, which the product Face lacks", "Link, which the product Face lacks"])
        whole = {"name": "Face", "type": library, "targets": ["Face", "Link", "Base"]}
        self.assertEqual(house.incomplete([whole], published), [])
        program = {"name": "face", "type": {"executable": None}, "targets": ["Face"]}
        self.assertEqual(house.incomplete([program], published), [])


if __name__ == "__main__":
    unittest.main()
