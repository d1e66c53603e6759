// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("Protocol facts 2.1: POST /pull")
struct DownlinkTests {
  @Test func `what waits comes in order, and once`() throws {
    var bench = try ThingBench()
    #expect(try bench.send("pull", Array(#"{"pageSize":"10"}"#.utf8)).value == [])
    for number in 1...3 {
      bench.bench.platform.things.call(
        "thing.service.property.set",
        ["level": .integer(Int64(number))],
        productKey: "pk",
        deviceName: "device"
      )
    }
    let two = try bench.send("pull", Array(#"{"pageSize":"2"}"#.utf8))
    #expect(two.record.kind == .pull)
    #expect(two.record.code == .content)
    #expect(two.contentFormat == 50)
    let elements = try #require(two.value?.elements)
    #expect(elements.count == 2)
    #expect(elements[0]["topic"] == "/sys/pk/device/thing/service/property/set")
    let payload = try #require(elements[0]["payload"])
    #expect(payload["method"] == "thing.service.property.set")
    #expect(payload["version"] == "1.0")
    #expect(payload["params"] == ["level": 1])
    let ask = PayloadValue.object([.init("pageSize", "10")]).encoded(.cbor)
    let rest = try bench.send("pull", ask, contentFormat: 60)
    #expect(rest.contentFormat == 60)
    #expect(rest.value?.elements?.count == 1)
    #expect(try bench.send("pull", Array(#"{"pageSize":"10"}"#.utf8)).value == [])
  }

  @Test(arguments: [
    "", "{}", "[]", #"{"pageSize":1}"#, #"{"pageSize":"0"}"#, #"{"pageSize":"11"}"#,
    #"{"pageSize":"01"}"#, #"{"pageSize":"x"}"#,
  ])
  func `a wrong page size is refused`(text: String) throws {
    var bench = try ThingBench()
    let answer = try bench.send("pull", Array(text.utf8))
    #expect(answer.record.code == .badRequest)
    #expect(answer.bytes.isEmpty)
  }

  @Test func `token and number are checked as in a report`() throws {
    var bench = try ThingBench()
    let payload = try bench.session.seal(#"{"pageSize":"1"}"#)
    let number = try bench.session.seal("9")
    #expect(try bench.bench.send(["pull"], [], payload).code == .badRequest)
    let unknown: [(UInt16, [UInt8])] = [(2_088, [1]), (2_089, number)]
    #expect(try bench.bench.send(["pull"], unknown, payload).code == .unauthorized)
    let good: [(UInt16, [UInt8])] = [(2_088, bench.session.token), (2_089, number)]
    #expect(try bench.bench.send(["pull"], good, payload, code: .get).code == .methodNotAllowed)
    #expect(try bench.bench.send(["pull"], good, payload).code == .content)
    #expect(try bench.bench.send(["pull"], good, payload).code == .badRequest)
  }

  @Test func `a page fits one message, and the queue is bounded`() throws {
    var bench = try ThingBench()
    let text = String(repeating: "x", count: 300)
    for number in 0..<120 {
      bench.bench.platform.things.enqueue(
        DownlinkMessage(topic: "/\(number)", payload: .text(text)),
        productKey: "pk",
        deviceName: "device"
      )
    }
    var topics: [String] = []
    while let page = try bench.send("pull", Array(#"{"pageSize":"10"}"#.utf8)).value?.elements {
      guard !page.isEmpty else { break }
      #expect(page.count == 3 || topics.count + page.count == 100)
      topics += page.compactMap { $0["topic"]?.string }
    }
    #expect(topics == (20..<120).map { "/\($0)" })
    // A message too long for a datagram comes in blocks.
    bench.bench.platform.things.enqueue(
      DownlinkMessage(topic: "/long", payload: .text(String(repeating: "y", count: 1_500))),
      productKey: "pk",
      deviceName: "device"
    )
    let first = try bench.send("pull", Array(#"{"pageSize":"10"}"#.utf8))
    #expect(first.block?.isMore == true)
    let next = BlockOption(offset: 1_024, isMore: false, size: .largest)
    let second = try bench.send("pull", [], block: next)
    #expect(second.block?.isMore == false)
    let whole = try #require(try bench.session.open(first.bytes + second.bytes))
    #expect(PayloadValue(whole, .json)?.elements?.first?["topic"] == "/long")
  }

  @Test func `firmware and configuration wait as the platform pushes them`() throws {
    var product = SimulatedProduct(key: "pk")
    product.firmware = ThingProductTests.firmware
    product.remoteConfiguration = .file(
      RemoteFile(identifier: "i", url: "https://h/c", size: 5, sha256: "ab")
    )
    var bench = try ThingBench { [product] in
      $0.products = [product]
      $0.downlink = ["pk/device": [DownlinkMessage(topic: "/first", payload: 1)]]
      $0.desired = ["pk/device": [.init("power", "on")]]
    }
    #expect(try bench.state.desired["power"]?.version == 1)
    let isFirmware = bench.bench.platform.things.pushFirmware(
      productKey: "pk",
      deviceName: "device"
    )
    let isConfiguration = bench.bench.platform.things.pushConfiguration(
      productKey: "pk",
      deviceName: "device"
    )
    let isUnknown = bench.bench.platform.things.pushFirmware(productKey: "pk", deviceName: "x")
    #expect(isFirmware && isConfiguration && !isUnknown)
    let page = try bench.send("pull", Array(#"{"pageSize":"3"}"#.utf8)).value?.elements
    #expect(
      page?.compactMap { $0["topic"]?.string } == [
        "/first", "/ota/device/upgrade/pk/device", "/sys/pk/device/thing/config/push",
      ]
    )
    #expect(page?[1]["payload"]?["code"] == "1000")
    #expect(page?[2]["payload"]?["params"]?["configId"] == "i")
  }
}
