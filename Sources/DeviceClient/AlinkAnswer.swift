// SPDX-License-Identifier: Apache-2.0
public import Alink
internal import CBORPayload
public import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding

/// The platform's reply to a thing-model request.
public struct AlinkAnswer: Sendable {
  /// The delivery of the request and its cost, with the whole encoded reply.
  public let receipt: Receipt
  /// The number of the answered request; `nil` if it is missing or not an integer.
  public let id: UInt64?
  /// The encoded value of the reply's member `id`; empty if there is none.
  public let idBytes: [UInt8]
  /// The reply's code; `nil` if the platform accepted the request without a reply, or the reply has
  /// no code.
  public let code: AlinkCode?
  /// The reply's text; empty if there is none.
  public let message: String
  /// The encoded value of the reply's member `data`; empty if there is none.
  public let data: [UInt8]
  /// The encoding, JSON or CBOR.
  public let format: ContentFormat

  /// Parses the answer to a request.
  ///
  /// The first byte identifies the format: a JSON object begins with an ASCII character, a CBOR map
  /// with 0x80 or above.
  public init(_ receipt: Receipt) throws(AlinkMessageError) {
    self.receipt = receipt
    guard let first = receipt.answer.first else {
      id = nil
      idBytes = []
      code = nil
      message = ""
      data = []
      format = .json
      return
    }
    format = first >= 0x80 ? .cbor : .json
    let parts =
      format == .cbor
      ? try Self.parts(receipt.answer, CBORReader.self)
      : try Self.parts(receipt.answer, JSONReader.self)
    id = parts.id
    idBytes = parts.idBytes
    code = parts.code
    message = parts.message
    data = parts.data
  }

  /// Whether the platform accepted the request, according to its reply if there is one; a reply
  /// without a code is not a success.
  public var isSuccess: Bool { receipt.answer.isEmpty || code?.isSuccess == true }

  /// A property's desired value.
  public struct Desired: Sendable {
    /// The property's identifier.
    public let identifier: String
    /// The version of the value.
    public let version: UInt64?
    /// The encoded value.
    public let value: [UInt8]
  }

  /// Parses the answer to `DesiredGet`.
  public func desiredValues() throws(AlinkMessageError) -> [Desired] {
    format == .cbor
      ? try Self.desired(data, CBORReader.self) : try Self.desired(data, JSONReader.self)
  }

  /// Parses the answer to `TopologyGet` or `SubDeviceRegister`.
  public func devices() throws(AlinkMessageError) -> [DeviceEntry] {
    format == .cbor
      ? try Self.devices(data, CBORReader.self) : try Self.devices(data, JSONReader.self)
  }

  /// Whether `data` is missing, `null` or an empty object.
  public var offersNothing: Bool {
    if data.isEmpty { return true }
    let isNothing =
      format == .cbor
      ? try? FileOffer.isNothing(CBORReader(received: data.span))
      : try? FileOffer.isNothing(JSONReader(received: data.span))
    return isNothing == true
  }

  /// Parses the answer to `FirmwareRequest`; see `offersNothing`.
  public func firmware() throws(AlinkMessageError) -> FileOffer {
    format == .cbor
      ? try FileOffer(firmware: CBORReader(received: data.span))
      : try FileOffer(firmware: JSONReader(received: data.span))
  }

  /// Parses the answer to `ConfigurationGet`.
  public func configuration() throws(AlinkMessageError) -> FileOffer {
    format == .cbor
      ? try FileOffer(configuration: CBORReader(received: data.span))
      : try FileOffer(configuration: JSONReader(received: data.span))
  }

  /// The id for people: a number, or the encoded value if it is not one.
  var shownID: String {
    if let id { return "\(id)" }
    guard format == .json else { return "that is no number" }
    let shown = Array(idBytes.prefix(100))
    return ReadableText.plain(shown.span, keepsLines: false) ?? "that is no number"
  }

  private static func parts<Reader: PayloadReader & ~Escapable>(
    _ answer: [UInt8],
    _: Reader.Type
  ) throws(AlinkMessageError) -> (
    id: UInt64?, idBytes: [UInt8], code: AlinkCode?, message: String, data: [UInt8]
  ) {
    let view = try AlinkMessageView<Reader>(answer.span)
    var message = ""
    if let text = view.message {
      var buffer = [UInt8](repeating: 0, count: answer.count)
      var writer = ByteWriter(buffer.mutableSpan)
      // A text is never longer than the message that contains it.
      try? view.copy(text, into: &writer)
      let count = writer.count
      message = String(decoding: buffer[..<count], as: UTF8.self)
    }
    let idBytes = view.idRange.map { Array(answer[$0]) } ?? []
    return (view.id, idBytes, view.code, message, view.dataRange.map { Array(answer[$0]) } ?? [])
  }

  private static func desired<Reader: PayloadReader & ~Escapable>(
    _ data: [UInt8],
    _: Reader.Type
  ) throws(AlinkMessageError) -> [Desired] {
    guard !data.isEmpty else { return [] }
    var values = DesiredValues(Reader(received: data.span))
    var result: [Desired] = []
    while let value = try values.next() {
      var buffer = [UInt8](repeating: 0, count: data.count)
      var writer = ByteWriter(buffer.mutableSpan)
      try? value.value.copy(value.identifier, into: &writer)
      let count = writer.count
      result.append(
        Desired(
          identifier: String(decoding: buffer[..<count], as: UTF8.self),
          version: value.version,
          value: Array(data[value.range])
        )
      )
    }
    return result
  }

  private static func devices<Reader: PayloadReader & ~Escapable>(
    _ data: [UInt8],
    _: Reader.Type
  ) throws(AlinkMessageError) -> [DeviceEntry] {
    guard !data.isEmpty else { return [] }
    var entries = DeviceEntries(Reader(received: data.span))
    var result: [DeviceEntry] = []
    while let entry = try entries.next() { result.append(entry) }
    return result
  }
}
