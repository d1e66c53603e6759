// SPDX-License-Identifier: Apache-2.0
import Alink
import ConstrainedCore
import Platform
import Testing

@Suite("Requests of the platform: handed over once, answered once, never left")
struct OpenRequestTests {
  private static let set = "thing/service/property/set"

  private func request(_ id: Int, _ params: String = "{}") -> String {
    alink("thing.service.property.set", params, id: "\"\(id)\"")
  }

  @Test func `an answer has the id, the code and the data, on the topic of the answer`() {
    let desk = Desk()
    #expect(desk.take(Self.set, request(12)) == "request 1 propertySet {}")
    #expect(desk.dispatcher.openCount == 1)
    #expect(desk.answer(1) == #"thing/service/property/set_reply {"id":"12","code":200,"data":{}}"#)
    #expect(desk.dispatcher.openCount == 0)
    _ = desk.take("thing/service/Weigh", alink("thing.service.Weigh"))
    let code = DeviceReplyCode(rawValue: 100_001) ?? .success
    #expect(
      desk.answer(2, code, #"{"kg": 1.50}"#)
        == #"thing/service/Weigh_reply {"id":"7","code":100001,"data":{"kg": 1.50}}"#
    )
  }

  @Test func `a request that is being worked on is not handed over again`() {
    let desk = Desk()
    _ = desk.take(Self.set, request(1))
    #expect(desk.take(Self.set, request(1), isMarked: true) == "dropped")
    #expect(desk.fault == .repeated)
    #expect(desk.take(Self.set, request(1, #"{"a":2}"#)) == "dropped")
    #expect(desk.fault == .idInUse)
    #expect(
      desk.take("thing/service/Weigh", alink("thing.service.Weigh", id: "1"))
        == "request 2 service {}"
    )
  }

  @Test func `one that was answered is not handed over again, but another with its id is`() {
    let desk = Desk()
    _ = desk.take(Self.set, request(1))
    _ = desk.answer(1)
    #expect(desk.take(Self.set, request(1)) == "dropped")
    #expect(desk.fault == .repeated)
    #expect(desk.take(Self.set, request(1, #"{"a":2}"#)) == #"request 2 propertySet {"a":2}"#)
  }

  @Test func `one that was refused or answered at once is not answered again`() {
    let desk = Desk()
    #expect(desk.take(Self.set, request(1, "[]")).hasPrefix("refused"))
    #expect(desk.take(Self.set, request(1, "[]")) == "dropped")
    #expect(desk.take("thing/disable", alink("thing.disable")).hasPrefix("notice"))
    #expect(desk.take("thing/disable", alink("thing.disable")) == "dropped")
  }

  @Test func `what was answered is forgotten after its time`() {
    let desk = Desk()
    _ = desk.take(Self.set, request(1))
    _ = desk.answer(1, at: 10)
    #expect(desk.take(Self.set, request(1), at: 3_600_009) == "dropped")
    #expect(desk.take(Self.set, request(1), at: 3_600_010) == "request 2 propertySet {}")
  }

  @Test func `a second answer, one to no request and one of another form are refused`() {
    let desk = Desk()
    _ = desk.take(Self.set, request(1))
    #expect(desk.answer(0) == "unknown")
    #expect(desk.answer(2) == "unknown")
    #expect(desk.answer(1, bytes: [1]) == "form")
    for (data, error) in [
      ("[]", "not an object"), ("1", "not an object"), ("{", "not an object"),
      ("{}x", "not an object"),
      (#"{"a":1,"a":1}"#, "name twice at 8"),
    ] {
      #expect(desk.answer(1, .success, data) == error)
    }
    #expect(desk.answer(1, .success, "{}", capacity: 20) == "capacity")
    #expect(desk.answer(1).hasPrefix("thing/"))
    #expect(desk.answer(1) == "answered")
    _ = desk.take("thing/model/down_raw", "a")
    #expect(desk.answer(2) == "form")
    #expect(desk.answer(2, bytes: [0, 255]) == "thing/model/down_raw_reply 00ff")
    #expect(desk.answer(2, bytes: []) == "answered")
  }

  @Test func `an answer to a request whose place was given away is refused, too`() {
    let desk = Desk()
    for id in 1...6 {
      _ = desk.take(Self.set, request(id))
      _ = desk.answer(UInt32(id), at: Int64(id))
    }
    for number in 1...6 { #expect(desk.answer(UInt32(number)) == "answered") }
    #expect(desk.answer(7) == "unknown")
    // The two that were answered first gave their places away.
    #expect(desk.take(Self.set, request(6)) == "dropped")
    #expect(desk.take(Self.set, request(1)).hasPrefix("request 7"))
  }

  @Test func `a full table answers 429 at once, and drops bytes`() {
    let desk = Desk()
    for id in 1...4 { _ = desk.take(Self.set, request(id)) }
    #expect(
      desk.take(Self.set, request(5))
        == #"refused thing/service/property/set_reply {"id":"5","code":429,"data":{}}"#
    )
    #expect(desk.fault == .tooManyOpen)
    #expect(desk.take("rrpc/request/1", alink("thing.service.a")).contains(#""code":429"#))
    #expect(desk.take("thing/model/down_raw", "a") == "dropped")
    #expect(desk.fault == .tooManyOpen)
    #expect(desk.take("thing/disable", alink("thing.disable")).hasPrefix("notice"))
    _ = desk.answer(3)
    // It was not handed over, so that it may come again.
    #expect(desk.take(Self.set, request(5)) == "request 5 propertySet {}")
  }

  @Test func `what is not answered in time is answered with 400, once`() {
    let desk = Desk()
    _ = desk.take(Self.set, request(1), at: 0)
    _ = desk.take(Self.set, request(2), at: 1_000)
    #expect(desk.deadline == 30_000)
    #expect(desk.expire(at: 29_999).isEmpty)
    #expect(
      desk.expire(at: 30_000)
        == [#"1 propertySet thing/service/property/set_reply {"id":"1","code":400,"data":{}}"#]
    )
    #expect(desk.expire(at: 30_000).isEmpty)
    #expect(desk.deadline == 31_000)
    #expect(desk.answer(1, at: 30_000) == "late")
    #expect(desk.take(Self.set, request(1), at: 30_001) == "dropped")
    #expect(desk.answer(2, at: 31_000) == "late")
    #expect(desk.expire(at: 90_000).count == 1)
    #expect(desk.deadline == nil)
  }

  @Test func `synchronous calls are answered within their time or not at all`() {
    let desk = Desk()
    _ = desk.take("rrpc/request/1", alink("thing.service.Weigh"), at: 0)
    _ = desk.take("rrpc/request/2", "hi", at: 0)
    _ = desk.take("/ext/rrpc/3/a", "hi", at: 0)
    #expect(desk.deadline == 4_000)
    #expect(desk.answer(1, at: 3_999) == #"rrpc/response/1 {"id":"7","code":200,"data":{}}"#)
    #expect(desk.answer(2, at: 3_999) == "form")
    #expect(desk.answer(2, bytes: [1], at: 4_000) == "late")
    #expect(desk.expire(at: 4_000) == ["2 synchronousCall nothing", "3 customCall nothing"])
    #expect(desk.answer(3, bytes: [1], at: 4_000) == "late")
  }

  @Test func `raw bytes that nobody answers are left: bytes have no code`() {
    let desk = Desk()
    _ = desk.take("thing/model/down_raw", "a")
    #expect(desk.expire(at: 30_000) == ["1 rawDown nothing"])
  }

  @Test func `raw bytes come again only with the mark of a repetition`() {
    let desk = Desk()
    _ = desk.take("thing/model/down_raw", "a")
    #expect(desk.take("thing/model/down_raw", "a", isMarked: true) == "dropped")
    #expect(desk.take("thing/model/down_raw", "a") == "request 2 rawDown 61")
    #expect(desk.take("thing/model/down_raw", "b", isMarked: true) == "request 3 rawDown 62")
  }

  /// Its answer goes to its own topic, which the device has subscribed to.
  @Test func `the answer to a custom call that comes back is no call`() {
    let desk = Desk()
    #expect(desk.take("/ext/rrpc/3/a", "hi") == "request 1 customCall 6869")
    #expect(desk.answer(1, bytes: bytes("ok")) == "/ext/rrpc/3/a 6f6b")
    #expect(desk.take("/ext/rrpc/3/a", "ok") == "dropped")
    #expect(desk.fault == .repeated)
  }

  @Test func `a call of the thing model may be answered with bytes`() {
    let desk = Desk()
    _ = desk.take("rrpc/request/1", alink("thing.service.Weigh"))
    #expect(desk.answer(1, bytes: [7]) == "rrpc/response/1 07")
  }

  @Test func `an answer that was lost on the way out may be given again in its time`() {
    let desk = Desk()
    _ = desk.take(Self.set, request(1))
    #expect(!desk.loses(1, at: 0))
    _ = desk.answer(1)
    #expect(desk.loses(1, at: 100))
    #expect(desk.deadline == 30_000)
    #expect(desk.answer(1, at: 200).hasPrefix("thing/"))
    #expect(!desk.loses(1, at: 30_000))
    #expect(!desk.loses(9, at: 0))
  }

  @Test func `a firmware and a sub-device's error are handed over each time, other notices once`() {
    let desk = Desk()
    let firmware = #"{"code":1000,"data":{"version":"2"},"id":1}"#
    let error = #"{"id":"3","code":520}"#
    let configuration =
      #"{"id":7,"version":"1.0","method":"thing.model.config.push","data":{"digest":"\#(String(repeating: "ab", count: 32))","url":"https://h/f"}}"#
    for _ in 1...2 {
      #expect(desk.take("/ota/device/upgrade/pk/device", firmware).hasPrefix("notice firmware"))
      #expect(desk.take("/ext/error/pk/device", error).hasPrefix("notice subDeviceError"))
    }
    #expect(desk.downlink?.code == .noSession)
    #expect(desk.take("thing/model/config/push", configuration).hasPrefix("notice"))
    #expect(desk.take("thing/model/config/push", configuration) == "dropped")
    #expect(desk.dispatcher.openCount == 0)
  }

  @Test func `numbers go on where they are told to, and leave 0 out`() {
    let desk = Desk(firstNumber: .max)
    #expect(desk.take(Self.set, request(1)).hasPrefix("request \(UInt32.max) "))
    #expect(desk.take(Self.set, request(2)).hasPrefix("request 1 "))
    #expect(desk.answer(2) == "unknown")
    #expect(desk.answer(.max).hasPrefix("thing/"))
    #expect(Desk(firstNumber: 0).take(Self.set, request(1)).hasPrefix("request 1 "))
  }

  /// A platform that repeats, answers that come late or twice, over simulated days.
  @Test(arguments: [UInt64(1), 2, 3])
  func `whatever happens, a request is handed over once and answered once`(seed: UInt64) {
    var random = SeededNumbers(state: seed)
    let desk = Desk()
    // The numbers that were handed over, each with how often it was answered, by the owner or at its end.
    var answers: [Int] = []
    var now: Int64 = 0
    for _ in 0..<6_000 {
      now += Int64(random.next() % 3_000)
      for line in desk.expire(at: now) { answers[index(of: line)] += 1 }
      if random.next() % 2 == 0 {
        let id = Int(random.next() % 400) + Int(now / 3_600_000) * 400
        if desk.take(Self.set, request(id), at: now).hasPrefix("request ") {
          answers.append(0)
          #expect(desk.downlink?.number == UInt32(answers.count), "seed \(seed)")
        }
      } else if !answers.isEmpty {
        let back = Int(random.next() % UInt64(min(answers.count, 8)))
        let number = UInt32(answers.count - back)
        if desk.answer(number, at: now).hasPrefix("thing/") { answers[Int(number) - 1] += 1 }
      }
      #expect(desk.dispatcher.openCount <= 4, "seed \(seed)")
    }
    for line in desk.expire(at: now + 30_000) { answers[index(of: line)] += 1 }
    #expect(answers.count > 500, "seed \(seed)")
    #expect(answers.allSatisfy { $0 == 1 }, "seed \(seed)")
  }

  /// The place of the number that a line about an end begins with.
  private func index(of line: String) -> Int {
    guard let number = Int(line.prefix { $0 != " " }) else {
      preconditionFailure("a line has a number")
    }
    return number - 1
  }
}

/// Numbers that are the same for the same seed.
private struct SeededNumbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state >> 33 ^ state
  }
}
