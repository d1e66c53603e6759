// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import TestSupport

typealias Endpoint = ClientEndpoint<2, 64, 4>

/// An endpoint on a virtual clock, with the datagrams it sends.
final class Bench {
  var endpoint: Endpoint
  var now = Instant(milliseconds: 1_000)

  init(_ parameters: TransmissionParameters = .standard, isAdaptive: Bool = false) {
    endpoint = Endpoint(
      parameters: parameters,
      isAdaptive: isAdaptive,
      key: (7, 1)
    )
  }

  /// The message IDs that the endpoint has drawn: the tests call them 0x1234 and so on, in their order.
  private var drawn: [UInt16] = []
  private var numbers: [UInt16: Int] = [:]

  /// The token of the last datagram.
  private(set) var token = ""

  var isIdle: Bool { endpoint.isIdle }

  func deadline() -> Instant? { endpoint.pollTimeout() }

  func event() -> ExchangeEvent? { endpoint.pollEvent() }

  /// Starts any request.
  func send(
    _ code: Code,
    type: MessageType = .confirmable,
    token: UInt32 = 0xDEAD_BEEF,
    random: UInt32 = 0,
    parameters: TransmissionParameters? = nil,
    options: [(OptionNumber, [UInt8])] = [],
    payload: [UInt8] = []
  ) throws -> ExchangeID {
    try endpoint.send(
      code,
      type: type,
      token: Token(token),
      random: random,
      parameters: parameters
    ) { (message: inout MessageWriter) throws(MessageWriterError) in
      for (number, value) in options { try message.option(number, value.span) }
      try message.payload(payload.span)
    }
  }

  func cancelObservation(_ id: ExchangeID) throws { try endpoint.cancelObservation(id) }

  /// The next datagram as digits, "" when there is none.
  func sent() throws -> String {
    guard let (bytes, _) = try transmit() else { return "" }
    return hexText(bytes.span)
  }

  /// Starts a request with the next message ID; the first is 0x1234.
  func send(token: UInt32 = 0xDEAD_BEEF, random: UInt32 = 0) throws -> ExchangeID {
    try endpoint.send(.post, token: Token(token), random: random) {
      (message: inout MessageWriter) throws(MessageWriterError) in
      try message.payload([1].span)
    }
  }

  func transmit() throws -> ([UInt8], Transmission)? {
    var buffer = [UInt8](repeating: 0xA5, count: 64)
    var writer = ByteWriter(buffer.mutableSpan)
    guard let transmission = try endpoint.pollTransmit(into: &writer, at: now) else { return nil }
    let count = writer.count
    token = hexText(buffer[4..<4 + Int(buffer[0] & 0x0F)].span)
    if transmission != .reply {
      let messageID = UInt16(buffer[2]) << 8 | UInt16(buffer[3])
      let number = numbers[messageID] ?? drawn.count
      if number == drawn.count {
        drawn.append(messageID)
        numbers[messageID] = number
      }
      put(0x1234 + UInt16(number), into: &buffer)
    }
    return (Array(buffer[..<count]), transmission)
  }

  func receive(_ text: String) throws -> Reception {
    var bytes = hex(text)
    // An acknowledgement or a Reset has a message ID of the endpoint's.
    if bytes.count >= 4, bytes[0] & 0x20 != 0 {
      let number = Int(UInt16(bytes[2]) << 8 | UInt16(bytes[3])) - 0x1234
      if drawn.indices.contains(number) { put(drawn[number], into: &bytes) }
    }
    do throws(MessageFormatError) {
      return endpoint.handle(try MessageView(bytes.span), at: now)
    } catch {
      endpoint.handleMalformed(bytes.span, error, at: now)
      return .ignored
    }
  }

  private func put(_ messageID: UInt16, into bytes: inout [UInt8]) {
    bytes[2] = UInt8(messageID >> 8)
    bytes[3] = UInt8(messageID & 0xFF)
  }

  /// Lets time pass to the next deadline; returns by how much.
  func wait() -> Int64? {
    guard let next = endpoint.pollTimeout() else { return nil }
    let passed = (next - now).count
    now = next
    endpoint.handleTimeout(at: now)
    return passed
  }
}

/// A message of the server.
///
/// It does not throw: 6.3.1 crashes on a throwing call within a throwing call in `#expect`.
func bytes(
  _ type: MessageType,
  _ code: Code,
  _ messageID: UInt16,
  _ token: UInt32,
  _ options: [(OptionNumber, [UInt8])] = [],
  payload: [UInt8] = []
) -> [UInt8] {
  let room = options.reduce(16 + payload.count) { $0 + 5 + $1.1.count }
  var buffer = [UInt8](repeating: 0xA5, count: room)
  guard
    var writer = try? MessageWriter(
      buffer.mutableSpan,
      type: type,
      code: code,
      messageID: messageID,
      token: Token(token)
    )
  else { preconditionFailure("a test's message is well formed") }
  for (number, value) in options { try? writer.option(number, value.span) }
  try? writer.payload(payload.span)
  let count = writer.count
  return Array(buffer[..<count])
}
