// SPDX-License-Identifier: Apache-2.0
// Handshakes and messages over a network that does what it likes, by a seed: for valgrind, which the
// test runner does not bear. `dtls-exercise COUNT` runs so many; `make sanitize` calls it.

internal import FuzzEntries

// A handshake with nothing amiss, a message each way, a sleep, and all of it again.
let calm: [UInt8] =
  [0]
  + (0..<2).flatMap { _ in
    [0, 0] + (0..<6).flatMap { _ in [2, 0, 4, 0, 4, 0] as [UInt8] }
      + [0, 0, 2, 0, 13, 0, 4, 0, 12, 255]
  }
var random: UInt64 = 2_026
let count = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1

fuzzHandshake(calm.span)
for _ in 0..<count {
  let script = (0..<400).map { _ in
    // Marsaglia's xorshift.
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    return UInt8(truncatingIfNeeded: random >> 32)
  }
  let input = calm.prefix(Int(random % UInt64(calm.count))) + script
  fuzzHandshake(input.span)
}
print("\(count) scripts")
