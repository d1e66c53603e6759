// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import Inspection
import PacketCapture
import SecurityLayer
import SymmetricSecurity
import TestSupport

/// A session in symmetric mode whose packets are captured by a third party.
struct ObservedSession {
  var token = "MZ8m.ad2b"
  var random = "ad2b3a5eb51d64f7"
  var secret = "secret"
  /// The device's port.
  var port = 40_000
  /// The option that carries the token.
  var tokenOption: UInt16 = 2_088

  func sealed(_ plain: [UInt8]) throws -> [UInt8] {
    var security = SymmetricSecurity()
    try security.establish(secret: Array(secret.utf8).span, random: Array(random.utf8).span)
    var buffer = [UInt8](repeating: 0, count: plain.count + 16)
    var writer = ByteWriter(buffer.mutableSpan)
    try security.seal(payload: plain.span, into: &writer)
    let count = writer.count
    return Array(buffer[..<count])
  }

  /// The packet of a message from the device.
  func sent(_ message: [UInt8]) -> [UInt8] {
    PacketBytes.ipv4(PacketBytes.udp(message, from: port, to: 5_682))
  }

  /// The packet of a message to the device.
  func received(_ message: [UInt8]) -> [UInt8] {
    PacketBytes.back(PacketBytes.ipv4(PacketBytes.udp(message, from: 5_682, to: port)))
  }

  /// `POST /auth`, its message ID as its CoAP token.
  func authentication(_ messageID: UInt16) throws -> [UInt8] {
    sent(
      try message(
        messageID,
        .post,
        options: [(11, Array("auth".utf8)), (12, [50])],
        payload: Array(#"{"productKey":"k","sign":"00"}"#.utf8)
      )
    )
  }

  func authenticationAnswer(_ messageID: UInt16) throws -> [UInt8] {
    let answer = #"{"random":"\#(random)","seqOffset":1,"token":"\#(token)"}"#
    return received(try message(messageID, .content, payload: Array(answer.utf8)))
  }

  func report(
    _ messageID: UInt16,
    sequence: Int,
    _ payload: [UInt8],
    format: UInt8 = 50
  ) throws
    -> [UInt8]
  {
    let (number, token) = (try sealed(Array("\(sequence)".utf8)), Array(token.utf8))
    var options: [(UInt16, [UInt8])] = [
      (11, Array("topic".utf8)), (12, [format]), (tokenOption, token), (2_089, number),
    ]
    options.sort { $0.0 < $1.0 }
    return sent(try message(messageID, .post, options: options, payload: try sealed(payload)))
  }

  func report(_ messageID: UInt16, sequence: Int, _ payload: String) throws -> [UInt8] {
    try report(messageID, sequence: sequence, Array(payload.utf8))
  }

  func answer(_ messageID: UInt16, _ payload: String, isSeparate: Bool = false) throws -> [UInt8] {
    received(
      try message(
        messageID,
        .content,
        type: isSeparate ? .confirmable : .acknowledgement,
        payload: try sealed(Array(payload.utf8))
      )
    )
  }

  func message(
    _ messageID: UInt16,
    _ code: Code,
    type: MessageType? = nil,
    options: [(UInt16, [UInt8])] = [],
    payload: [UInt8]
  ) throws -> [UInt8] {
    let token = [UInt8(messageID >> 8), UInt8(messageID & 0xFF)]
    guard let token = Token(token.span) else { preconditionFailure("two bytes are a token") }
    var buffer = [UInt8](repeating: 0, count: 1_024)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: type ?? (code.isRequest ? .confirmable : .acknowledgement),
      code: code,
      // A separate response has its own message ID.
      messageID: type == .confirmable ? messageID ^ 0x8000 : messageID,
      token: token
    )
    for (number, value) in options { try writer.option(OptionNumber(rawValue: number), value.span) }
    try writer.payload(payload.span)
    let count = writer.count
    return Array(buffer[..<count])
  }
}

extension Capture {
  /// A capture that knows a device secret.
  static func knowing(_ secret: String, random: String? = nil) throws -> Capture {
    let secret = Array(secret.utf8)
    guard let random else { return Capture(messages: try MessageInspector(secret: secret.span)) }
    return Capture(
      messages: try MessageInspector(secret: secret.span, random: Array(random.utf8).span)
    )
  }

  /// The decrypted content shown for a packet, numbers and payload, or why there is none.
  mutating func inside(_ packet: [UInt8]) -> [String] {
    text(packet).compactMap { line in
      line.firstMatch(of: #/^ +inside(?:, [0-9]+ bytes? of [A-Za-z]+)?: (.*)/#).map { String($0.1) }
    }
  }
}
