#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# failures.sh FILE: the tests that failed and why, from the report that swift test --xunit-output writes;
# so that they stand at the end of a long run's output. Its lines above name the place in the source.
set -euo pipefail
[ -r "$1" ] || { echo "the tests did not run to their end" >&2; exit 1; }
awk '
  /<testcase / { test = $0 }
  /<failure / {
    if (test != "") { print test; test = "" }
    print
  }
' "$1" | sed -E '
  s/^ *<testcase classname="([^"]*)" name="([^"]*)".*/failed: \1: \2/
  s/^ *<failure message="([^"]*)".*/    \1/
  s/&#8594;/→/g; s/&quot;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g
'
