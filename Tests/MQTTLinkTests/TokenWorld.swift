// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import DurableWorld
import HTTPSLayer
import MQTTAuthentication
import MQTTLayer
import MQTTLink
import Platform
import PlatformMQTT
import ReportLink
import TestSupport

/// The requests over HTTPS that were asked for, and what a test has the server answer.
final class Requests {
  var sent: [(path: String, content: HTTPSContent, body: String)] = []
  var events: [(HTTPSLayerEvent, UInt16, [UInt8])] = []
  var cancels = 0
  var closes = 0

  func answer(_ body: String, status: UInt16 = 200) {
    events.append((.answered, status, Array(body.utf8)))
  }

  /// The platform gives a token.
  func grant(_ token: String = "tok1", address: String = #","port":1883"#) {
    let mqtt = address.isEmpty ? "" : #","resources":{"mqtt":{"host":"mqtt.example"\#(address)}}"#
    answer(#"{"code":200,"data":{"iotId":"iot","iotToken":"\#(token)"\#(mqtt)},"message":"ok"}"#)
  }

  func fail(_ failure: HTTPSFailure) { events.append((.failed(failure, wasSent: true), 0, [])) }
}

/// A layer of HTTPS without a network.
struct VirtualRequests: ~Copyable, HTTPSLayer {
  let requests: Requests
  private(set) var head = HTTPSAnswerHead()
  private var bytes: [UInt8] = []

  init(_ requests: Requests) { self.requests = requests }

  var descriptor: Int32 { 77 }
  var sends: Int { requests.sent.count }

  mutating func hold(_ body: Span<UInt8>) -> Bool { true }
  mutating func begin(_ request: borrowing @_addressable HTTPSRequest) -> Bool { false }

  mutating func begin(
    _ request: borrowing @_addressable HTTPSRequest,
    body: Span<UInt8>
  ) -> Bool {
    requests.sent.append((text(request.path.bytes), request.content, text(body)))
    return true
  }

  mutating func cancel() { requests.cancels += 1 }
  mutating func close() { requests.closes += 1 }

  mutating func pollEvent() -> HTTPSLayerEvent? {
    guard !requests.events.isEmpty else { return nil }
    let (event, status, body) = requests.events.removeFirst()
    head.status = status
    bytes = body
    return event
  }

  var body: Span<UInt8> {
    @_lifetime(borrow self)
    get { bytes.span }
  }
}

/// A link that authenticates over HTTPS, on a virtual clock.
final class TokenWorld {
  typealias Link = MQTTLink<TokenLayer<VirtualLayer, VirtualRequests>, SeededRandom>

  let wire = Wire()
  let requests = Requests()
  var link: Link
  var now = Instant(milliseconds: 1_000_000)

  init(
    _ change: (inout TokenSettings, inout MQTTLinkSettings) -> Void = { _, _ in }
  ) throws {
    var (token, settings) = (TokenSettings(), MQTTLinkSettings())
    change(&token, &settings)
    let (key, name, id) = (Array("pk".utf8), Array("device".utf8), Array("12345".utf8))
    let identity = try DeviceIdentity(
      productKey: key.span,
      deviceName: name.span,
      clientID: id.span
    )
    let source = TokenSource(
      identity: identity,
      secret: makeSecret(Array("secret".utf8)),
      settings: token,
      requests: VirtualRequests(requests)
    )
    link = try Link(
      identity: identity,
      secret: makeSecret(Array("secret".utf8)),
      settings: settings,
      layer: TokenLayer(VirtualLayer(wire), source),
      randomness: SeededRandom(seed: 1)
    )
  }

  @discardableResult
  func begin(_ id: UInt64, _ payload: String = "{}") -> Bool {
    let (name, bytes) = (Array("/pk/device/user/update".utf8), Array(payload.utf8))
    return link.begin(id: id, topic: name.span, payload: bytes.span, format: 50, at: now)
  }

  func events() -> [MQTTLinkEvent] {
    link.handleTimeout(at: now)
    var events: [MQTTLinkEvent] = []
    while let event = link.pollEvent() { events.append(event) }
    return events
  }

  /// How the report of the last event has ended.
  var ended: (UInt64, ReportVerdict) { (link.endedID, link.ending.verdict) }

  var descriptor: Int32 { link.descriptor }
  var failure: MQTTLinkFailure { link.failure }
  var rest: (reason: RestReason, left: Milliseconds) { (link.rest.reason, link.rest.until - now) }

  /// Has the platform accept the connection and acknowledge its one report.
  func deliver() -> [MQTTLinkEvent] {
    wire.tell(.connected(hasSession: false))
    var events = events()
    guard let number = wire.published.last?.number else { return events }
    wire.tell(.delivered(number))
    events += self.events()
    return events
  }

  /// Ends the connection in order, as an idle device does.
  func rest(seconds: Int64) {
    now = now + Milliseconds(31_000)
    link.handleTimeout(at: now)
    wire.tell(.disconnected)
    _ = events()
    now = now + Milliseconds(seconds * 1_000)
  }

  /// Stores the token, as an owner does where there is a new one.
  func keep(in record: inout SessionRecord) -> Bool {
    guard link.unkept == .token else { return false }
    link.write(into: &record)
    link.keep(numbersUpTo: 0, at: now)
    return true
  }

  func restore(_ record: SessionRecord, isUsable: Bool = true) {
    link.restore(record, isUsable: isUsable)
  }

  func forget() { link.forgetAuthentication() }
}
