// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DurableWorld
import HTTPSLayer
import HTTPSLink
import OpenSSLSupport
import Platform
import PlatformHTTPS
import ReportLink
import TestSupport

/// What a link has asked for, and what a test has happen.
final class Wire {
  struct Sent: Equatable {
    var path: String
    var password: String
    var content: HTTPSContent
    var body: String
    var limit: Int64
  }

  var sent: [Sent] = []
  var cancels = 0
  var closes = 0
  var hasMemory = true
  /// Whether requests get as far as a connection.
  var isConnected = true
  var sends = 0
  var events: [(HTTPSLayerEvent, HTTPSAnswerHead, [UInt8])] = []

  /// The server answers.
  func answer(
    _ body: String,
    status: UInt16 = 200,
    date: String = "",
    retryAfter: String = ""
  ) {
    var head = HTTPSAnswerHead()
    head.status = status
    try? head.date.replace(with: Array(date.utf8).span)
    try? head.retryAfter.replace(with: Array(retryAfter.utf8).span)
    events.append((.answered, head, Array(body.utf8)))
  }

  /// The server gives a token.
  func grant(_ token: String = "t1", date: String = "") {
    answer(#"{"code":0,"message":"success","info":{"token":"\#(token)"}}"#, date: date)
  }

  /// The server takes a report.
  func accept(_ id: String = "892687627916247040") {
    answer(#"{"code":0,"message":"success","info":{"messageId":\#(id),}}"#)
  }

  /// The server answers with a code.
  func code(_ number: UInt64, status: UInt16 = 200, retryAfter: String = "") {
    answer(#"{"code":\#(number),"message":"no"}"#, status: status, retryAfter: retryAfter)
  }

  func fail(_ failure: HTTPSFailure, wasSent: Bool = true) {
    events.append((.failed(failure, wasSent: wasSent), HTTPSAnswerHead(), []))
  }
}

/// A layer without a network.
struct VirtualLayer: ~Copyable, HTTPSLayer {
  let wire: Wire
  private var held: [UInt8] = []
  private var bodyBytes: [UInt8] = []
  private(set) var head = HTTPSAnswerHead()

  init(_ wire: Wire) { self.wire = wire }

  var descriptor: Int32 { -1 }
  var sends: Int { wire.sends }

  mutating func hold(_ body: Span<UInt8>) -> Bool {
    held = array(body)
    return wire.hasMemory || body.isEmpty
  }

  mutating func begin(_ request: borrowing @_addressable HTTPSRequest) -> Bool {
    send(request, held)
  }

  mutating func begin(
    _ request: borrowing @_addressable HTTPSRequest,
    body: Span<UInt8>
  ) -> Bool {
    send(request, array(body))
  }

  private mutating func send(
    _ request: borrowing @_addressable HTTPSRequest,
    _ body: [UInt8]
  ) -> Bool {
    guard wire.hasMemory else { return false }
    head = HTTPSAnswerHead()
    bodyBytes = []
    wire.sends = wire.isConnected ? 1 : 0
    wire.sent.append(
      Wire.Sent(
        path: text(request.path.bytes),
        password: text(request.password.bytes),
        content: request.content,
        body: String(decoding: body, as: UTF8.self),
        limit: request.limit.count
      )
    )
    return true
  }

  mutating func cancel() { wire.cancels += 1 }
  mutating func close() { wire.closes += 1 }

  mutating func pollEvent() -> HTTPSLayerEvent? {
    guard !wire.events.isEmpty else { return nil }
    let (event, head, body) = wire.events.removeFirst()
    self.head = head
    bodyBytes = body
    return event
  }

  var body: Span<UInt8> {
    @_lifetime(borrow self)
    get { bodyBytes.span }
  }
}

func text(_ bytes: Span<UInt8>) -> String { String(decoding: array(bytes), as: UTF8.self) }

/// A link on a virtual clock.
final class World {
  let wire = Wire()
  var link: HTTPSLink<VirtualLayer, SeededRandom>
  var now = Instant(milliseconds: 1_000_000)

  init(_ change: (inout HTTPSLinkSettings) -> Void = { _ in }) throws {
    var settings = HTTPSLinkSettings()
    // Most tests look at one answer.
    settings.retries = 0
    change(&settings)
    let (key, name, id) = (Array("pk".utf8), Array("device".utf8), Array("12345".utf8))
    link = try HTTPSLink(
      identity: DeviceIdentity(productKey: key.span, deviceName: name.span, clientID: id.span),
      secret: makeSecret(Array("secret".utf8)),
      settings: settings,
      layer: VirtualLayer(wire),
      randomness: SeededRandom(seed: 1)
    )
  }

  /// Lets time pass.
  func advance(_ seconds: Int64) { now = now + Milliseconds(seconds * 1_000) }

  /// What happened.
  func events() -> [HTTPSLinkEvent] {
    link.handleTimeout(at: now)
    var events: [HTTPSLinkEvent] = []
    while let event = link.pollEvent() { events.append(event) }
    return events
  }

  @discardableResult
  func begin(
    _ payload: String = "{}",
    topic: String = "/pk/device/user/update",
    id: UInt64 = 1
  ) -> Bool {
    let (name, bytes) = (Array(topic.utf8), Array(payload.utf8))
    return link.begin(id: id, topic: name.span, payload: bytes.span, format: 50, at: now)
  }

  /// The paths and tokens that were sent since the last call.
  func sent() -> [String] {
    defer { wire.sent.removeAll() }
    return wire.sent.map { $0.password.isEmpty ? $0.path : "\($0.path) \($0.password)" }
  }

  /// Gets a token, with which all later reports go out.
  func authenticate(_ token: String = "t1") {
    link.authenticate(at: now)
    wire.grant(token)
    _ = events()
    _ = sent()
  }

  var ending: ReportEnding { link.ending }
  var failure: HTTPSLinkFailure { link.failure }
  var message: String { String(decoding: array(link.message.bytes), as: UTF8.self) }
  var messageID: String { text(link.messageID.bytes) }
  var isAuthenticated: Bool { link.isAuthenticated }
  var isFree: Bool { link.isFree }
  var isIdle: Bool { link.isIdle }
  var timeout: Int64? { link.pollTimeout()?.milliseconds }
  var milliseconds: Int64 { now.milliseconds }
}
