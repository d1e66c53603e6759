// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DurableReports
import Foundation
import GatewayLink
import GatewaySessions
import PayloadValues
import PlatformBroker
import PlatformCore
import ReportLink
import TestSupport
import Testing

@Suite("Device guide 5 and 6.4: sub-devices over their gateway's link and outbox")
struct GatewayLinkTests {
  @Test func `a report waits for its sub-device's login, and holds up nobody`() throws {
    try withFolder { folder in
      let gateway = try Gateway(["one01", "two02", "three"], in: folder)
      try gateway.logIn("one01")
      try gateway.logIn("two02", secret: "wrong")
      // The one that cannot log in has more reports, and earlier ones, than may be under way.
      var waiting: [UInt64] = []
      for value in 0..<40 { waiting.append(try gateway.report("two02", value)) }
      waiting.append(try gateway.report("three", 1))
      let first = try gateway.report("one01", 1)
      let own = try gateway.report("gateway", 1, of: "pk")
      gateway.run()
      #expect(Set(gateway.delivered) == [first, own])
      let wrong = try #require(gateway.numbers["two02"])
      #expect(gateway.events.contains(.session(.refused(wrong, .code(6_287), retryAfter: nil))))
      // Meanwhile others are not kept waiting.
      gateway.delivered = []
      let second = try gateway.report("one01", 2)
      gateway.run(for: 100)
      #expect(gateway.delivered == [second])
      // The right secret: all follow right after the login, in order.
      gateway.delivered = []
      gateway.running.reports.link.sessions.remove(wrong)
      try gateway.logIn("two02")
      try gateway.logIn("three")
      let start = gateway.line.now
      gateway.run { $0.delivered.count == waiting.count }
      #expect((gateway.line.now - start).count < 2_000)
      #expect(Set(gateway.delivered) == Set(waiting))
      let values = gateway.values(of: "two02").compactMap {
        $0.firstMatch(of: /"value":([0-9]+)/).flatMap { Int($0.1) }
      }
      #expect(values == Array(0..<40))
      #expect(gateway.values(of: "three").count == 1)
    }
  }

  @Test func `after a login one SUBSCRIBE asks for all, and the platform's requests come`() throws {
    try withFolder { folder in
      let gateway = try Gateway(["one01"], in: folder)
      try gateway.logIn("one01")
      gateway.run()
      let number = try #require(gateway.numbers["one01"])
      #expect(gateway.events == [.session(.online(number)), .listening(number)])
      let own = gateway.line.subscribes.filter { $0.contains { $0.hasPrefix("/sys/sub/one01/") } }
      #expect(own.count == 1)
      #expect(own.first?.count == 7)
      var push = PushRequest(.propertySet, productKey: "sub", deviceName: "one01")
      push.parameters = ["p": 1]
      gateway.line.take(gateway.line.front.push(push, at: gateway.line.now).output)
      gateway.run()
      #expect(gateway.downlinks == ["/sys/sub/one01/thing/service/property/set"])
    }
  }

  @Test func `a session that ends while a report is under way has it sent again`() throws {
    try withFolder { folder in
      let gateway = try Gateway(["one01"], in: folder)
      try gateway.logIn("one01")
      gateway.run()
      // The platform has lost the session: it tells so, and acknowledges what it drops.
      _ = gateway.line.front.close("sub/one01", notice: false, at: gateway.line.now)
      let id = try gateway.report("one01", 7)
      gateway.run()
      #expect(gateway.delivered == [id])
      #expect(gateway.values(of: "one01").count == 2)
      let state = gateway.core.things.state(productKey: "sub", deviceName: "one01")
      #expect(state?.properties["p"]?.value == 7)
    }
  }

