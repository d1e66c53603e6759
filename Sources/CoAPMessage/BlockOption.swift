// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// How large the blocks of a transfer are, 16 to 1,024 bytes (RFC 7959 Section 2.2, SZX).
@frozen
public struct BlockSize: Comparable, Hashable, Sendable {
  /// SZX, 0 to 6: the size is 2 to the SZX + 4.
  public let exponent: UInt8

  init(exponent: UInt8) {
    self.exponent = exponent
  }

  /// The largest size that is at most `bytes`; 16 bytes if `bytes` is less than that.
  public init(atMost bytes: Int) {
    var exponent: UInt8 = 0
    // conformance: 7959-2.2-a
    while exponent < 6, 32 << Int(exponent) <= bytes { exponent += 1 }
    self.exponent = exponent
  }

  /// 1,024 bytes, the largest.
  public static let largest = BlockSize(exponent: 6)

  /// The size in bytes.
  public var bytes: Int { 16 << Int(exponent) }

  /// Whether `left` is the smaller one.
  public static func < (left: BlockSize, right: BlockSize) -> Bool {
    left.exponent < right.exponent
  }
}

/// The value of Block1 or Block2: the block's number and size, and whether more follow (RFC 7959
/// Section 2.2).
///
/// ```
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3
/// |          block number, 4 to 20 bits   |M| SZX |
/// ```
@frozen
public struct BlockOption: Hashable, Sendable {
  /// The block's position in the body, counted from 0, at most 1,048,575.
  public let number: UInt32

  /// M: whether more blocks follow.
  public let isMore: Bool

  /// The size of every block but the last, which may be shorter.
  public let size: BlockSize

  /// The block of that size that starts at byte `offset`; `nil` when a body cannot be that long.
  ///
  /// `offset` must be a multiple of the size.
  public init?(offset: Int, isMore: Bool, size: BlockSize) {
    precondition(
      offset >= 0 && offset % size.bytes == 0,
      "a block starts at a multiple of its size"
    )
    let number = offset / size.bytes
    guard number <= 0xF_FFFF else { return nil }
    self.number = UInt32(truncatingIfNeeded: number)
    self.isMore = isMore
    self.size = size
  }

  /// Decodes the option's value; `nil` for the reserved SZX 7 and for values longer than 3 bytes.
  public init?(value: UInt32) {
    // conformance: 7959-2.2-b
    guard value <= 0xFF_FFFF, value & 0x7 != 7 else { return nil }
    number = value >> 4
    isMore = value & 0x8 != 0
    size = BlockSize(exponent: UInt8(truncatingIfNeeded: value & 0x7))
  }

  /// The option's value, a number of at most 3 bytes.
  public var value: UInt32 {
    number << 4 | (isMore ? 0x8 : 0) | UInt32(size.exponent)
  }

  /// The offset of the block in the body, in bytes.
  public var offset: Int { Int(number) * size.bytes }
}

extension MessageView {
  /// The value of a block option; `nil` if the option is absent or its value invalid.
  public func block(_ number: OptionNumber) -> BlockOption? {
    guard let value = uint(number) else { return nil }
    return BlockOption(value: value)
  }
}
