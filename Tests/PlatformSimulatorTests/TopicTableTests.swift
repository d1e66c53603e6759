// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import Foundation
import PlatformCore
import PlatformSimulator
import Testing

/// Files in the repository.
enum Repository {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static func text(_ path: String) -> String {
    (try? String(contentsOf: root.appending(path: path), encoding: .utf8)) ?? ""
  }

  /// The cells of a text's tables, without header and separator rows.
  static func rows(_ text: String) -> [[String]] {
    var rows: [[String]] = []
    for line in text.split(separator: "\n") where line.hasPrefix("|") {
      let cells = line.dropFirst().dropLast().split(
        separator: "|",
        omittingEmptySubsequences: false
      )
      .map { $0.trimmingCharacters(in: .whitespaces) }
      if cells.allSatisfy({ $0.allSatisfy { $0 == "-" } && $0.count > 1 }) {
        rows.removeLast()
      } else {
        rows.append(cells)
      }
    }
    return rows
  }
}

/// A row of docs/topics.md.
struct TopicRow: CustomTestStringConvertible, Sendable {
  let topic: String
  let permission: String
  let code: Code?
  let hasReply: Bool

  static let all = Repository.rows(Repository.text("docs/topics.md")).map { cells in
    TopicRow(
      topic: String(cells[0].split(separator: "`").first ?? ""),
      permission: cells[1],
      code: Code(dotted: cells[2]),
      hasReply: cells[3] == "reply"
    )
  }

  var testDescription: String { topic }

  /// The topic of the test's device.
  var path: String {
    let segments = topic.split(separator: "/").map { segment -> String in
      switch segment {
      case "PK": "pk"
      case "DN": "device"
      case "EVENT": "alarm"
      case "ID": "17"
      default: String(segment).replacing("SERVICE", with: "SetWeight")
      }
    }
    return "topic/" + segments.joined(separator: "/")
  }
}

@Suite("docs/topics.md: what a device gets for each kind of topic")
struct TopicTableTests {
  @Test(arguments: TopicRow.all)
  func `a report gets what the table says`(row: TopicRow) throws {
    var bench = try ThingBench()
    let answer = try bench.send(row.path, Array("{}".utf8))
    #expect(answer.record.code == row.code)
    #expect(answer.payload.isEmpty != row.hasReply)
    let code: Code =
      switch row.permission {
      case "publish": .content
      case "subscribe": .forbidden
      default: row.topic.contains("/other") && row.code == .forbidden ? .forbidden : .notFound
      }
    #expect(code == row.code, "the table contradicts itself")
    #expect(answer.record.code?.isSuccess == true || !answer.record.note.isEmpty)
  }

  @Test(arguments: TopicRow.all)
  func `any topic that bears the device's name is taken where that is asked for`(
    row: TopicRow
  ) throws {
    var bench = try ThingBench { $0.takesAnyTopic = true }
    let answer = try bench.send(row.path, Array("{}".utf8))
    let names = ["pk", "device"]
    let segments = row.path.split(separator: "/").map(String.init)
    let bearsName = (1...4).contains { segments.dropFirst($0).prefix(2).elementsEqual(names) }
    let hasWildcard = row.topic.contains("+") || row.topic.contains("#")
    #expect(answer.record.code == (hasWildcard ? .notFound : bearsName ? .content : .forbidden))
  }

  @Test func `the table has every kind of topic, each once`() {
    let topics = TopicRow.all.map(\.topic)
    #expect(Set(topics).count == topics.count)
    #expect(topics.count > 80)
    for name in [
      "event/property/post", "event/EVENT/post", "event/property/pack/post", "deviceinfo/update",
      "deviceinfo/delete", "property/desired/get", "property/desired/delete", "config/get",
      "dsltemplate/get", "topo/add", "topo/delete", "topo/get", "list/found", "sub/register",
      "model/up_raw",
    ] {
      #expect(topics.contains("/sys/PK/DN/thing/\(name)"))
      #expect(topics.contains("/sys/PK/DN/thing/\(name)_reply"))
    }
  }

  @Test func `classes are the product's, and of two with one name the later one counts`() throws {
    var product = SimulatedProduct(key: "pk")
    product.topicClasses = [TopicClass("user/own"), TopicClass("user/get", .both)]
    var other = SimulatedProduct(key: "other")
    other.topicClasses = [TopicClass("user/others")]
    let products = [product, other]
    var bench = try ThingBench {
      $0.products = products
      $0.topicClasses += [TopicClass("user/all"), TopicClass("user/update", .subscribe)]
    }
    for (name, code) in [
      ("own", Code.content), ("get", .content), ("all", .content), ("update", .forbidden),
      ("others", .notFound), ("own/more", .notFound),
    ] {
      let answer = try bench.send("topic/pk/device/user/\(name)", [1])
      #expect(answer.record.code == code, "\(name)")
    }
  }