  @Test func `disable, delete and topo delete end a session, and its reports wait`() throws {
    try withFolder { folder in
      let names = ["off01", "gone1", "loose"]
      let gateway = try Gateway(names + ["good1"], in: folder)
      for name in names + ["good1"] { try gateway.logIn(name) }
      gateway.run()
      let (line, front) = (gateway.line, gateway.line.front)
      for (kind, name) in [(PushRequest.Kind.disable, "off01"), (.delete, "gone1")] {
        let push = PushRequest(kind, productKey: "sub", deviceName: name)
        line.take(front.push(push, at: line.now).output)
      }
      let topology = Array("/sys/pk/gateway/thing/topo/delete".utf8)
      let payload = Array(
        (#"{"id":"1","version":"1.0","method":"thing.topo.delete","params":[{"deviceName":"loose","#
          + #""productKey":"sub"}]}"#).utf8
      )
      _ = gateway.running.reports.send(
        topic: topology.span,
        payload: payload.span,
        quality: .atLeastOnce,
        at: line.now
      )
      gateway.run()
      #expect(names.map { gateway.isOnline($0) } == [false, false, false])
      for name in names { try gateway.report(name, 1, commits: false) }
      try gateway.running.reports.commit()
      let good = try gateway.report("good1", 1)
      gateway.run()
      #expect(gateway.delivered == [good])
      #expect(gateway.pendingReports == 3)
      // Each of them has some room of its own, whatever the others have.
      let shutOut = names.compactMap {
        gateway.running.reports.link.shutOutDevice(of: Array("/sub/\($0)/user/x".utf8).span)
      }
      #expect(Set(shutOut).count == 3)
      for number in shutOut {
        let spares = (0..<20).map { _ in gateway.running.reports.link.takeSpare(number) }
        #expect(spares == (0..<20).map { $0 < 16 })
      }
    }
  }

  @Test func `the reply to a sub-device's report is read`() throws {
    try withFolder { folder in
      var settings = GatewaySettings()
      settings.readsReplies = true
      let gateway = try Gateway(["one01"], in: folder, settings: settings)
      try gateway.logIn("one01")
      gateway.run()
      // The platform acknowledges it, and says 460.
      let first = try gateway.report("one01", 1, hasParameters: false)
      let second = try gateway.report("one01", 2)
      gateway.run()
      #expect(gateway.rejected == [first])
      #expect(gateway.delivered == [second])
      // Nothing of it is the owner's.
      #expect(gateway.downlinks.isEmpty)
    }
  }

  private func deviceName(in login: String) -> String {
    login.firstMatch(of: /"deviceName":"([^"]+)"/).map { String($0.1) } ?? ""
  }

  /// 1,500 with NBIOT_SUB_DEVICES=1500, as `make torture` has it.
  @Test func `many sub-devices report twice over a connection that is cut`() throws {
    let count = ProcessInfo.processInfo.environment["NBIOT_SUB_DEVICES"].flatMap(Int.init) ?? 200
    try withFolder { folder in
      let names = (0..<count).map { "meter\($0)" }
      let gateway = try Gateway(names, in: folder, maxBytes: 2_000_000)
      for name in names { try gateway.logIn(name) }
      for name in names { try gateway.report(name, 1, commits: false) }
      try gateway.running.reports.commit()
      let start = gateway.line.now
      // Cut amid the logins and reports.
      gateway.run(for: Int64(count) * 10)
      #expect((count / 4..<count).contains(gateway.onlineCount))
      gateway.line.cut()
      gateway.run(for: 90_000) { $0.delivered.count == count }
      #expect(gateway.onlineCount == count)
      // A second or two to connect, and 20 ms for each login.
      #expect((gateway.line.now - start).count < Int64(count) * 35 + 5_000)
      gateway.line.cut()
      for name in names { try gateway.report(name, 2, commits: false) }
      try gateway.running.reports.commit()
      let cut = gateway.line.now
      gateway.run(for: 90_000) { $0.delivered.count == 2 * count }
      #expect((gateway.line.now - cut).count < Int64(count) * 25 + 5_000)
      #expect(gateway.onlineCount == count)
      #expect(gateway.core.onlineSubDevices.count == count)
      #expect(Set(gateway.delivered).count == 2 * count)
      var logins: [String: Int] = [:]
      var sent: [String: Int] = [:]
      for message in gateway.line.published {
        if message.topic.hasSuffix("/login") {
          logins[deviceName(in: message.payload), default: 0] += 1
        }
        if message.topic.hasSuffix("/post") { sent[message.topic, default: 0] += 1 }
      }
      // Each logs in once a connection, of which there were three; the first was cut amid the logins.
      #expect(logins.count == count)
      #expect(logins.values.allSatisfy { (2...3).contains($0) }, "\(logins)")
      // Each report goes out once.
      #expect(sent.count == count)
      #expect(sent.values.allSatisfy { $0 == 2 })
      #expect(gateway.isDone)
    }
  }

  @Test(arguments: 0..<20)
  func `killed at random amid logins and reports, nothing is lost`(seed: Int) throws {
    try withFolder { folder in
      let names = (0..<20).map { "meter\($0)" }
      let gateway = try Gateway(names, in: folder)
      var random = SeededRandom(seed: UInt64(seed) + 77)
      var accepted: Set<UInt64> = []
      for _ in 0..<10 {
        try gateway.start()
        for name in names { try gateway.logIn(name) }
        for _ in 0..<random.next() % 30 {
          let name = names[Int(random.next() % 20)]
          accepted.insert(try gateway.report(name, Int(random.next() % 1_000)))
        }
        gateway.line.lostAcknowledgements = Int(random.next() % 3)
        gateway.run(for: Int64(random.next() % 1_500))
      }
      gateway.line.lostAcknowledgements = 0
      try gateway.start()
      for name in names { try gateway.logIn(name) }
      gateway.run(for: 400_000)
      #expect(Set(gateway.delivered) == accepted, "seed \(seed)")
      #expect(gateway.onlineCount == 20, "seed \(seed)")
      #expect(gateway.core.onlineSubDevices.count == 20, "seed \(seed)")
    }
  }
}
