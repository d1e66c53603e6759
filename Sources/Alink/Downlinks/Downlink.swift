// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding

/// A message of the platform that was checked and is handed over.
///
/// Ranges are places in the message's bytes, which stay the caller's, and hold in a copy of them as well.
public struct Downlink: Sendable {
  /// What it is.
  public let kind: DownlinkKind
  /// What `DownlinkDispatcher.answer` wants to be told; 0 where no answer is due.
  public internal(set) var number: UInt32 = 0
  /// The platform's number of it, in digits; empty where it has none.
  public internal(set) var id = FixedBytes<32>()
  /// The service's identifier; empty in what calls no service.
  public internal(set) var service = FixedBytes<64>()
  /// What a synchronous call asks for, `service`, `propertySet` or `propertyGet`; `nil` where it is bytes of the
  /// application's own.
  public internal(set) var call: DownlinkKind?
  /// Where `params` lie, or `data` of a file that is offered; all of the message where it is bytes, and nothing
  /// where it has none of these.
  public internal(set) var contents: Range<Int>
  /// The code of a sub-device's error.
  public internal(set) var code: AlinkCode?
  /// Until when it is to be answered; `nil` where no answer is due.
  public internal(set) var deadline: Instant?
  /// Whether it is for a gateway's sub-device.
  public internal(set) var isOfSubDevice = false

  init(_ kind: DownlinkKind, of count: Int) {
    self.kind = kind
    contents = 0..<count
  }

  /// What it asks for: a synchronous call's request, else its kind.
  public var request: DownlinkKind { call ?? kind }

  /// Whether its answer is bytes and not an object with a code.
  public var isBytes: Bool {
    switch kind {
    case .customCall, .rawDown: true
    case .synchronousCall: call == nil
    default: false
    }
  }

  /// Reads `contents`: of `PropertyNames`, `DeviceEntries`, `FileOffer` and `DesiredValues` the one that fits the
  /// kind begins there.
  @_lifetime(copy message)
  public func reader(_ message: Span<UInt8>) -> JSONReader {
    JSONReader(received: message.extracting(contents))
  }
}

/// What the dispatcher says to a message of the platform.
public enum DownlinkVerdict: Sendable {
  /// Hand it over; it is answered by `DownlinkDispatcher.answer` with its number.
  case request(Downlink)
  /// Hand it over; nobody answers it: it has no answer or that one, which is to be sent now.
  case notice(Downlink, DownlinkAnswer?)
  /// Send that answer; the message goes to nobody.
  case refused(DownlinkAnswer, DownlinkFault)
  /// Nothing is sent, and the message goes to nobody.
  case dropped(DownlinkFault)
}

/// An answer that the dispatcher gives by itself, to be sent at once: `{"id":…,"code":…,"data":{}}`.
public struct DownlinkAnswer: Sendable {
  /// Where it goes.
  public let topic: FixedBytes<128>
  /// The request's id.
  public let id: FixedBytes<32>
  /// What it says.
  public let code: DeviceReplyCode

  /// Appends the payload.
  public func writePayload(into output: inout ByteWriter) throws(CapacityError) {
    try AlinkReply.write(id: id.bytes, code: code, data: Span(), into: &output)
  }
}

extension AlinkReply {
  /// Appends an answer as JSON with `data` as it is, which must be one object; `{}` where it is empty.
  ///
  /// `id` is the request's, which is written as a text.
  public static func write(
    id: Span<UInt8>,
    code: DeviceReplyCode,
    data: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    let start = output.count
    do throws(CapacityError) {
      try output.append("{\"id\":")
      // 32 bytes, each of which may be written as six.
      var text = InlineArray<194, UInt8>(repeating: 0)
      var writer = JSONWriter(text.mutableSpan)
      try writer.string(id)
      let count = writer.count
      try output.append(text.span.extracting(0..<count))
      try output.append(",\"code\":")
      try output.append(decimal: code.rawValue)
      try output.append(",\"data\":")
      if data.isEmpty { try output.append("{}") } else { try output.append(data) }
      try output.append(UInt8(ascii: "}"))
    } catch {
      output.truncate(to: start)
      throw error
    }
  }
}
