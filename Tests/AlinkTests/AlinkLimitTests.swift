// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import ConstrainedCore
import PayloadCoding
import Testing

/// What the platform would refuse costs no airtime.
@Suite("Device guide 4 and 6: limits before sending")
struct AlinkLimitTests {
  private let one: (inout JSONWriter) throws(CapacityError) -> Void = {
    (w: inout JSONWriter) throws(CapacityError) in try w.integer(1)
  }

  /// A program that fills a message until no more fits must not send what was begun last.
  @Test func `what had no room ends the request, even if the error is caught`() throws {
    var buffer = [UInt8](repeating: 0xA5, count: 256)
    let text = bytes(String(repeating: "x", count: 300))
    var request = try AlinkRequest<PropertyPost, CBORWriter>(buffer.mutableSpan, id: 1)
    try request.add("a") { (w: inout CBORWriter) throws(CapacityError) in try w.integer(1) }
    var failures: [AlinkError] = []
    do throws(AlinkError) {
      try request.add("b") { (w: inout CBORWriter) throws(CapacityError) in
        try w.string(text.span)
      }
    } catch {
      failures.append(error)
    }
    do throws(AlinkError) { _ = try request.finish() } catch { failures.append(error) }
    #expect(failures == [.capacity, .capacity])
  }

