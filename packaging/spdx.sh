#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Puts the licence's line into each source file that git knows and that has none: spdx.sh. With --check it changes
# nothing, names these files, and fails if there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
text="SPDX-License-Identifier: Apache-2.0"
missing=0
while IFS= read -r -d '' file; do
  # A link is the file that it leads to.
  if [ -L "$file" ] || [ ! -s "$file" ] || head -5 "$file" | grep -q "SPDX-License-Identifier:"; then continue; fi
  case $file in
  *.swift | *.c | *.h | *.js) line="// $text" ;;
  *.css) line="/* $text */" ;;
  *) line="# $text" ;;
  esac
  if [ "${1:-}" = --check ]; then
    echo "$file: no line $text" >&2
    missing=1
    continue
  fi
  # What has to be first stays first.
  case $(head -1 "$file") in
  '#!'* | '// swift-tools-version'*) sed -i "1a\\$line" "$file" ;;
  *) sed -i "1i\\$line" "$file" ;;
  esac
done < <(git ls-files -z -- '*.swift' '*.c' '*.h' '*.py' '*.sh' '*.js' '*.css' Makefile '*/Makefile' .ci/run)
exit $missing
