// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import CoAPMessage
import ConstrainedCore
import PayloadValues
import Platform
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("RFC 7959: answers that are longer than a message")
struct AnswerBlocksTests {
  /// A platform that answers with a thing model of some 5 KB, and a device that takes up to `limit`.
  private func world(
    _ layer: Layer,
    limit: Int? = 65_536,
    link: LossyLink = LossyLink(loss: 0, duplication: 0, delay: 10...10, seed: 1),
    _ configure: (inout SimulatorConfiguration) -> Void = { _ in }
  ) throws -> World {
    let properties = (0..<70).map {
      #"{"identifier":"p\#($0)","dataType":{"type":"int","specs":{"min":"0","max":"9"}}}"#
    }.joined(separator: ",")
    let model = try ProductModel(json: Array((#"{"properties":["# + properties + "]}").utf8))
    var product = SimulatedProduct(key: World.productKey)
    product.thingModel = model
    let world = try World(layer, link: link) {
      $0.products = [product]
      configure(&$0)
    }
    if let limit { world.session.takeAnswersInBlocks(upTo: limit) }
    return world
  }

  private func fetch(_ world: inout World) throws -> ReportResult? {
    world.events.removeAll()
    world.parts.removeAll()
    _ = try world.session.perform(.model, at: world.now)
    try world.run()
    for case .report(let result) in world.events { return result }
    return nil
  }

  @Test(arguments: Layer.allCases)
  func `every part comes, and opens as a whole`(layer: Layer) throws {
    var world = try world(layer)
    let result = try #require(try fetch(&world))
    #expect(result.outcome == .acknowledged)
    #expect(result.extent == .inBlocks)
    #expect(result.messageID.isEmpty == !layer.hasSequence)
    let whole = try world.session.openAnswer(world.parts + world.session.answer)
    #expect(PayloadValue(whole, .json)?["data"]?["properties"]?.elements?.count == 70)
    #expect(try world.report("x")?.extent == .whole)
    #expect(world.session.counters.authentications == 1)
  }

  @Test(arguments: Layer.allCases, 1...20)
  func `parts that are lost and doubled are asked for again`(layer: Layer, seed: Int) throws {
    let link = LossyLink(loss: 0.2, duplication: 0.1, delay: 50...1_500, seed: UInt64(seed))
    var world = try world(layer, link: link)
    let result = try #require(try fetch(&world))
    // Whatever the link does: all of it and right, or said not to be.
    switch (result.outcome, result.extent) {
    case (.acknowledged, .inBlocks):
      let whole = try world.session.openAnswer(world.parts + world.session.answer)
      #expect(PayloadValue(whole, .json)?["data"]?["properties"]?.elements?.count == 70)
    case (.acknowledged, .incomplete): #expect(world.session.answer.isEmpty)
    case (_, let extent): #expect(extent == .whole)
    }
    #expect(world.session.isIdle)
  }

  @Test(arguments: Layer.allCases, [nil, 1_024, 3_000])
  func `what is longer than wanted is incomplete, and nothing else suffers`(
    layer: Layer,
    limit: Int?
  ) throws {
    var world = try world(layer, limit: limit)
    let result = try #require(try fetch(&world))
    #expect(result.outcome == .acknowledged)
    #expect(result.extent == .incomplete)
    #expect(world.session.answer.isEmpty)
    #expect(try world.report("x")?.outcome == .acknowledged)
    #expect(world.session.counters.authentications == 1)
  }

  /// The platform has the request once its first part has come.
  @Test(arguments: Layer.allCases)
  func `a platform that falls silent amid the parts has the request all the same`(
    layer: Layer
  ) throws {
    var world = try world(layer)
    _ = try world.session.perform(.model, at: world.now)
    while world.parts.isEmpty {
      try world.step()
      let next = [world.session.pollTimeout(), world.link.nextArrival].compactMap { $0 }.min()
      world.now = max(world.now, next ?? world.now)
    }
    world.isDead = true
    try world.run()
    var result: ReportResult?
    for case .report(let found) in world.events { result = found }
    #expect(result?.outcome == .acknowledged)
    #expect(result?.extent == .incomplete)
    #expect(world.session.answer.isEmpty)
  }

  @Test(arguments: Layer.allCases)
  func `a token that expires amid the parts ends them, and the next report has another`(
    layer: Layer
  ) throws {
    var world = try world(layer) { $0.tokenLifetime = Milliseconds(10_000) }
    _ = try world.session.perform(.model, at: world.now)
    while world.parts.isEmpty {
      try world.step()
      let next = [world.session.pollTimeout(), world.link.nextArrival].compactMap { $0 }.min()
      world.now = max(world.now, next ?? world.now)
    }
    // The next request is on its way; the platform gets it when the token is over.
    world.now = world.now + Milliseconds(11_000)
    try world.run()
    var result: ReportResult?
    for case .report(let found) in world.events { result = found }
    #expect(result?.outcome == .acknowledged)
    #expect(result?.extent == .incomplete)
    #expect(try world.report("x")?.outcome == .acknowledged)
    #expect(world.session.counters.authentications == 2)
  }

  /// A part of an answer as nobody should send it, or as they should.
  private func part(
    of request: [UInt8],
    _ block: UInt32,
    tag: UInt8,
    count: Int
  ) throws -> [UInt8] {
    let message = try MessageView(request.span)
    var buffer = [UInt8](repeating: 0xA5, count: 1_200)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: .acknowledgement,
      code: .content,
      messageID: message.messageID,
      token: message.token
    )
    try writer.option(.eTag, uint: UInt64(tag))
    try writer.option(.block2, uint: UInt64(block))
    let payload = [UInt8](repeating: 7, count: count)
    try writer.payload(payload.span)
    let length = writer.count
    return Array(buffer[..<length])
  }

  /// Block2 is number, a bit for more, and SZX: 6 for 1,024 bytes.
  @Test(arguments: [
    // The first part is not the first; a part is left out; comes again; is of another answer; is not full.
    [(0x1E, 1, 1_024)], [(0x0E, 1, 1_024), (0x26, 1, 10)], [(0x0E, 1, 1_024), (0x06, 1, 10)],
    [(0x0E, 1, 1_024), (0x16, 2, 10)], [(0x0E, 1, 1_023)], [(0x0E, 1, 1_024), (0x1E, 1, 10)],
    // A larger one than was asked for, at a place where one may begin; the last one longer than its size.
    [(0x0D, 1, 512), (0x1D, 1, 512), (0x26, 1, 10)],
    [(0x0D, 1, 512), (0x1D, 1, 512), (0x16, 1, 10)], [(0x0D, 1, 512), (0x15, 1, 513)],
    // Smaller blocks from there on, whose number is another place; and a size that there is none of.
    [(0x0E, 1, 1_024), (0x12, 1, 10)], [(0x0E, 1, 1_024), (0x17, 1, 10)],
    // Without end: as many as the limit allows.
    Array(repeating: (0x0E, 1, 1_024), count: 1) + (1...99).map { ($0 << 4 | 0xE, 1, 1_024) },
  ])
  func `parts that do not fit together are no answer`(parts: [(Int, Int, Int)]) throws {
    var world = try world(.symmetric)
    var next = 0
    world.intercept = {
      guard !isAuthentication($0) else { return nil }
      guard next < parts.count else { return [] }
      let (block, tag, count) = parts[next]
      next += 1
      return (try? part(of: $0, UInt32(block), tag: UInt8(tag), count: count)).map { [$0] }
    }
    let result = try #require(try fetch(&world))
    #expect(result.outcome == .acknowledged)
    #expect(result.extent == .incomplete)
    #expect(world.parts.count <= 65_536)
    world.intercept = nil
    #expect(try world.report("x")?.outcome == .acknowledged)
  }

  @Test(arguments: [false, true])
  func `blocks of 16 bytes cost no more than 64 further requests, with Size2 not one`(
    isSizeTold: Bool
  ) throws {
    var world = try world(.symmetric)
    var asked = 0
    world.intercept = { request in
      guard !isAuthentication(request) else { return nil }
      let number = asked
      asked += 1
      return answer(
        to: request,
        .content,
        payload: [UInt8](repeating: 7, count: 16),
        options: [(.eTag, [1]), (.block2, [UInt8(number >> 4), UInt8(number & 15) << 4 | 8])]
          + (isSizeTold ? [(.size2, [0x02, 0, 0])] : [])
      )
    }
    let result = try #require(try fetch(&world))
    #expect(result.outcome == .acknowledged)
    #expect(result.extent == .incomplete)
    #expect(result.gap == .tooLong)
    #expect(asked == (isSizeTold ? 1 : 65))
    #expect(result.answerGap?.contains("64") == true)
  }

  @Test func `what broke is said`() throws {
    let first = (0x0E, 1, 1_024)
    let cases: [([(Int, Int, Int)], AnswerGap)] = [
      ([(0x1E, 1, 1_024)], .unexpected), ([first, (0x26, 1, 10)], .unexpected),
      ([first, (0x16, 2, 10)], .changed), ([(0x0E, 1, 1_023)], .wrongSize), ([first], .unanswered),
      ([(0x0D, 1, 512), (0x1D, 1, 512), (0x16, 1, 10)], .unexpected),
      ([(0x0D, 1, 512), (0x15, 1, 513)], .wrongSize),
    ]
    var sentences: Set<String> = []
    for (parts, gap) in cases {
      var world = try world(.symmetric)
      var next = 0
      world.intercept = {
        guard !isAuthentication($0) else { return nil }
        guard next < parts.count else { return [] }
        let (block, tag, count) = parts[next]
        next += 1
        return (try? part(of: $0, UInt32(block), tag: UInt8(tag), count: count)).map { [$0] }
      }
      let result = try #require(try fetch(&world))
      #expect(result.gap == gap)
      if let sentence = result.answerGap { sentences.insert(sentence) }
    }
    #expect(sentences.count == 4)
    var refused = try world(.symmetric)
    var isFirst = true
    refused.intercept = {
      guard !isAuthentication($0) else { return nil }
      defer { isFirst = false }
      return isFirst
        ? (try? part(of: $0, 0x0E, tag: 1, count: 1_024)).map { [$0] } : answer(to: $0, .notFound)
    }
    #expect(try #require(try fetch(&refused)).gap == .refused(.notFound))
    var untaken = try world(.symmetric, limit: nil)
    #expect(try #require(try fetch(&untaken)).gap == .notTaken)
  }
}
