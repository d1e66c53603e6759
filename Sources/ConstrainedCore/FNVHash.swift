// SPDX-License-Identifier: Apache-2.0
/// A short number for bytes that are to be told apart or found again: FNV-1a with 64 bits, by Fowler, Noll and Vo.
///
/// Not against an attacker, who can choose bytes with the same number. Memory: 8 bytes.
package struct FNVHash {
  /// The number of all bytes added so far.
  package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  /// Starts without bytes.
  package init() {}

  /// Adds a byte.
  package mutating func add(_ byte: UInt8) {
    value = (value ^ UInt64(widening: byte)) &* 0x100_0000_01B3
  }

  /// Adds bytes in their order.
  package mutating func add(_ bytes: Span<UInt8>) {
    for index in bytes.indices { add(bytes[index]) }
  }

  /// The number of some bytes.
  package static func of(_ bytes: Span<UInt8>) -> UInt64 {
    var hash = FNVHash()
    hash.add(bytes)
    return hash.value
  }
}
