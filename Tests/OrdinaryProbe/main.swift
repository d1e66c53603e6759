// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ProbeDevice

// By default plain reports, with an argument over DTLS or with 20 properties each.
switch CommandLine.arguments.dropFirst().first {
case nil: exit(runProbe())
case "things": exit(runThingsProbe())
default: exit(runSecureProbe())
}
