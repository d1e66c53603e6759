// SPDX-License-Identifier: Apache-2.0
// Only for `--traits Embedded`: SwiftPM 6.3.1 links a product whose main target names the Embedded
// feature as an Embedded one, whatever the condition, and its ordinary build does not run.

internal import CPOSIX
internal import ProbeDevice

exit(runProbe())
