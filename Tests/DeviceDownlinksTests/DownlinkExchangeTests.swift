// SPDX-License-Identifier: Apache-2.0
import Alink
import ConstrainedCore
import DeviceDownlinks
import Platform
import ReportLink
import TestSupport
import Testing

/// A channel whose traffic a test sees.
private struct FakeChannel: ~Copyable, DownlinkChannel {
  var topicBytes: [UInt8] = []
  var payloadBytes: [UInt8] = []
  var filters: [String] = []
  var sent: [String] = []
  var hasRoom = true
  var isDownlinkRepeated = false
  var takesFilters = true

  var downlinkTopic: Span<UInt8> {
    @_lifetime(borrow self)
    get { topicBytes.span }
  }

  var downlinkPayload: Span<UInt8> {
    @_lifetime(borrow self)
    get { payloadBytes.span }
  }

  mutating func listen(to filter: Span<UInt8>) -> Bool {
    if takesFilters { filters.append(text(filter)) }
    return takesFilters
  }

  mutating func pollRefusedFilter() -> FixedBytes<160>? { nil }

  mutating func send(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    quality: MessageQuality,
    at now: Instant
  ) -> Bool {
    if hasRoom { sent.append("\(text(topic)) \(text(payload))") }
    return hasRoom
  }
}

private func text(_ bytes: Span<UInt8>) -> String { String(decoding: array(bytes), as: UTF8.self) }

/// A device with two places, on a virtual clock.
private final class Desk {
  var channel = FakeChannel()
  var exchange: DownlinkExchange<2, 256>
  var now = Instant(milliseconds: 1_000)

  init(_ change: (inout DownlinkSettings) -> Void = { _ in }) throws {
    let (key, name) = (Array("pk".utf8), Array("device".utf8))
    let identity = try DeviceIdentity(productKey: key.span, deviceName: name.span)
    var settings = DownlinkSettings()
    settings.taken = .device
    change(&settings)
    exchange = DownlinkExchange(identity, settings: settings, firstNumber: 100)
  }

  /// The platform sends; what is to be done with it.
  func take(_ path: String, _ message: String) -> String {
    channel.topicBytes = Array((path.hasPrefix("/") ? path : "/sys/pk/device/" + path).utf8)
    channel.payloadBytes = Array(message.utf8)
    return switch exchange.take(from: &channel, at: now) {
    case .request(let downlink): "request \(downlink.number)"
    case .notice: "notice"
    case .refused(_, let fault): "refused \(fault)"
    case .dropped(let fault): "dropped \(fault)"
    }
  }

  func set(_ id: Int) -> String {
    take(
      "thing/service/property/set",
      #"{"id":"\#(id)","version":"1.0","params":{"a":1},"method":"thing.service.property.set"}"#
    )
  }

  func answer(
    _ number: UInt32,
    _ code: DeviceReplyCode = .success,
    _ data: String = ""
  ) -> DownlinkReplyError? {
    let bytes = Array(data.utf8)
    do throws(DownlinkReplyError) {
      try exchange.answer(number, code, data: bytes.span, over: &channel, at: now)
      return nil
    } catch {
      return error
    }
  }

  func answer(_ number: UInt32, bytes: String) -> DownlinkReplyError? {
    let bytes = Array(bytes.utf8)
    do throws(DownlinkReplyError) {
      try exchange.answer(number, bytes: bytes.span, over: &channel, at: now)
      return nil
    } catch {
      return error
    }
  }

  /// Lets time pass; the numbers of the requests whose time is over.
  func advance(_ milliseconds: Int64) -> [UInt32] {
    now = now + Milliseconds(milliseconds)
    var numbers: [UInt32] = []
    while let expired = exchange.pollExpired(over: &channel, at: now) {
      numbers.append(expired.number)
    }
    return numbers
  }

  func listen() -> DownlinkKinds { exchange.listen(over: &channel) }

  var sent: [String] {
    defer { channel.sent = [] }
    return channel.sent
  }

  var filters: [String] { channel.filters }
  var timeout: Instant? { exchange.pollTimeout() }
  var lostAnswers: Int { exchange.lostAnswers }
}

@Suite("What the platform sends, over whatever carries it (device guide 4 to 6)")
struct DownlinkExchangeTests {
  @Test func `bytes without an id are told once where the transport says that they come again`()
    throws
  {
    let desk = try Desk()
    #expect(desk.take("thing/model/down_raw", "1") == "request 100")
    // The same bytes may be another request, unless they are marked.
    desk.channel.isDownlinkRepeated = true
    #expect(desk.take("thing/model/down_raw", "1") == "dropped the same request came before")
    desk.channel.isDownlinkRepeated = false
    #expect(desk.take("thing/model/down_raw", "1") == "request 101")
  }

