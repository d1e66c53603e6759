// SPDX-License-Identifier: Apache-2.0
#if !SMALL || GATEWAY
internal import CPOSIX
public import ConstrainedCore

/// A configuration that the platform has offered, in the device's directory: the file, what has come of it, and what is
/// known of it.
///
/// All have mode 0600. Order of calls: `join`, `load`; then `keep` for each change of what is known, and for the file
/// `begin`, writing to its descriptor, `read` to check it, and `accept` or `discard`.
public struct ConfigurationStore: ~Copyable {
  /// How many bytes are kept of what is known at most.
  public static var maxCount: Int { 1_600 }

  private let names: ConfigurationNames
  private var kept = KeptFile()
  /// What has come of the file, while it is open.
  private var part = StoreFile()
  /// A count in two bytes, the bytes, and their checksum.
  private var image = InlineArray<1_608, UInt8>(repeating: 0)

  /// Starts without a directory.
  public init(_ names: ConfigurationNames) { self.names = names }

  /// Keeps the directory open.
  public mutating func join(_ directory: borrowing StateDirectory) { kept.join(directory) }

  /// Reads what is known; empty if there is nothing, and where it is damaged or others can change it.
  @inline(never)
  public mutating func load() -> FixedBytes<1600> {
    var bytes = FixedBytes<1600>()
    kept.file.open(names.state, in: kept.directory, flags: O_RDONLY)
    var found = FoundFile()
    guard kept.file.isOpen, kept.file.look(&found).isGood, found.count == image.count else {
      kept.file.close()
      return bytes
    }
    let missing = kept.read(image.count, into: &image, at: 0)
    kept.file.close()
    let count = Int(image[0]) | Int(image[1]) << 8
    guard missing == 0, count <= Self.maxCount, sum == storedSum else { return bytes }
    bytes.write { (writer: inout ByteWriter) in
      try? writer.append(image.span.extracting(2..<(count + 2)))
    }
    return bytes
  }

  /// Keeps other bytes, of at most `maxCount`, in place of the former ones; durable when it returns.
  @inline(never)
  public mutating func keep(_ bytes: Span<UInt8>) throws(StoreError) {
    precondition(bytes.count <= Self.maxCount, "more bytes than the file has room for")
    image = InlineArray(repeating: 0)
    image[0] = UInt8(truncatingIfNeeded: bytes.count)
    image[1] = UInt8(truncatingIfNeeded: bytes.count &>> 8)
    for index in bytes.indices { image[index + 2] = bytes[index] }
    let sum = sum
    for index in 0..<4 {
      image[1_604 + index] = UInt8(truncatingIfNeeded: sum &>> (8 &* UInt32(index)))
    }
    var result = kept.begin()
    if result.isGood { result = kept.write(image.count, of: &image, at: 0, .writeAnew) }
    result = kept.finish(names.state, after: result)
    if result.isGood { result = kept.syncDirectory() }
    kept.file.close()
    try result.check()
  }

  /// Begins the file anew; the descriptor that its bytes go to, until `accept` or `discard`.
  public mutating func begin() throws(StoreError) -> Int32 {
    kept.directory.remove(names.part)
    part.open(names.part, in: kept.directory, flags: O_RDWR | O_CREAT | O_EXCL)
    try (part.isOpen ? StoreResult.good : StoreResult(.open, code: part.code)).check()
    return part.descriptor
  }

  /// Opens the accepted file, to be read; `false` where there is none that nobody else can change.
  public mutating func open() -> Bool {
    part.open(names.file, in: kept.directory, flags: O_RDONLY)
    var found = FoundFile()
    if part.isOpen, part.look(&found).isGood { return true }
    part.close()
    return false
  }

  /// The descriptor of the file that is open; negative for none.
  public var descriptor: Int32 { part.descriptor }

  /// Reads what stands there in the open file; the count, 0 at its end and -1 where it cannot be read.
  public func read(into room: inout MutableSpan<UInt8>, at offset: Int) -> Int {
    let descriptor = part.descriptor
    while true {
      // SAFETY: reads at most the room.
      let count = unsafe room.withUnsafeMutableBufferPointer {
        unsafe nbiot_pread(descriptor, $0.baseAddress, $0.count, offset)
      }
      if count < 0, nbiot_errno() == EINTR { continue }
      return count
    }
  }

  /// Puts the file that has come in the place of the former one; durable when it returns.
  public mutating func accept() throws(StoreError) {
    var result = part.sync(all: true)
    part.close()
    if result.isGood, !rename() { result = .failed(.rename) }
    if result.isGood { result = kept.syncDirectory() }
    try result.check()
  }

  /// Closes the open file, and removes what has come of a new one.
  public mutating func discard() {
    part.close()
    kept.directory.remove(names.part)
  }

  private func rename() -> Bool {
    let directory = kept.directory.descriptor
    return unsafe renameat(directory, names.part.text, directory, names.file.text) == 0
  }

  /// The checksum of all before it.
  private var sum: UInt32 { unsafe checksum(image.span.bytes.extracting(0..<1_604)) }

  private var storedSum: UInt32 {
    var sum: UInt32 = 0
    for index in 0..<4 { sum |= UInt32(image[1_604 + index]) &<< (8 &* UInt32(index)) }
    return sum
  }
}

/// Which configuration it is.
public enum ConfigurationNames: Sendable {
  /// The product's (device guide 6.12), in the file `configuration`.
  case product
  /// That of a gateway's sub-devices (device guide 6.7), in the file `sub-devices`.
  case subDevices

  /// The name of the file in the device's directory.
  public var fileName: StaticString {
    switch self {
    case .product: "configuration"
    case .subDevices: "sub-devices"
    }
  }

  var file: StoreName { self == .product ? .configuration : .subDevices }
  var part: StoreName { self == .product ? .configurationPart : .subDevicesPart }
  var state: StoreName { self == .product ? .configurationState : .subDevicesState }
}
#endif