  @Test(arguments: [(200, nil), (201, AlinkError.tooManyProperties)])
  func `200 properties fit, one more does not`(count: Int, error: AlinkError?) {
    #expect(
      failure {
        _ = try json(PropertyPost.self, capacity: 10_000) { post throws(AlinkError) in
          for number in 0..<count {
            let name = bytes("p\(number)")
            try post.add(name.span, one)
          }
        }
      } == error
    )
  }

  @Test(arguments: [(20, nil), (21, AlinkError.tooManyEvents)])
  func `20 events fit in a pack, one more does not`(count: Int, error: AlinkError?) {
    #expect(
      failure {
        _ = try json(PackPost.self, capacity: 10_000) { pack throws(AlinkError) in
          for number in 0..<count {
            let name = bytes("e\(number)")
            try pack.event(name.span, time: 1) { (_: inout JSONWriter) throws(CapacityError) in }
          }
        }
      } == error
    )
  }

  @Test(arguments: [(20, nil), (21, AlinkError.tooManySubDevices)])
  func `20 sub-devices fit in a pack, one more does not`(count: Int, error: AlinkError?) {
    let product = bytes("pk")
    #expect(
      failure {
        _ = try json(PackPost.self, capacity: 10_000) { pack throws(AlinkError) in
          for number in 0..<count {
            let name = bytes("device\(number)")
            try pack.subDevice(productKey: product.span, deviceName: name.span)
          }
        }
      } == error
    )
  }

  /// The limit holds for the message, whichever device the properties belong to.
  @Test func `200 properties fit in a pack, one more of a sub-device does not`() {
    let (product, name) = (bytes("pk"), bytes("device"))
    #expect(
      failure {
        _ = try json(PackPost.self, capacity: 20_000) { pack throws(AlinkError) in
          for number in 0..<200 {
            let name = bytes("p\(number)")
            try pack.property(name.span, time: 1, one)
          }
          try pack.subDevice(productKey: product.span, deviceName: name.span)
          try pack.property("p", time: 1, one)
        }
      } == .tooManyProperties
    )
  }

  @Test(arguments: [(200, nil), (201, AlinkError.tooManyTags)])
  func `200 tags fit, one more does not`(count: Int, error: AlinkError?) {
    let value = bytes("v")
    #expect(
      failure {
        _ = try json(TagUpdate.self, capacity: 20_000) { update throws(AlinkError) in
          for number in 0..<count {
            let key = bytes("k\(number)")
            try update.add(key: key.span, value: value.span)
          }
        }
      } == error
    )
    #expect(
      failure {
        _ = try json(TagDelete.self, capacity: 20_000) { delete throws(AlinkError) in
          for number in 0..<count {
            let key = bytes("k\(number)")
            try delete.add(key: key.span)
          }
        }
      } == error
    )
  }

  @Test(arguments: [
    ("_", true), ("a1_", true), (String(repeating: "k", count: 64), true),
    ("", false), ("1a", false), ("a-b", false), ("ä", false),
    (String(repeating: "k", count: 65), false),
  ])
  func `a tag's key is as the guide wants it`(key: String, isGood: Bool) {
    let (key, value) = (bytes(key), bytes("v"))
    #expect(
      failure {
        _ = try json(TagUpdate.self) { update throws(AlinkError) in
          try update.add(key: key.span, value: value.span)
        }
      } == (isGood ? nil : .tagKey)
    )
  }

  @Test(arguments: [
    ([UInt8]("36.8".utf8), true), ([UInt8]("A_b-c.9".utf8), true), ([UInt8]("杭州".utf8), true),
    ([UInt8]("〇𠀀".utf8), true), ([], false), ([UInt8]("a b".utf8), false),
    ([UInt8]("é".utf8), false), ([UInt8]("ひ".utf8), false), ([0xE6, 0x9D], false),
    ([0xFF], false), ([0x80], false),
  ])
  func `a tag's value is as the guide wants it`(value: [UInt8], isGood: Bool) {
    #expect(
      failure {
        _ = try json(TagUpdate.self) { update throws(AlinkError) in
          try update.add(key: "k", value: value.span)
        }
      } == (isGood ? nil : .tagValue)
    )
  }

  @Test(arguments: [
    "", "property", "a/b", "a.b", "a+b", "a b", "a\"b", String(repeating: "p", count: 65),
  ])
  func `an identifier that is no part of a topic is refused`(identifier: String) {
    let identifier = bytes(identifier)
    #expect(
      failure {
        _ = try json(EventPost.self) { post throws(AlinkError) in
          try post.event(identifier.span) { (_: inout JSONWriter) throws(CapacityError) in }
        }
      } == .identifier
    )
  }

  @Test(arguments: [
    ("pk", "abc", AlinkError.deviceName), ("pk", "device!", .deviceName),
    ("", "device", .productKey), ("p k", "device", .productKey),
    ("pk", String(repeating: "d", count: 33), .deviceName),
  ])
  func `names of sub-devices are checked`(product: String, device: String, error: AlinkError) {
    let (product, device) = (bytes(product), bytes(device))
    #expect(
      failure {
        _ = try json(DeviceFound.self) { found throws(AlinkError) in
          try found.add(productKey: product.span, deviceName: device.span)
        }
      } == error
    )
  }

  @Test(arguments: [(0, false), (1, true), (100, true), (101, false)])
  func `percent are 1 to 100`(percent: UInt8, isGood: Bool) {
    #expect(
      failure {
        _ = try json(FirmwareProgress.self) { progress throws(AlinkError) in
          try progress.progress(.percent(percent))
        }
      } == (isGood ? nil : .progress)
    )
  }

  @Test func `a request without a member is refused, and so is a second event`() {
    #expect(failure { _ = try json(PropertyPost.self) { _ throws(AlinkError) in } } == .empty)
    #expect(failure { _ = try json(EventPost.self) { _ throws(AlinkError) in } } == .empty)
    #expect(
      failure {
        _ = try json(EventPost.self) { post throws(AlinkError) in
          try post.event("a") { (_: inout JSONWriter) throws(CapacityError) in }
          try post.event("b") { (_: inout JSONWriter) throws(CapacityError) in }
        }
      } == .secondEvent
    )
  }

  @Test func `a property after an event is refused`() {
    #expect(
      failure {
        _ = try json(PackPost.self) { pack throws(AlinkError) in
          try pack.event("e", time: 1) { (_: inout JSONWriter) throws(CapacityError) in }
          try pack.property("p", time: 1, one)
        }
      } == .order
    )
  }

  private func failure(_ body: () throws -> Void) -> AlinkError? {
    do {
      try body()
      return nil
    } catch let error as AlinkError {
      return error
    } catch {
      Issue.record("no limit's error: \(error)")
      return nil
    }
  }
}
