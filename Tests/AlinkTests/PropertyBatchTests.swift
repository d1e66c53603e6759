// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import ConstrainedCore
import PayloadCoding
import TestSupport
import Testing

@Suite("A batch of properties")
struct PropertyBatchTests {
  private func fill<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ batch: inout PropertyBatch<Writer>,
    upTo limit: Int = 300
  ) throws -> Int {
    for number in 0..<limit {
      let name = bytes("p\(number)")
      do throws(AlinkError) {
        try batch.add(name.span) { (w: inout Writer) throws(CapacityError) in
          try w.integer(Int64(number))
        }
      } catch {
        #expect(error == .batchFull || error == .tooManyProperties)
        return number
      }
    }
    return limit
  }

  /// The count is that of the request, byte for byte, in either format and over the 24th member, where
  /// CBOR's head grows.
  @Test(arguments: [0, 1, 23, 24, 40])
  func `its size is that of the request`(count: Int) throws {
    var json = PropertyBatch<JSONWriter>()
    #expect(try fill(&json, upTo: count) == count)
    var cbor = PropertyBatch<CBORWriter>()
    #expect(try fill(&cbor, upTo: count) == count)
    guard count > 0 else { return }
    var buffer = [UInt8](repeating: 0xA5, count: 1_024)
    var first = try AlinkRequest<PropertyPost, JSONWriter>(buffer.mutableSpan, id: .max)
    try first.add(json)
    #expect(try first.finish() == json.byteCount)
    var second = try AlinkRequest<PropertyPost, CBORWriter>(buffer.mutableSpan, id: .max)
    try second.add(cbor)
    #expect(try second.finish() == cbor.byteCount)
  }

  @Test func `it is full at its limit, never beyond it, and stays as it was`() throws {
    var batch = PropertyBatch<JSONWriter>(limit: 300)
    let count = try fill(&batch)
    #expect(batch.count == count)
    #expect(batch.byteCount <= 300)
    let before = batch.byteCount
    let name = bytes("another")
    let cost = try batch.cost(ofAdding: name.span) { (w: inout JSONWriter) throws(CapacityError) in
      try w.string("a value that is longer than what is left of the limit")
    }
    #expect(cost == nil)
    #expect(throws: AlinkError.batchFull) {
      try batch.add("another") { (w: inout JSONWriter) throws(CapacityError) in
        try w.string("a value that is longer than what is left of the limit")
      }
    }
    #expect(batch.byteCount == before)
    batch.removeAll()
    #expect(batch.count == 0)
    #expect(try fill(&batch) == count)
  }

  @Test func `a value's cost is what the batch then grows by, in bytes and in blocks`() throws {
    let overhead = MessageOverhead(bytes: 190, cipherBlock: 16)
    var batch = PropertyBatch<JSONWriter>(overhead: overhead)
    var blocks = batch.cost.blocks
    for number in 0..<20 {
      let name = bytes("temperature\(number)")
      let value: (inout JSONWriter) throws(CapacityError) -> Void = {
        (w: inout JSONWriter) throws(CapacityError) in try w.integer(21)
      }
      let before = batch.cost
      let cost = try #require(try batch.cost(ofAdding: name.span, value))
      try batch.add(name.span, value)
      #expect(batch.cost.bytes == before.bytes + cost.bytes)
      #expect(batch.cost.blocks == before.blocks + cost.blocks)
      #expect(cost.bytes % 16 == 0)
      blocks += cost.blocks
    }
    #expect(blocks == batch.cost.blocks)
    // PKCS #7: a payload of 16 bytes takes 32.
    #expect(overhead.cost(ofPayload: 16) == MessageOverhead(bytes: 222).cost(ofPayload: 0))
    #expect(MessageOverhead().cost(ofPayload: 125).blocks == 1)
    #expect(MessageOverhead().cost(ofPayload: 126).blocks == 2)
  }

  /// An object has each name once: the second value needs another message.
  @Test func `a property comes once, and one that begins like it is another one`() throws {
    var json = PropertyBatch<JSONWriter>()
    var cbor = PropertyBatch<CBORWriter>()
    for name in ["ab", "a", "abc"] {
      let name = bytes(name)
      try json.add(name.span) { (w: inout JSONWriter) throws(CapacityError) in try w.null() }
      try cbor.add(name.span) { (w: inout CBORWriter) throws(CapacityError) in try w.null() }
    }
    #expect(throws: AlinkError.repeated) {
      try json.add("a") { (w: inout JSONWriter) throws(CapacityError) in try w.null() }
    }
    #expect(throws: AlinkError.repeated) {
      try cbor.add("a") { (w: inout CBORWriter) throws(CapacityError) in try w.null() }
    }
  }

  @Test func `200 properties and no more`() throws {
    var batch = PropertyBatch<CBORWriter>()
    batch.usesPlainValues = true
    var count = 0
    for number in 0..<300 {
      let name = bytes(String(number, radix: 36))
      do throws(AlinkError) {
        try batch.add(name.span) { (w: inout CBORWriter) throws(CapacityError) in try w.null() }
        count += 1
      } catch {
        #expect(error == .tooManyProperties)
      }
    }
    #expect(count == 200)
  }

  @Test(arguments: [127, 1_025])
  func `a batch outside of 128 to 1,024 bytes is a mistake of the caller's`(limit: Int) async {
    let result = await #expect(
      processExitsWith: .failure,
      observing: [\.standardErrorContent]
    ) { [limit = limit as Int] in
      _ = PropertyBatch<JSONWriter>(limit: limit)
    }
    let said = complaint(result?.standardErrorContent)
    #expect(said.contains("a batch has 128 to 1,024 bytes"))
  }
}
