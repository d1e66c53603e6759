// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
public import ConstrainedCore

/// What a device keeps of a firmware upgrade over restarts, in the file `firmware` of its directory; what the bytes
/// say is their writer's affair.
///
/// The file is replaced as a whole, and durable when `keep` returns. A damaged one, and one that others can change,
/// counts as none. Order of calls: `join`, `load`, then `keep` for each change.
public struct FirmwareStore: ~Copyable {
  /// How many bytes it keeps at most.
  public static var maxCount: Int { 192 }

  private var kept = KeptFile()
  /// A count, the bytes, and their checksum.
  private var image = InlineArray<200, UInt8>(repeating: 0)

  /// Starts without a directory.
  public init() {}

  /// Keeps the directory open.
  public mutating func join(_ directory: borrowing StateDirectory) { kept.join(directory) }

  /// Reads what was kept; empty if there is nothing.
  @inline(never)
  public mutating func load() -> FixedBytes<192> {
    var bytes = FixedBytes<192>()
    kept.file.open(.firmware, in: kept.directory, flags: O_RDONLY)
    var found = FoundFile()
    guard kept.file.isOpen, kept.file.look(&found).isGood, found.count == image.count else {
      kept.file.close()
      return bytes
    }
    let missing = kept.read(image.count, into: &image, at: 0)
    kept.file.close()
    let count = Int(image[0])
    guard missing == 0, count <= Self.maxCount, sum == storedSum else { return bytes }
    bytes.write { (writer: inout ByteWriter) in
      try? writer.append(image.span.extracting(1..<(count &+ 1)))
    }
    return bytes
  }

  /// Keeps other bytes, of at most `maxCount`, in place of the former ones.
  @inline(never)
  public mutating func keep(_ bytes: Span<UInt8>) throws(StoreError) {
    precondition(bytes.count <= Self.maxCount, "more bytes than the file has room for")
    image = InlineArray(repeating: 0)
    image[0] = UInt8(truncatingIfNeeded: bytes.count)
    for index in bytes.indices { image[index &+ 1] = bytes[index] }
    let sum = sum
    for index in 0..<4 {
      image[196 &+ index] = UInt8(truncatingIfNeeded: sum &>> (8 &* UInt32(index)))
    }
    var result = kept.begin()
    if result.isGood { result = kept.write(image.count, of: &image, at: 0, .writeAnew) }
    result = kept.finish(.firmware, after: result)
    if result.isGood { result = kept.syncDirectory() }
    kept.file.close()
    try result.check()
  }

  /// The checksum of all before it.
  private var sum: UInt32 { unsafe checksum(image.span.bytes.extracting(0..<196)) }

  private var storedSum: UInt32 {
    var sum: UInt32 = 0
    for index in 0..<4 { sum |= UInt32(image[196 &+ index]) &<< (8 &* UInt32(index)) }
    return sum
  }
}
