// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("RFC 7959: an answer that is longer than a message")
struct ReplyBlockTests {
  static let path = "topic/sys/pk/device/thing/dsltemplate/get"
  static let request = Array(ThingBench.envelope("thing.dsltemplate.get", "{}").utf8)

  /// A model of about 5 KB.
  static func bench() throws -> (ThingBench, PayloadValue) {
    let properties = (0..<70).map {
      #"{"identifier":"p\#($0)","name":"Property \#($0)","dataType":{"type":"int"}}"#
    }
    let model = try ProductModel(
      json: Array(#"{"properties":[\#(properties.joined(separator: ","))]}"#.utf8)
    )
    var product = SimulatedProduct(key: "pk")
    product.thingModel = model
    return (try ThingBench { $0.products = [product] }, model.definition)
  }

  @Test(arguments: [1_024, 512, 16], [PayloadValue.Format.json, .cbor])
  func `the whole answer comes in blocks of the size asked for`(
    size: Int,
    format: PayloadValue.Format
  ) throws {
    var (bench, model) = try Self.bench()
    let blockSize = BlockSize(atMost: size)
    let first = BlockOption(offset: 0, isMore: false, size: blockSize)
    var answer = try bench.send(
      Self.path,
      Self.request,
      accept: UInt8(format.rawValue),
      block: size == 1_024 ? nil : first
    )
    let tag = answer.tag
    #expect(tag.count == 4)
    var sealed: [UInt8] = []
    while let block = answer.block {
      #expect(block.offset == sealed.count)
      #expect(answer.tag == tag)
      #expect(answer.record.code == .content)
      #expect(answer.contentFormat == format.rawValue)
      sealed += answer.bytes
      guard block.isMore else { break }
      #expect(answer.bytes.count == size)
      let next = BlockOption(offset: sealed.count, isMore: false, size: blockSize)
      answer = try bench.send(Self.path, [], block: next)
    }
    #expect(sealed.count > 2_048)
    let plain = try #require(try bench.session.open(sealed))
    #expect(PayloadValue(plain, format)?["data"] == model)
    #expect(answer.record.line.contains("POST"))
  }

  @Test func `a block that there is not is refused`() throws {
    var (bench, _) = try Self.bench()
    let second = BlockOption(offset: 1_024, isMore: false, size: .largest)
    let early = try bench.send(Self.path, [], block: second)
    #expect(early.record.code == .requestEntityIncomplete)
    _ = try bench.send(Self.path, Self.request)
    let elsewhere = try bench.send("topic/sys/pk/device/thing/topo/get", [], block: second)
    #expect(elsewhere.record.code == .requestEntityIncomplete)
    let far = BlockOption(offset: 1_024 * 1_000, isMore: false, size: .largest)
    #expect(try bench.send(Self.path, [], block: far).record.code == .badRequest)
    #expect(try bench.send(Self.path, [], block: second).record.code == .content)
  }

  @Test func `auth and other answers have no blocks`() throws {
    var bench = try ThingBench()
    let payload = Array(try Bench.valid().utf8)
    let refused = try bench.bench.send(["auth"], [(12, [50]), (17, [50]), (23, [6])], payload)
    #expect(refused.code == .badOption)
    let reserved = try bench.bench.send(["auth"], [(12, [50]), (17, [50]), (23, [7])], payload)
    #expect(reserved.code == .badRequest)
    let first = BlockOption(offset: 0, isMore: false, size: .largest)
    let short = try bench.send(
      "topic/sys/pk/device/thing/topo/get",
      Array(ThingBench.envelope("thing.topo.get", "{}").utf8),
      block: first
    )
    #expect(short.code == 200)
    #expect(short.block == nil)
  }
}