  @Test func `a filter is asked for each kind that is taken`() throws {
    let desk = try Desk {
      $0.taken = DownlinkKinds()
      $0.taken.insert(.propertySet)
      $0.taken.insert(.service)
      $0.taken.insert(.firmware)
    }
    #expect(desk.listen().isEmpty)
    #expect(
      desk.filters == [
        "/sys/pk/device/thing/service/property/set", "/sys/pk/device/thing/service/+",
        "/ota/device/upgrade/pk/device",
      ]
    )
  }

  @Test func `kinds that cannot be asked for are told`() throws {
    let desk = try Desk()
    desk.channel.takesFilters = false
    #expect(desk.listen() == .device)
  }

  @Test func `a request is handed over once and answered once`() throws {
    let desk = try Desk()
    #expect(desk.set(1) == "request 100")
    #expect(desk.set(1) == "dropped the same request came before")
    #expect(desk.sent == [])
    #expect(desk.answer(100, .success, #"{"a":1}"#) == nil)
    #expect(
      desk.sent == [
        #"/sys/pk/device/thing/service/property/set_reply {"id":"1","code":200,"data":{"a":1}}"#
      ]
    )
    #expect(desk.answer(100) == .refused(.answered))
    #expect(desk.answer(7) == .refused(.unknown))
    #expect(desk.sent == [])
  }

  @Test func `what is wrong, what finds no place and commands are answered at once`() throws {
    let desk = try Desk()
    #expect(desk.take("thing/service/property/set", #"{"id":"1"}"#).hasPrefix("refused"))
    #expect(
      desk.sent == [
        #"/sys/pk/device/thing/service/property/set_reply {"id":"1","code":460,"data":{}}"#
      ]
    )
    #expect(
      desk.take(
        "thing/disable",
        #"{"id":"2","version":"1.0","params":{},"method":"thing.disable"}"#
      ) == "notice"
    )
    #expect(desk.sent == [#"/sys/pk/device/thing/disable_reply {"id":"2","code":200,"data":{}}"#])
    #expect(desk.set(3) == "request 100" && desk.set(4) == "request 101")
    #expect(desk.set(5) == "refused too many requests wait for their answers")
    #expect(
      desk.sent == [
        #"/sys/pk/device/thing/service/property/set_reply {"id":"5","code":429,"data":{}}"#
      ]
    )
  }

  @Test func `what is not answered in time is answered with 400`() throws {
    let desk = try Desk()
    #expect(desk.set(1) == "request 100")
    #expect(desk.timeout == desk.now + Milliseconds(30_000))
    #expect(desk.advance(29_999) == [])
    #expect(desk.advance(1) == [100])
    #expect(
      desk.sent == [
        #"/sys/pk/device/thing/service/property/set_reply {"id":"1","code":400,"data":{}}"#
      ]
    )
    #expect(desk.answer(100) == .refused(.late))
    #expect(desk.timeout == nil)
  }

  @Test func `a synchronous call is answered in time or not at all`() throws {
    let desk = try Desk()
    #expect(desk.take("rrpc/request/77", "ping") == "request 100")
    #expect(desk.answer(100, .success) == .refused(.form))
    #expect(desk.answer(100, bytes: "pong") == nil)
    #expect(desk.sent == ["/sys/pk/device/rrpc/response/77 pong"])
    #expect(desk.take("rrpc/request/78", "ping") == "request 101")
    #expect(desk.advance(4_000) == [101])
    #expect(desk.answer(101, bytes: "pong") == .refused(.late))
    #expect(desk.sent == [])
  }

  @Test func `an answer that did not leave can be given again while there is time`() throws {
    let desk = try Desk()
    #expect(desk.set(1) == "request 100")
    desk.channel.hasRoom = false
    #expect(desk.answer(100) == .notSent(isOpen: true))
    desk.channel.hasRoom = true
    #expect(desk.answer(100) == nil)
    #expect(desk.sent.count == 1)
  }

  @Test func `an answer of the device's own waits for a connection, and not for ever`() throws {
    let desk = try Desk()
    desk.channel.hasRoom = false
    #expect(desk.take("thing/service/property/set", #"{"id":"1"}"#).hasPrefix("refused"))
    #expect(desk.timeout == desk.now + Milliseconds(1_000))
    #expect(desk.advance(1_000) == [] && desk.sent == [])
    desk.channel.hasRoom = true
    #expect(desk.advance(999) == [] && desk.sent == [])
    #expect(desk.advance(1) == [] && desk.sent.count == 1)
    #expect(desk.timeout == nil)
    desk.channel.hasRoom = false
    #expect(desk.take("thing/service/property/set", #"{"id":"2"}"#).hasPrefix("refused"))
    #expect(desk.advance(30_000) == [])
    desk.channel.hasRoom = true
    #expect(desk.advance(30_000) == [] && desk.sent == [])
    #expect(desk.lostAnswers == 1 && desk.timeout == nil)
  }

  @Test func `no more than eight answers wait`() throws {
    let desk = try Desk()
    desk.channel.hasRoom = false
    for id in 1...9 { _ = desk.take("thing/service/property/set", #"{"id":"\#(id)"}"#) }
    #expect(desk.lostAnswers == 1)
    desk.channel.hasRoom = true
    _ = desk.advance(1_000)
    #expect(desk.sent.count == 8)
  }

  @Test func `an answer that is no object, or too long, leaves the request open`() throws {
    let desk = try Desk()
    #expect(desk.set(1) == "request 100")
    #expect(desk.answer(100, .success, "[1]") == .refused(.notAnObject))
    let long = #"{"a":""# + String(repeating: "x", count: 256) + #""}"#
    #expect(desk.answer(100, .success, long) == .refused(.capacity))
    #expect(desk.answer(100) == nil)
  }
}
