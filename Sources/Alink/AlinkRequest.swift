// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding
public import Platform

/// Writes one request of the thing model (device guide 6) or of a firmware upgrade (guide 4) into
/// bytes that the caller owns, as JSON or CBOR.
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
/// the output is not complete, and `finish` throws as well; start again.
/// Size: that of the writer, and about 320 bytes.
public struct AlinkRequest<Kind: AlinkKind, Writer: PayloadWriter & ~Copyable & ~Escapable>:
  ~Copyable, ~Escapable
{
  /// The request's number, which the reply repeats.
  public let id: UInt32

  /// Whether a property without a time is written as a plain value, without the object around it:
  /// 10 bytes less in JSON, 7 in CBOR.
  ///
  /// Unverified: the guide prints the object; the platform's C SDKs leave it out.
  public var usesPlainValues = false

  /// The gateway that sends the request.
  ///
  /// `TopologyAdd` and `SubDeviceRegister` refuse it as its own sub-device (device guide 6.2 and
  /// 6.3, code 6402); `nil` skips the check.
  public var gateway: DeviceIdentity?

  /// The rule for device names.
  public var deviceNames = DeviceNameRule.current

  var writer: Writer
  /// The number of members in the parameters, including those of sub-devices.
  var count = 0
  /// The identifier of an event post.
  var event = FixedBytes<64>()
  /// The position in a pack post.
  var pack = PackPosition()
  /// Whether a member was written incompletely.
  private var isBroken = false

  /// Starts at the beginning of `storage`.
  ///
  /// `id` must be unique for the device (device guide 6: a number in a string).
  @_lifetime(copy storage)
  public init(_ storage: consuming MutableSpan<UInt8>, id: UInt32) throws(AlinkError) {
    self.id = id
    writer = Writer(storage)
    do throws(CapacityError) { try begin() } catch { throw .capacity }
  }

  /// The identifier of an event post; empty in other requests.
  public var eventIdentifier: FixedBytes<64> { event }

  /// The number of bytes written.
  public var byteCount: Int { writer.count }

  /// Ends the request and returns its length in bytes; throws if any member did not fit, because a
  /// part of it has been written.
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
    try writeRequestTopic(Kind.form, Kind.method, event.bytes, of: device, into: &output)
  }

  /// Records an incomplete write; the caller throws the returned error.
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
      // The guide defines only this scope and this type.
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
        try writeMethod(Kind.method, event.bytes, separatedBy: UInt8(ascii: "."), into: &name)
      }
      try writer.string(name.bytes)
    }
    try writer.endObject()
  }
}

// Not members of the request, which has its code once for each kind.

@inline(never)
private func writeRequestTopic(
  _ form: AlinkForm,
  _ method: StaticString,
  _ event: Span<UInt8>,
  of device: DeviceIdentity,
  into output: inout ByteWriter
) throws(CapacityError) {
  try output.append(form == .alink ? "/sys/" : "/ota/device/")
  if form == .firmware {
    try output.append(method)
    try output.append(UInt8(ascii: "/"))
  }
  try output.append(device.productKey.bytes)
  try output.append(UInt8(ascii: "/"))
  try output.append(device.deviceName.bytes)
  guard form == .alink else { return }
  try output.append(UInt8(ascii: "/"))
  // A method's name is its topic with dots.
  try writeMethod(method, event, separatedBy: UInt8(ascii: "/"), into: &output)
}

@inline(never)
private func writeMethod(
  _ method: StaticString,
  _ event: Span<UInt8>,
  separatedBy separator: UInt8,
  into output: inout ByteWriter
) throws(CapacityError) {
  let start = output.count
  try output.append(method)
  if !event.isEmpty {
    // `thing.event` is the prefix of an event's method.
    try output.append(".")
    try output.append(event)
    try output.append(".post")
  }
  for offset in start..<output.count where output.written[offset] == UInt8(ascii: ".") {
    output.replace(at: offset, with: separator)
  }
}
