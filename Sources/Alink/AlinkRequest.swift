public import ConstrainedCore
public import PayloadCoding
public import Platform

/// Writes one request of the thing model (device guide 6) or of the firmware's upgrade (guide 4) into
/// bytes that the caller owns, as JSON or as CBOR.
///
/// ```
/// var request = try AlinkRequest<PropertyPost, JSONWriter>(buffer.mutableSpan, id: 123)
/// try request.add("temperature") { (json: inout JSONWriter) throws(CapacityError) in
///   try json.decimal(2_150, fractionDigits: 2)
/// }
/// let count = try request.finish()
/// // {"id":"123","version":"1.0","params":{"temperature":{"value":21.50}},
/// //  "method":"thing.event.property.post"}
/// ```
///
/// What can be added depends on the kind. The guide's limits are checked as members are added, so that
/// a request that the platform would refuse costs no airtime. After a call that throws `capacity`,
/// the output is not complete, and `finish` throws, too; start again.
/// Size: that of the writer, and about 320 bytes.
public struct AlinkRequest<Kind: AlinkKind, Writer: PayloadWriter & ~Copyable & ~Escapable>:
  ~Copyable, ~Escapable
{
  /// The request's number, which its reply repeats.
  public let id: UInt32

  /// Whether a property without a time is written as its value alone, without the object around it: 10
  /// bytes less of JSON, 7 of CBOR.
  ///
  /// Unverified: the guide prints the object; the platform's C SDKs leave it out.
  public var usesPlainValues = false

  /// The gateway that makes the request, which `TopologyAdd` and `SubDeviceRegister` then refuse to add or
  /// register as a sub-device of its own (device guide 6.2 and 6.3, code 6402); `nil` for no such check.
  public var gateway: DeviceIdentity?

  /// Which names devices may have.
  public var deviceNames = DeviceNameRule.current

  var writer: Writer
  /// How many members the parameters have, those of sub-devices among them.
  var count = 0
  /// The event of an event post.
  var event = FixedBytes<64>()
  /// Where a pack post stands.
  var pack = PackPosition()
  /// Whether something was written in part.
  private var isBroken = false

  /// Starts at the beginning of `storage`.
  ///
  /// `id` is to be unique for the device (device guide 6: a number in a string).
  @_lifetime(copy storage)
  public init(_ storage: consuming MutableSpan<UInt8>, id: UInt32) throws(AlinkError) {
    self.id = id
    writer = Writer(storage)
    do throws(CapacityError) { try begin() } catch { throw .capacity }
  }

  /// The identifier of an event post; empty in other requests.
  public var eventIdentifier: FixedBytes<64> { event }

  /// How many bytes have been written.
  public var byteCount: Int { writer.count }

  /// Ends the request and returns its length in bytes; throws once anything had no room, for what was
  /// written of it is there.
  public mutating func finish() throws(AlinkError) -> Int {
    guard !isBroken else { throw .capacity }
    guard count >= Kind.minCount else { throw .empty }
    do throws(CapacityError) {
      try end()
    } catch {
      throw .capacity
    }
    return writer.count
  }

  /// Appends the topic of the finished request from `device`.
  public func writeTopic(
    of device: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    switch Kind.form {
    case .alink:
      try output.append("/sys/")
      try output.append(device.productKey.bytes)
      try output.append(UInt8(ascii: "/"))
      try output.append(device.deviceName.bytes)
      try output.append(UInt8(ascii: "/"))
      // A method's name is its topic with dots.
      try appendMethod(separatedBy: UInt8(ascii: "/"), into: &output)
    case .firmware:
      try output.append("/ota/device/")
      try output.append(Kind.method)
      try output.append(UInt8(ascii: "/"))
      try output.append(device.productKey.bytes)
      try output.append(UInt8(ascii: "/"))
      try output.append(device.deviceName.bytes)
    }
  }

  /// Notes that something was written in part; what it returns is to be thrown.
  mutating func fail() -> AlinkError {
    isBroken = true
    return .capacity
  }

  private mutating func begin() throws(CapacityError) {
    try writer.beginObject()
    try writer.key("id")
    try writer.decimalString(UInt64(widening: id))
    if Kind.form == .alink {
      try writer.key("version")
      try writer.string("1.0")
    }
    try writer.key("params")
    switch Kind.parameters {
    case .object: try writer.beginObject()
    case .array: try writer.beginArray()
    }
    if Kind.self == ConfigurationGet.self {
      // The guide knows this scope and this type only.
      try writer.key("configScope")
      try writer.string("product")
      try writer.key("getType")
      try writer.string("file")
    }
  }

  private mutating func end() throws(CapacityError) {
    try endSections()
    switch Kind.parameters {
    case .object: try writer.endObject()
    case .array: try writer.endArray()
    }
    if Kind.form == .alink {
      try writer.key("method")
      var name = FixedBytes<128>()
      try name.write { (name: inout ByteWriter) throws(CapacityError) in
        try appendMethod(separatedBy: UInt8(ascii: "."), into: &name)
      }
      try writer.string(name.bytes)
    }
    try writer.endObject()
  }

  private func appendMethod(
    separatedBy separator: UInt8,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    let start = output.count
    try output.append(Kind.method)
    if !event.isEmpty {
      // `thing.event` is the beginning of an event's method.
      try output.append(".")
      try output.append(event.bytes)
      try output.append(".post")
    }
    for offset in start..<output.count where output.written[offset] == UInt8(ascii: ".") {
      output.replace(at: offset, with: separator)
    }
  }
}
