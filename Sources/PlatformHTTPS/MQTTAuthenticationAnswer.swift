// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import PayloadCoding

/// The platform's answer over HTTPS to a device that wants to connect over MQTT (device guide 3.2),
/// parsed from untrusted bytes.
///
/// `{"code":200,"data":{"iotId":…,"iotToken":…,"resources":{"mqtt":{"host":…,"port":1883}}},"message":…}`;
/// the other codes are 401, 460, 500, 5001 and 6200, in the registry `AlinkCode`. `iotID` and
/// `iotToken` are user name and password of the connection, valid for 7 days.
public struct MQTTAuthenticationAnswer: Sendable {
  /// The platform's code, 200 for success.
  public private(set) var code: UInt64 = 0

  /// The platform's text, up to 128 bytes; a longer one is dropped.
  public private(set) var message = FixedBytes<128>()

  /// The user name, 1 to 128 bytes; empty if the platform refused.
  public private(set) var iotID = FixedBytes<128>()

  /// The password, 1 to 256 bytes; empty if the platform refused.
  public private(set) var iotToken = FixedBytes<256>()

  /// The host to connect to, up to 255 bytes; empty if the answer names none.
  public private(set) var host = FixedBytes<255>()

  /// The port to connect to; `nil` if the answer names none.
  public private(set) var port: UInt16?

  private var hasCode = false
  private var hasData = false
  private var hasMessage = false
  private var hasResources = false
  private var hasMQTT = false

  /// Whether the platform accepted the device.
  public var isSuccess: Bool { code == 200 }

  private enum Level {
    case outer, data, resources, mqtt
  }

  /// Parses a JSON object; ignores unknown members and accepts numbers as strings.
  ///
  /// Throws if a success lacks `iotId` or `iotToken`.
  public init(json: Span<UInt8>) throws(HTTPSAnswerError) {
    var reader = JSONReader(received: json, takesTrailingCommas: true)
    guard try reader.nextOfAnswer() == .beginObject else { throw .notAnObject }
    try readMembers(&reader, .outer)
    // The object is closed, and must end the payload.
    guard try reader.nextOfAnswer() == nil else { throw .notAnObject }
    guard hasCode else { throw .member(.code) }
    guard isSuccess else { return }
    guard !iotID.isEmpty else { throw .member(.iotID) }
    guard !iotToken.isEmpty else { throw .member(.iotToken) }
  }

  private mutating func readMembers(
    _ reader: inout JSONReader,
    _ level: Level
  ) throws(HTTPSAnswerError) {
    while let name = try reader.nextName() {
      guard let value = try reader.nextOfAnswer() else { throw .json(.truncated) }
      let isTaken =
        switch level {
        case .outer: try takeOuter(name, value, &reader)
        case .data: try takeData(name, value, &reader)
        case .resources: try takeResource(name, value, &reader)
        case .mqtt: try takeAddress(name, value, reader)
        }
      if !isTaken { try reader.skipInAnswer(value) }
    }
  }

  private mutating func takeOuter(
    _ name: Range<Int>,
    _ value: JSONToken,
    _ reader: inout JSONReader
  ) throws(HTTPSAnswerError) -> Bool {
    if reader.string(name, equals: "code") {
      guard !hasCode else { throw .repeated(.code) }
      hasCode = true
      code = try reader.wholeNumber(value, .code)
    } else if reader.string(name, equals: "message") {
      guard !hasMessage else { throw .repeated(.message) }
      hasMessage = true
      try reader.readMessage(value, into: &message)
    } else if reader.string(name, equals: "data"), value == .beginObject {
      guard !hasData else { throw .repeated(.data) }
      hasData = true
      try readMembers(&reader, .data)
    } else {
      return false
    }
    return true
  }

  private mutating func takeData(
    _ name: Range<Int>,
    _ value: JSONToken,
    _ reader: inout JSONReader
  ) throws(HTTPSAnswerError) -> Bool {
    if reader.string(name, equals: "iotId") {
      try reader.copy(value, into: &iotID, .iotID)
    } else if reader.string(name, equals: "iotToken") {
      try reader.copy(value, into: &iotToken, .iotToken)
    } else if reader.string(name, equals: "resources"), value == .beginObject {
      guard !hasResources else { throw .repeated(.resources) }
      hasResources = true
      try readMembers(&reader, .resources)
    } else {
      return false
    }
    return true
  }

  private mutating func takeResource(
    _ name: Range<Int>,
    _ value: JSONToken,
    _ reader: inout JSONReader
  ) throws(HTTPSAnswerError) -> Bool {
    guard reader.string(name, equals: "mqtt"), value == .beginObject else { return false }
    guard !hasMQTT else { throw .repeated(.mqtt) }
    hasMQTT = true
    try readMembers(&reader, .mqtt)
    return true
  }

  private mutating func takeAddress(
    _ name: Range<Int>,
    _ value: JSONToken,
    _ reader: borrowing JSONReader
  ) throws(HTTPSAnswerError) -> Bool {
    if reader.string(name, equals: "host") {
      try reader.copy(value, into: &host, .host)
    } else if reader.string(name, equals: "port") {
      guard port == nil else { throw .repeated(.port) }
      let number = try reader.wholeNumber(value, .port)
      guard number >= 1, number <= 65_535 else { throw .member(.port) }
      port = UInt16(truncatingIfNeeded: number)
    } else {
      return false
    }
    return true
  }
}
