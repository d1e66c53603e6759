// SPDX-License-Identifier: Apache-2.0
import Alink
import ConstrainedCore
import Platform
import Testing

@Suite("Device guide 4 to 6: the topics on which the platform sends")
struct DownlinkTopicTests {
  /// A row of the guide: the topic, what it is, the name in it and where the answer goes.
  struct Row: Sendable, CustomTestStringConvertible {
    let kind: DownlinkKind
    let topic: String
    var name = ""
    var answer: String?

    var testDescription: String { "\(kind) \(topic)" }
  }

  static let rows: [Row] = [
    Row(
      kind: .propertySet,
      topic: "thing/service/property/set",
      answer: "thing/service/property/set_reply"
    ),
    Row(
      kind: .propertyGet,
      topic: "thing/service/property/get",
      answer: "thing/service/property/get_reply"
    ),
    Row(
      kind: .service,
      topic: "thing/service/SetWeight",
      name: "SetWeight",
      answer: "thing/service/SetWeight_reply"
    ),
    Row(
      kind: .synchronousCall,
      topic: "rrpc/request/892687470447040",
      name: "892687470447040",
      answer: "rrpc/response/892687470447040"
    ),
    Row(
      kind: .customCall,
      topic: "/ext/rrpc/12//pk/device/user/get",
      name: "12",
      answer: "/ext/rrpc/12//pk/device/user/get"
    ),
    Row(kind: .customCall, topic: "/ext/rrpc/12/a", name: "12", answer: "/ext/rrpc/12/a"),
    Row(kind: .rawDown, topic: "thing/model/down_raw", answer: "thing/model/down_raw_reply"),
    Row(kind: .firmware, topic: "/ota/device/upgrade/pk/device"),
    Row(kind: .configuration, topic: "thing/config/push", answer: "thing/config/push_reply"),
    Row(kind: .subDeviceConfiguration, topic: "thing/model/config/push"),
    Row(
      kind: .topologyAddition,
      topic: "thing/topo/add/notify",
      answer: "thing/topo/add/notify_reply"
    ),
    Row(kind: .disable, topic: "thing/disable", answer: "thing/disable_reply"),
    Row(kind: .enable, topic: "thing/enable", answer: "thing/enable_reply"),
    Row(kind: .delete, topic: "thing/delete", answer: "thing/delete_reply"),
    Row(kind: .subDeviceError, topic: "/ext/error/pk/device"),
    Row(kind: .desiredValues, topic: "thing/property/desired/get_reply"),
  ]

  @Test(arguments: rows)
  func `each has its kind, its name and its answer's topic`(row: Row) throws {
    let topic = bytes(whole(row.topic))
    let parts = try DownlinkTopic(topic.span)
    #expect(parts.kind == row.kind)
    #expect(String(decoding: topic[parts.name], as: UTF8.self) == row.name)
    #expect(answerTopic(parts, topic) == row.answer.map(whole) ?? "")
    #expect((row.answer == nil) == (row.kind.answer == .nothing))
    #expect(isOf(parts, device("pk", "device"), topic))
    #expect(isOf(parts, device("pk", "devicf"), topic) == (row.kind == .customCall))
    #expect(isOf(parts, device("pl", "device"), topic) == (row.kind == .customCall))
  }

  @Test func `every kind has a row`() {
    #expect(Set(Self.rows.map(\.kind)).count == 15)
    #expect(Set(Self.rows.map(\.kind)) == Set((0...255).compactMap { DownlinkKind(rawValue: $0) }))
  }

  @Test(arguments: [
    ("thing/service/SetWeight_reply", DownlinkFault.reply),
    ("thing/event/property/post_reply", .reply), ("rrpc/response/12", .reply),
    ("/ext/session/pk/device/combine/login_reply", .reply),
    ("thing/service/", .unknownTopic), ("thing/service/a/b", .unknownTopic),
    ("thing/service/property/other", .unknownTopic), ("thing/service/a.b", .unknownTopic),
    ("rrpc/request/", .unknownTopic), ("rrpc/request/1/2", .unknownTopic),
    ("thing/disable/", .unknownTopic), ("thing", .unknownTopic), ("", .unknownTopic),
    ("thing/event/property/post", .unknownTopic), ("/sys/pk/device", .unknownTopic),
    ("/sys//device/thing/disable", .unknownTopic), ("/sys/pk//thing/disable", .unknownTopic),
    ("/ota/device/upgrade/pk/device/", .unknownTopic), ("/ota/device/upgrade/pk", .unknownTopic),
    ("/ota/device/inform/pk/device", .unknownTopic), ("/ext/error/pk/device/x", .unknownTopic),
    ("/ext/rrpc/12", .unknownTopic), ("/ext/rrpc/12/", .unknownTopic),
    ("/ext/rrpc//a", .unknownTopic),
    ("/ext/notify", .unknownTopic), ("/pk/device/user/get", .unknownTopic), ("/", .unknownTopic),
    ("thing/service/+", .topic), ("/ext/rrpc/12/#", .topic), ("thing/service/a\u{1}", .topic),
    ("thing/service/a b", .topic), ("thing/service/a\u{7F}", .topic),
  ])
  func `other topics are refused`(topic: String, fault: DownlinkFault) {
    let topic = bytes(whole(topic))
    #expect(throws: fault) { _ = try DownlinkTopic(topic.span) }
  }

