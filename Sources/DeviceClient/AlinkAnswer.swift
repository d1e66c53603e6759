public import Alink
internal import CBORPayload
public import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding

/// What the platform replied to a request of the thing model.
public struct AlinkAnswer: Sendable {
  /// How the request was delivered and what it cost, with the whole reply in its format.
  public let receipt: Receipt
  /// The number of the request that the reply answers; `nil` where it has none, or one that is no whole number.
  public let id: UInt64?
  /// The value of the reply's member `id` as it is encoded; empty without one.
  public let idBytes: [UInt8]
  /// The reply's code; `nil` when the platform took the request without a reply, and where the reply has none.
  public let code: AlinkCode?
  /// What the reply says in words; empty when it says nothing.
  public let message: String
  /// The value of the reply's member `data` as it is encoded; empty without one.
  public let data: [UInt8]
  /// What it is encoded in: JSON or CBOR.
  public let format: ContentFormat

  /// Reads the answer of a request.
  ///
  /// The format is that of the first byte: an object begins with an ASCII character in JSON, and with 0x80
  /// or above in CBOR, so that it need not be said.
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

  /// Whether the platform took the request, by its reply where there is one: a reply without a code says
  /// nothing of it.
  public var isSuccess: Bool { receipt.answer.isEmpty || code?.isSuccess == true }

  /// A property's desired value.
  public struct Desired: Sendable {
    /// The property.
    public let identifier: String
    /// The value's version.
    public let version: UInt64?
    /// The value as it is encoded.
    public let value: [UInt8]
  }

  /// The answer to `DesiredGet`.
  public func desiredValues() throws(AlinkMessageError) -> [Desired] {
    format == .cbor
      ? try Self.desired(data, CBORReader.self) : try Self.desired(data, JSONReader.self)
  }

  /// The answer to `TopologyGet` and `SubDeviceRegister`.
  public func devices() throws(AlinkMessageError) -> [DeviceEntry] {
    format == .cbor
      ? try Self.devices(data, CBORReader.self) : try Self.devices(data, JSONReader.self)
  }

  /// Whether `data` says nothing: it is missing, `null`, or an object without members.
  public var offersNothing: Bool {
    if data.isEmpty { return true }
    let isNothing =
      format == .cbor
      ? try? FileOffer.isNothing(CBORReader(received: data.span))
      : try? FileOffer.isNothing(JSONReader(received: data.span))
    return isNothing == true
  }

  /// The answer to `FirmwareRequest`; see `offersNothing`.
  public func firmware() throws(AlinkMessageError) -> FileOffer {
    format == .cbor
      ? try FileOffer(firmware: CBORReader(received: data.span))
      : try FileOffer(firmware: JSONReader(received: data.span))
  }

  /// The answer to `ConfigurationGet`.
  public func configuration() throws(AlinkMessageError) -> FileOffer {
    format == .cbor
      ? try FileOffer(configuration: CBORReader(received: data.span))
      : try FileOffer(configuration: JSONReader(received: data.span))
  }

  /// The id for a person: a number, or what it is in place of one.
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
      // A text is never longer than the message that it stands in.
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
