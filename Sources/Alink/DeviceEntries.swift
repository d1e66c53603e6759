public import ConstrainedCore
public import PayloadCoding

/// Reads a list of devices: the answers to `TopologyGet` and `SubDeviceRegister`, and the parameters of
/// `thing.topo.add.notify` (device guide 6.2 and 6.3).
public struct DeviceEntries<Reader: PayloadReader & ~Escapable>: ~Escapable {
  private var reader: Reader
  private var hasBegun = false
  private var isOver = false

  /// Reads from `data` or `params` of the message.
  @_lifetime(copy list)
  public init(_ list: Reader) {
    reader = list
  }

  /// The next device; `nil` after the last one.
  public mutating func next() throws(AlinkMessageError) -> DeviceEntry? {
    if !hasBegun {
      guard try reader.next() == .beginArray else { throw .member }
      hasBegun = true
    }
    guard !isOver else { return nil }
    switch try reader.next() {
    case .beginObject: break
    case .endArray:
      isOver = true
      return nil
    default: throw .member
    }
    var entry = DeviceEntry()
    while case .key(let name)? = try reader.next() {
      guard let token = try reader.next() else { throw .malformed }
      if reader.text(name, equals: "productKey") {
        entry.productKey = try reader.fixed(token)
      } else if reader.text(name, equals: "deviceName") {
        entry.deviceName = try reader.fixed(token)
      } else if reader.text(name, equals: "deviceSecret") {
        entry.deviceSecret = try reader.fixed(token)
      } else {
        try reader.pass(token)
      }
    }
    guard !entry.productKey.isEmpty, !entry.deviceName.isEmpty else { throw .member }
    return entry
  }
}

/// A device in a list.
public struct DeviceEntry: Sendable {
  /// Its product's key.
  public internal(set) var productKey = FixedBytes<64>()
  /// Its name.
  public internal(set) var deviceName = FixedBytes<32>()
  /// Its secret, in the answer to `SubDeviceRegister`; else empty.
  public internal(set) var deviceSecret = FixedBytes<128>()
}