  @Test func `bytes that are not UTF-8, and 129 of them, are refused`() {
    let prefix = bytes("/sys/pk/device/rrpc/request/")
    let cut = prefix + [0xC3]
    #expect(throws: DownlinkFault.topic) { _ = try DownlinkTopic(cut.span) }
    let longest = prefix + [UInt8](repeating: 0x31, count: 128 - prefix.count)
    #expect(throws: Never.self) { _ = try DownlinkTopic(longest.span) }
    let longer = longest + [0x31]
    #expect(throws: DownlinkFault.topicTooLong(129)) { _ = try DownlinkTopic(longer.span) }
  }

  @Test(arguments: rows)
  func `no truncation and no flipped bit of a topic traps`(row: Row) {
    let topic = bytes(whole(row.topic))
    for count in 0..<topic.count { read(Array(topic[..<count])) }
    for bit in 0..<topic.count * 8 {
      var flipped = topic
      flipped[bit / 8] ^= 1 << (bit % 8)
      read(flipped)
    }
  }

  private func read(_ topic: [UInt8]) {
    guard let parts = try? DownlinkTopic(topic.span) else { return }
    #expect(parts.name.upperBound <= topic.count)
    #expect(answerTopic(parts, topic).isEmpty == (parts.kind.answer == .nothing))
  }

  private func isOf(_ parts: DownlinkTopic, _ device: DeviceIdentity, _ topic: [UInt8]) -> Bool {
    parts.isOf(device, topic.span)
  }
}

func answerTopic(_ parts: DownlinkTopic, _ topic: [UInt8]) -> String {
  var buffer = [UInt8](repeating: 0xA5, count: 160)
  var writer = ByteWriter(buffer.mutableSpan)
  do throws(CapacityError) {
    try parts.writeAnswerTopic(of: topic.span, into: &writer)
  } catch {
    return "no room"
  }
  let count = writer.count
  return String(decoding: buffer[..<count], as: UTF8.self)
}

@Suite("The filters that a device subscribes to")
struct DownlinkFilterTests {
  private func all(_ kinds: DownlinkKinds, customTopic: String = "") throws -> [String] {
    var filters = DownlinkFilters(kinds)
    let custom = bytes(customTopic)
    try filters.customTopic.replace(with: custom.span)
    var found: [String] = []
    var buffer = [UInt8](repeating: 0xA5, count: 128)
    let identity = device("pk", "device")
    while true {
      var writer = ByteWriter(buffer.mutableSpan)
      guard try filters.next(of: identity, into: &writer) != nil else { return found }
      let count = writer.count
      found.append(String(decoding: buffer[..<count], as: UTF8.self))
    }
  }

  @Test func `a device's are these`() throws {
    let expected = [
      "thing/service/property/set", "thing/service/property/get", "thing/service/+",
      "rrpc/request/+", "thing/model/down_raw", "/ota/device/upgrade/pk/device",
      "thing/config/push", "thing/disable", "thing/enable", "thing/delete",
      "thing/property/desired/get_reply",
    ]
    #expect(try all(.device) == expected.map(whole))
  }

  @Test func `a gateway has three more, and custom calls are asked for by themselves`() throws {
    let more = Set(try all(.gateway)).subtracting(try all(.device))
    #expect(
      more == [
        "/sys/pk/device/thing/model/config/push", "/sys/pk/device/thing/topo/add/notify",
        "/ext/error/pk/device",
      ]
    )
    var custom = DownlinkKinds()
    custom.insert(.customCall)
    #expect(try all(custom) == ["/ext/rrpc/+/#"])
    #expect(try all(custom, customTopic: "user/get") == ["/ext/rrpc/+/user/get"])
    #expect(try all(DownlinkKinds()).isEmpty)
  }

  /// Each topic comes by one filter, and no answer of the device comes back but a service's: `+` stands for any
  /// service, and the platform lets nobody subscribe to an answer.
  @Test func `each topic has one filter, and answers have none`() throws {
    let filters = try all(.all)
    for row in DownlinkTopicTests.rows {
      #expect(filters.filter { matches($0, whole(row.topic)) }.count == 1, "\(row.topic)")
      guard let answer = row.answer, row.kind != .service, row.kind != .customCall else { continue }
      #expect(!filters.contains { matches($0, whole(answer)) }, "\(answer)")
    }
  }

  @Test func `a filter that has no room comes again`() throws {
    var filters = DownlinkFilters(.device)
    var buffer = [UInt8](repeating: 0xA5, count: 64)
    let identity = device("pk", "device")
    var small = [UInt8](repeating: 0xA5, count: 20)
    do {
      var tooSmall = ByteWriter(small.mutableSpan)
      let isRefused = fails(&filters, identity, &tooSmall)
      let left = tooSmall.count
      #expect(isRefused)
      #expect(left == 0)
    }
    var writer = ByteWriter(buffer.mutableSpan)
    let kind = try filters.next(of: identity, into: &writer)
    #expect(kind == .propertySet)
  }

  private func fails(
    _ filters: inout DownlinkFilters,
    _ identity: DeviceIdentity,
    _ writer: inout ByteWriter
  ) -> Bool {
    do throws(CapacityError) {
      _ = try filters.next(of: identity, into: &writer)
      return false
    } catch {
      return true
    }
  }

  /// MQTT 3.1.1 Section 4.7.1.
  private func matches(_ filter: String, _ topic: String) -> Bool {
    let (levels, parts) = (
      filter.split(separator: "/", omittingEmptySubsequences: false),
      topic.split(separator: "/", omittingEmptySubsequences: false)
    )
    for (index, level) in levels.enumerated() {
      if level == "#" { return true }
      guard index < parts.count, level == "+" || level == parts[index] else { return false }
    }
    return levels.count == parts.count
  }
}
