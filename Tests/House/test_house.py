#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of what house.py reads: code without comments, and texts without code."""
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


if __name__ == "__main__":
    unittest.main()