  @Test func `of services those of the thing model have answers, where there is one`() throws {
    var product = SimulatedProduct(key: "pk")
    product.thingModel = try ProductModel(
      json: Array(#"{"services":[{"identifier":"SetWeight","inputData":[]}]}"#.utf8)
    )
    let products = [product]
    var bench = try ThingBench { $0.products = products }
    for (name, code) in [
      ("SetWeight_reply", Code.content), ("SetWeight", .forbidden), ("nix_reply", .notFound),
      ("nix", .notFound), ("property/set_reply", .content),
    ] {
      let answer = try bench.send("topic/sys/pk/device/thing/service/\(name)", [1])
      #expect(answer.record.code == code, "\(name)")
    }
  }

  @Test(arguments: [false, true])
  func `a slash within a segment makes it another resource`(takesAnyTopic: Bool) throws {
    for path in [
      ["topic", "pk", "device", "user/update"], ["topic", "pk/device", "user", "update"],
      ["topic", "sys", "pk", "device", "thing/event/property/post"],
      ["topic", "pk", "device", "user", "update\0"],
    ] {
      var bench = Bench { $0.takesAnyTopic = takesAnyTopic }
      let session = try bench.session()
      let number = try session.seal("2")
      let payload = try session.seal("{}")
      let options: [(UInt16, [UInt8])] = [(2_088, session.token), (2_089, number)]
      let record = try bench.send(path, options, payload)
      // With --any-topic the first topic without the device's name belongs to another device.
      #expect(record.code == .notFound, "\(path)")
      #expect(record.topicRemedies == TopicRemedies())
    }
    var bench = Bench()
    #expect(try bench.send(["topic/pk/device/user/update"]).code == .notFound)
    #expect(try bench.send(["auth/register/device"]).path == "/auth%2Fregister%2Fdevice")
  }

  @Test func `a topic's 128 bytes are counted as they came`() throws {
    // /pk/device/ and 117 bytes: control characters are one byte each.
    for (count, code) in [(117, Code.notFound), (118, .pathTooLong)] {
      var bench = try ThingBench()
      let name = String(repeating: "\u{1}", count: count)
      #expect(try bench.send("topic/pk/device/\(name)", [1]).record.code == code)
    }
  }

  @Test func `what would have a topic taken is what truly takes it`() throws {
    let custom = TopicClass("user/data")
    var product = SimulatedProduct(key: "pk")
    product.topicClasses = [TopicClass("user/down", .subscribe)]
    let products = [product]
    for (topic, wanted, isOfProduct, isAny) in [
      ("pk/device/user/data", custom, false, true),
      ("pk/device/user/get", TopicClass("user/get", .both), false, true),
      ("pk/device/user/down", TopicClass("user/down", .both), true, true),
      ("pk/device/user/+", nil, false, false), ("pk/device", nil, false, true),
      ("ext/register", nil, false, false), ("ext/error", nil, false, false),
      ("ext/rrpc/1/pk/device/user/get", nil, false, true),
      ("ota/device/inform/pk", nil, false, false), ("pk/other/user/data", nil, false, false),
      ("sys/pk/device/thing/other", nil, false, true), ("shadow/get/pk/device", nil, false, true),
    ] as [(String, TopicClass?, Bool, Bool)] {
      var bench = try ThingBench { $0.products = products }
      let remedies = try bench.send("topic/\(topic)", [1]).record.topicRemedies
      #expect(remedies.topicClass == wanted, "\(topic)")
      #expect(remedies.isOfProduct == isOfProduct, "\(topic)")
      #expect(remedies.isAnyTopicEnough == isAny, "\(topic)")
      var open = try ThingBench { $0.takesAnyTopic = true }
      let isTaken = try open.send("topic/\(topic)", [1]).record.code == .content
      #expect(isTaken == isAny, "\(topic)")
      guard let wanted else { continue }
      var classed = try ThingBench {
        $0.products = products
        if isOfProduct {
          $0.products[0].topicClasses.append(wanted)
        } else {
          $0.topicClasses.append(wanted)
        }
      }
      #expect(try classed.send("topic/\(topic)", [1]).record.code == .content)
    }
  }

  @Test func `a refused topic uses no sequence number, and the record says why`() throws {
    var bench = try ThingBench()
    let refused = try bench.send("topic/pk/device/user/data", [1])
    #expect(refused.record.topicRefusal == .unknown)
    #expect(refused.record.note == "the product has no topic class of that name")
    let down = try bench.send("topic/ota/device/upgrade/pk/device", [1])
    #expect(down.record.topicRefusal == .subscribeOnly)
    let foreign = try bench.send("topic/pk/other/user/update", [1])
    #expect(foreign.record.topicRefusal == .foreign)
    let taken = try bench.send("topic/pk/device/user/update", [1])
    #expect(taken.record.topicRefusal == nil)
  }

  @Test func `the codes are assumptions, and the SDKs' status report can be refused`() throws {
    var bench = try ThingBench {
      $0.assumptions.unknownTopic = .badRequest
      $0.assumptions.subscribeTopic = .methodNotAllowed
      $0.assumptions.foreignTopic = .notFound
      $0.assumptions.platform.refusesStatusUpdate = true
    }
    for (topic, code) in [
      ("pk/device/user/data", Code.badRequest), ("pk/device/user/get", .methodNotAllowed),
      ("pk/other/user/update", .notFound), ("sys/pk/device/thing/status/update", .badRequest),
    ] {
      #expect(try bench.send("topic/\(topic)", [1]).record.code == code, "\(topic)")
    }
    let status = try bench.send("topic/sys/pk/device/thing/status/update", [1])
    #expect(status.record.topicRemedies == TopicRemedies())
  }

  @Test func `a device's answer to RRPC is kept like any other`() throws {
    var bench = try ThingBench()
    _ = try bench.send("topic/sys/pk/device/rrpc/response/17", Array(#"{"code":200}"#.utf8))
    #expect(try bench.state.answers.map(\.topic) == ["/sys/pk/device/rrpc/response/17"])
  }
}
