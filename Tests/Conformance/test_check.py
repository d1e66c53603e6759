# SPDX-License-Identifier: Apache-2.0
"""What check.py refuses, on a page, a source and a test of a line or two each."""

import pathlib
import tempfile
import unittest

import check

PAGE = """# RFC 7252

## 4.2 Messages Transmitted Reliably

> A MUST be
> B.

- code: `7252-4.2-a`
- test: `Suite/it is so`

> C SHOULD be D.

- deviation: it costs
  too much.
"""
SOURCE = "// conformance: 7252-4.2-a\nlet a = b\n"
TESTS = "struct Suite {\n  @Test func `it is so`() {}\n}\n"


class CheckTests(unittest.TestCase):
    def errors(self, page=PAGE, source=SOURCE, tests=TESTS, name="rfc7252.md"):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for place, text in [
                (f"docs/conformance/{name}", page), ("Sources/A/A.swift", source), ("Tests/A/T.swift", tests),
            ]:
                path = root / place
                path.parent.mkdir(parents=True)
                path.write_text(text)
            found = []
            self.rows, self.deviations = check.check(root, found.append)
            return "\n".join(found)

    def test_a_good_page(self):
        self.assertEqual(self.errors(), "")
        self.assertEqual(self.rows, [("7252", 2, 1, 0, 1)])
        self.assertEqual(self.deviations, ["RFC 7252 4.2: C SHOULD be D."])

    def test_a_misspelt_tag_on_the_page(self):
        self.assertIn("rfc7252.md:5: no line of Sources has the tag 7252-4.2-x", self.errors(PAGE.replace("-a`", "-x`")))

    def test_a_misspelt_tag_in_the_sources(self):
        errors = self.errors(source=SOURCE.replace("4.2-a", "4.2a"))
        self.assertIn("A.swift:1: 7252-4.2a is not a tag", errors)

    def test_a_tag_that_no_page_names(self):
        errors = self.errors(source=SOURCE + "// conformance: 7252-4.2-b\n")
        self.assertEqual(errors, "Sources/A/A.swift:3: no page names the tag 7252-4.2-b")

    def test_a_tag_in_two_places(self):
        self.assertIn("stands already at Sources/A/A.swift:1", self.errors(source=SOURCE + SOURCE))

    def test_a_test_that_does_not_exist(self):
        self.assertIn("no test Suite/it is so", self.errors(tests=TESTS.replace("it is", "it was")))
        self.assertIn("no test Suite/it is so", self.errors(tests=TESTS.replace("Suite", "Other")))

    def test_a_sentence_on_a_line_of_its_own(self):
        tests = "struct Suite {\n  @Test(arguments: [1])\n  func `it is so`(\n    _ number: Int\n  ) {}\n}\n"
        self.assertEqual(self.errors(tests=tests), "")

    def test_code_without_a_test(self):
        self.assertIn("neither code and test", self.errors(PAGE.replace("- test: `Suite/it is so`\n", "")))

    def test_obeyed_and_excepted(self):
        self.assertIn("both obeyed and excepted", self.errors(PAGE.replace("- test", "- exempt: no.\n- test")))

    def test_a_reason_that_says_nothing(self):
        self.assertIn("says nothing", self.errors(PAGE.replace("it costs\n  too much.", "")))

    def test_a_quotation_that_demands_nothing(self):
        self.assertIn("demands nothing", self.errors(PAGE.replace("SHOULD", "may")))

    def test_a_sentence_twice(self):
        self.assertIn("already", self.errors(PAGE + "\n> C SHOULD be D.\n\n- exempt: no.\n"))

    def test_no_page(self):
        self.assertIn("docs/conformance has no page", self.errors(name="README.md"))


if __name__ == "__main__":
    unittest.main()
