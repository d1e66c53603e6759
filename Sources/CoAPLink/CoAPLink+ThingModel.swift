// SPDX-License-Identifier: Apache-2.0
public import Alink
public import CoAPMessage
public import ConstrainedCore
public import PayloadCoding
public import Platform
internal import PlatformCoAP
internal import SecurityLayer

extension CoAPLink where Security: ~Copyable {
  /// Sends a request of the thing model, authenticating first where needed; an event says how it ended,
  /// and `answer` then holds the platform's reply, if it gave one: see `AlinkMessageView`.
  ///
  /// ```
  /// try session.request(PropertyPost.self, as: JSONWriter.self, at: now) { post throws(AlinkError) in
  ///   try post.add("temperature") { (json: inout JSONWriter) throws(CapacityError) in
  ///     try json.decimal(2_150, fractionDigits: 2)
  ///   }
  /// }
  /// ```
  ///
  /// `check` sees the payload before it is sent, and is the place for a `ThingModelView`.
  public mutating func request<Kind: AlinkKind, Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ kind: Kind.Type,
    as writer: Writer.Type,
    at now: Instant,
    checkedBy check: (Span<UInt8>) throws(ThingModelError) -> Void = { _ in },
    _ build: (inout AlinkRequest<Kind, Writer>) throws(AlinkError) -> Void
  ) throws(DeviceError) -> ReportID {
    guard report.phase == .none else { throw .busy }
    let topic: Topic
    do throws(AlinkError) {
      topic = try Self.write(nextRequestID, identity, into: &report.payload, build)
    } catch {
      throw .request(error)
    }
    do throws(ThingModelError) {
      try check(report.payload.bytes)
    } catch {
      throw .thingModel(error)
    }
    _ = takeRequestID()
    let format = ContentFormat(rawValue: Writer.contentFormat)
    return begin(
      topic: topic,
      format: format,
      accept: settings.accept == nil ? nil : format,
      at: now
    )
  }

  /// Takes the id of the next request of the thing model, for one that its owner writes and hands to `publish`.
  ///
  /// A device has this counter alone, so that no two of its requests have the same id.
  public mutating func takeRequestID() -> UInt32 {
    defer { nextRequestID &+= 1 }
    return nextRequestID
  }

  /// Asks for up to `maxMessages` messages, 1 to 10, that wait for the device; `answer` then holds what
  /// the platform gave.
  ///
  /// Unverified: neither `/pull` nor the shape of its answer is in the device guide; the platform's C SDK
  /// v4 sends it so. `DeviceSettings.allowsPull` must be set.
  public mutating func pull(
    maxMessages: Int = 10,
    at now: Instant
  ) throws(DeviceError) -> ReportID {
    precondition(maxMessages >= 1 && maxMessages <= 10, "the platform gives 1 to 10 at once")
    guard settings.allowsPull else { throw .pullNotAllowed }
    guard report.phase == .none else { throw .busy }
    do throws(CapacityError) {
      try Self.writePull(maxMessages, into: &report.payload)
    } catch {
      preconditionFailure("20 bytes fit in 1,024")
    }
    return begin(topic: Topic(), format: .json, accept: settings.accept, at: now)
  }

  /// The overhead of a report to `topic` around its payload, for a `PropertyBatch`.
  ///
  /// Before the first `/auth` it assumes a token of 35 characters, as in the guide; over DTLS it
  /// includes the 29 bytes of a record with CCM_8 or ChaCha20-Poly1305.
  public func overhead(of topic: Topic, accept: ContentFormat? = .json) -> MessageOverhead {
    // Version, type, code and message ID; the marker before the payload; IPv4 and UDP.
    var bytes = 4 + 1 + 28
    bytes += security.wrapsDatagrams ? 29 : 4
    // Each option has a head of one byte, and a second one for a value of 13 bytes or more.
    bytes += 1 + 5
    var start = 1
    for offset in 1...topic.bytes.count {
      guard offset == topic.bytes.count || topic.bytes.bytes[offset] == UInt8(ascii: "/") else {
        continue
      }
      let length = offset - start
      bytes += length + (length < 13 ? 1 : 2)
      start = offset + 1
    }
    bytes += 2 + (accept == nil ? 0 : 2)
    let tokenLength = token.isEmpty ? 35 : token.count
    bytes += tokenLength + (settings.tokenOption == .current ? 3 : 2) + (tokenLength < 13 ? 0 : 1)
    if security.usesSequence { bytes += 16 + 2 }
    return MessageOverhead(bytes: bytes, cipherBlock: security.usesSequence ? 16 : 1)
  }

  // Static, because for closures over `self` an ordinary build would have to look up its type.

  private static func write<
    Kind: AlinkKind,
    Writer: PayloadWriter & ~Copyable & ~Escapable
  >(
    _ id: UInt32,
    _ device: borrowing @_addressable DeviceIdentity,
    into payload: inout FixedBytes<1_024>,
    _ build: (inout AlinkRequest<Kind, Writer>) throws(AlinkError) -> Void
  ) throws(AlinkError) -> Topic {
    var topic = Topic()
    try payload.fill { (storage: consuming MutableSpan<UInt8>) throws(AlinkError) -> Int in
      try AlinkRequest<Kind, Writer>.write(
        id: id,
        of: device,
        into: storage,
        topic: &topic,
        build
      )
    }
    return topic
  }

  private static func writePull(
    _ count: Int,
    into payload: inout FixedBytes<1_024>
  ) throws(CapacityError) {
    try payload.fill { (storage: consuming MutableSpan<UInt8>) throws(CapacityError) -> Int in
      var json = JSONWriter(storage)
      try json.beginObject()
      try json.key("pageSize")
      if count == 10 {
        try json.string("10")
      } else {
        var digit = FixedBytes<1>()
        try digit.write { (writer: inout ByteWriter) throws(CapacityError) in
          try writer.append(UInt8(truncatingIfNeeded: 0x30 + count))
        }
        try json.string(digit.bytes)
      }
      try json.endObject()
      return json.count
    }
  }
}
