// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import GatewaySessions
import OpenSSLSupport
import PayloadValues
import Platform
import PlatformBroker
import PlatformCore
import TestSupport
import Testing

@Suite("Device guide 5 and 6.4: a gateway logs its sub-devices in")
struct SubDeviceSessionsTests {
  @Test(arguments: SubDeviceSignMethod.allCases)
  func `each sign method, its request as the guide prints it`(method: SubDeviceSignMethod) throws {
    let bench = try Bench(["one01"])
    let one = try bench.add("one01", method: method)
    try bench.connect(topology: ["one01"])
    bench.run(for: 1_000)
    #expect(bench.sent.isEmpty)
    try bench.sessions.logIn(one, at: bench.now)
    bench.run(for: 1_000)
    #expect(bench.takeEvents() == [.online(one)])
    #expect(bench.isOnline(one))
    let request = try #require(bench.sent.first)
    #expect(request.method == "login")
    #expect(request.payload.members?.map(\.name) == ["id", "params"])
    #expect(
      request.payload["params"]?.members?.map(\.name) == [
        "productKey", "deviceName", "clientId", "timestamp", "signMethod", "sign", "cleanSession",
      ]
    )
    try bench.sessions.logOut(one, at: bench.now)
    bench.run(for: 1_000)
    #expect(bench.takeEvents() == [.offline(one, .loggedOut, retryAfter: nil)])
    #expect(bench.core.onlineSubDevices.isEmpty)
    bench.run()
    #expect(bench.sent.count == 2)
  }

  @Test func `1,500 sub-devices are all online again after a reconnect, within the limits`() throws
  {
    let names = (0..<1_500).map { "meter\($0)" }
    let bench = try Bench(names)
    for name in names { try bench.sessions.logIn(try bench.add(name), at: bench.now) }
    try bench.connect(topology: names)
    bench.run(for: 60_000)
    #expect(bench.core.onlineSubDevices.count == 1_500)
    #expect(bench.sessions.onlineCount == 1_500)
    #expect(bench.sent.count == 1_500)
    for name in names { bench.report(name, 1) }
    bench.disconnect()
    #expect(bench.sessions.onlineCount == 0)
    bench.now = bench.now + Milliseconds(5_000)
    bench.sent = []
    _ = bench.takeEvents()
    try bench.connect()
    let start = bench.now
    bench.run(for: 60_000)
    #expect(bench.core.onlineSubDevices.count == 1_500)
    #expect(bench.sent.count == 1_500)
    // Spread: no two at once, the last one half a minute later.
    let times = bench.sent.map { ($0.at - start).count }
    #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= 20 })
    #expect((29_000...32_000).contains(times.last ?? 0))
    // Others come first than before.
    let order = bench.sent.map { $0.payload["params"]?["deviceName"]?.string ?? "" }
    #expect(order != names)
    for name in names { bench.report(name, 2) }
    for name in names {
      let state = bench.core.things.state(productKey: "sub", deviceName: name)
      #expect(state?.properties["p"]?.value == 2)
    }
  }

  @Test func `a sub-device that cannot log in holds up nobody`() throws {
    let names = ["wrong", "loose", "absent", "good1", "good2"]
    let bench = try Bench(names.filter { $0 != "absent" })
    let wrong = try bench.add("wrong", secret: "other")
    let loose = try bench.add("loose")
    let absent = try bench.add("absent")
    let good = [try bench.add("good1"), try bench.add("good2")]
    for number in [wrong, loose, absent] + good { try bench.sessions.logIn(number, at: bench.now) }
    try bench.connect(topology: ["wrong", "good1", "good2"])
    bench.run()
    #expect(
      Set(bench.events.map(String.init(describing:)))
        == Set(
          [
            .refused(wrong, .code(6_287), retryAfter: nil),
            .refused(loose, .code(6_401), retryAfter: nil),
            .refused(absent, .code(6_100), retryAfter: nil), .online(good[0]), .online(good[1]),
          ].map { (event: SubDeviceEvent) in String(describing: event) }
        )
    )
    // None of them is tried again, also not over the next connection.
    #expect(bench.sent.count == 5)
    bench.disconnect()
    try bench.connect()
    bench.run()
    #expect(bench.sent.count == 7)
    // A command tries again.
    try bench.connect(topology: ["loose"])
    try bench.sessions.logIn(loose, at: bench.now)
    bench.run()
    #expect(bench.isOnline(loose))
  }

  @Test func `a sixth login within a minute waits`() throws {
    let bench = try Bench(["one01"])
    let one = try bench.add("one01")
    try bench.connect(topology: ["one01"])
    for _ in 0..<7 {
      try bench.sessions.logIn(one, at: bench.now)
      bench.run(for: 100)
      if !bench.isOnline(one) { break }
      try bench.sessions.logOut(one, at: bench.now)
      bench.run(for: 100)
    }
    let logins = bench.sent.filter { $0.method == "login" }
    #expect(logins.count == 5)
    bench.run(for: 120_000)
    #expect(bench.isOnline(one))
    let all = bench.sent.filter { $0.method == "login" }
    #expect(all.count == 6)
    #expect((all[5].at - all[0].at).count == 61_000)
    // Nobody was refused.
    #expect(!bench.events.contains { if case .refused = $0 { true } else { false } })
  }

  @Test func `429 of the platform is waited out`() throws {
    let bench = try Bench(["one01"])
    let one = try bench.add("one01")
    try bench.connect(topology: ["one01"])
    try bench.sessions.logIn(one, at: bench.now)
    bench.run(for: 100)
    let first = try #require(bench.sent.first).payload
    // A gateway that has forgotten its logins.
    for _ in 0..<4 {
      bench.publish(
        "/ext/session/pk/gateway/combine/login",
        String(decoding: first.encoded(.json), as: UTF8.self)
      )
    }
    _ = bench.front.close("sub/one01", notice: false, at: bench.now)
    bench.sessions.remove(one)
    let again = try bench.add("one01")
    try bench.sessions.logIn(again, at: bench.now)
    _ = bench.takeEvents()
    bench.run(for: 300_000)
    guard case .refused(again, .code(429), let wait?)? = bench.events.first else {
      Issue.record("\(bench.events)")
      return
    }
    #expect((60_000...90_000).contains(wait.count))
    #expect(bench.isOnline(again))
  }

  @Test func `500, silence and 428 are tried again, later each time`() throws {
    let bench = try Bench(["one01", "two02"], SubDeviceSettings(), { $0.subDeviceLimit = 1 })
    let one = try bench.add("one01")
    let two = try bench.add("two02")
    try bench.connect(topology: ["one01", "two02"])
    bench.core.things.failures = [SimulatedFailure(status: 500, times: 2, kind: .authentication)]
    try bench.sessions.logIn(one, at: bench.now)
    bench.run(for: 30_000)
    #expect(bench.isOnline(one))
    let reasons = bench.takeEvents().compactMap { event -> SubDeviceReason? in
      if case .refused(one, let reason, _?) = event { reason } else { nil }
    }
    #expect(reasons == [.code(500), .code(500)])
    try bench.sessions.logIn(two, at: bench.now)
    bench.run(for: 60_000)
    var waits: [Int64] = []
    for event in bench.takeEvents() {
      guard case .refused(two, .code(428), let wait?) = event else { continue }
      waits.append(wait.count)
    }
    #expect(waits.count > 3)
    for (index, wait) in waits.enumerated() {
      #expect((1_000 << index...1_500 << index).contains(Int(wait)))
    }
    try bench.sessions.logOut(one, at: bench.now)
    bench.run()
    #expect(bench.isOnline(two))
    let silent = try Bench(["one01"])
    let number = try silent.add("one01")
    try silent.connect(topology: ["one01"])
    silent.loses = true
    try silent.sessions.logIn(number, at: silent.now)
    silent.run(for: 10_000)
    guard case .refused(number, .silence, _?)? = silent.events.first else {
      Issue.record("\(silent.events)")
      return
    }
    silent.loses = false
    silent.run()
    #expect(silent.isOnline(number))
  }

  @Test func `each code of ext error, and what follows`() throws {
    let names = ["kicked", "gone1", "off01", "loose", "again"]
    let bench = try Bench(names)
    let numbers = try names.map { try bench.add($0) }
    for number in numbers { try bench.sessions.logIn(number, at: bench.now) }
    try bench.connect(topology: names)
    bench.run(for: 10_000)
    _ = bench.takeEvents()
    // 427: rests, for two devices of one identity would throw each other out for ever.
    bench.take(bench.front.close("sub/kicked", notice: true, at: bench.now).output)
    // 521 and 522: wait for a command.
    let delete = PushRequest(.delete, productKey: "sub", deviceName: "gone1")
    bench.take(bench.front.push(delete, at: bench.now).output)
    let disable = PushRequest(.disable, productKey: "sub", deviceName: "off01")
    bench.take(bench.front.push(disable, at: bench.now).output)
    // 6401.
    bench.publish(
      "/sys/pk/gateway/thing/topo/delete",
      #"{"id":"1","version":"1.0","method":"thing.topo.delete","params":[{"deviceName":"loose","#
        + #""productKey":"sub"}]}"#
    )
    // 520: the platform has lost the session, and a report shows it.
    _ = bench.front.close("sub/again", notice: false, at: bench.now)
    bench.report("again", 1)
    bench.sent = []
    bench.run(for: 60_000)
    var reasons: [Int: SubDeviceReason] = [:]
    var rests: [Int: Milliseconds] = [:]
    for event in bench.events {
      guard case .offline(let number, let reason, let rest) = event else { continue }
      reasons[number] = reason
      rests[number] = rest
    }
    #expect(
      numbers.map { reasons[$0] }
        == [.code(427), .code(521), .code(522), .code(6_401), .code(520)]
    )
    #expect((1_800_000...2_700_000).contains(rests[numbers[0]]?.count ?? 0))
    #expect(bench.sent.map { $0.payload["params"]?["deviceName"] } == ["again"])
    #expect(bench.isOnline(numbers[4]))
    #expect(numbers.map { bench.isOnline($0) } == [false, false, false, false, true])
    for code in [427, 428, 429, 460, 500, 520, 521, 522, 6_100, 6_287, 6_401] {
      #expect(!SubDeviceReason.code(code).description.contains("does not have"), "\(code)")
    }
  }

  @Test func `an error without names is the owner's to assign`() throws {
    let bench = try Bench(["one01"], SubDeviceSettings(), { _ in }, { $0.namesInErrors = false })
    let one = try bench.add("one01")
    try bench.connect(topology: ["one01"])
    try bench.sessions.logIn(one, at: bench.now)
    bench.run(for: 1_000)
    _ = bench.front.close("sub/one01", notice: false, at: bench.now)
    bench.report("one01", 1)
    bench.run(for: 1_000)
    #expect(bench.takeEvents() == [.online(one), .unnamed(.code(520), id: 9)])
    #expect(bench.isOnline(one))
    bench.sessions.takeError(520, of: one, at: bench.now)
    bench.run(for: 1_000)
    #expect(
      bench.takeEvents()
        == [.offline(one, .code(520), retryAfter: Milliseconds(0)), .online(one)]
    )
  }

  @Test func `what would be refused is refused before it is sent`() throws {
    let bench = try Bench(["one01"])
    let secret = Array("s".utf8)
    let gateway = try Bench.identity("gateway", of: "pk")
    #expect(throws: SubDeviceError.isGateway) {
      _ = try bench.sessions.add(gateway, secret: secret.span)
    }
    try bench.add("one01")
    #expect(throws: SubDeviceError.isThere) { try bench.add("one01") }
    #expect(throws: SubDeviceError.secret(0)) { try bench.add("two02", secret: "") }
    #expect(throws: SubDeviceError.unknown) { try bench.sessions.logIn(99, at: bench.now) }
    for number in 1..<1_500 { try bench.add("more\(number)") }
    #expect(throws: SubDeviceError.tooMany(1_500)) { try bench.add("last1") }
    #expect(bench.sessions.count == 1_500)
  }

  @Test func `batches log in 50 at a time, and whoever is left out by itself`() throws {
    let names = (0..<120).map { "meter\($0)" }
    var settings = SubDeviceSettings()
    settings.batchSize = 50
    let bench = try Bench(names, settings)
    for name in names {
      let secret = name == "meter7" ? "other" : nil
      try bench.sessions.logIn(try bench.add(name, secret: secret), at: bench.now)
    }
    try bench.connect(topology: names)
    bench.run(for: 60_000)
    #expect(bench.sessions.onlineCount == 119)
    #expect(bench.sent.filter { $0.method == "batch_login" }.count < 30)
    #expect(bench.sent.filter { $0.method == "login" }.count == 1)
    let refused = bench.events.filter { if case .refused = $0 { true } else { false } }
    #expect(refused.count == 1)
    // A platform that does not know them: after one without an answer all log in singly.
    let old = try Bench(names, settings, { _ in }, { $0.servesBatchLogin = false })
    for name in names { try old.sessions.logIn(try old.add(name), at: old.now) }
    try old.connect(topology: names)
    old.run(for: 120_000)
    #expect(old.sessions.onlineCount == 120)
  }

  @Test func `the end of the connection is told to whoever waits for the end of a session`() throws
  {
    let names = ["one01", "two02", "three"]
    let bench = try Bench(names)
    let numbers = try names.map { try bench.add($0) }
    try bench.connect(topology: names)
    for number in numbers.prefix(2) { try bench.sessions.logIn(number, at: bench.now) }
    bench.run(for: 1_000)
    _ = bench.takeEvents()
    bench.loses = true
    // A logout, and two logins, one of which nobody wants any more.
    try bench.sessions.logOut(numbers[0], at: bench.now)
    try bench.sessions.logIn(numbers[2], at: bench.now)
    bench.run(for: 100)
    try bench.sessions.logOut(numbers[2], at: bench.now)
    var areOffline = numbers.map { bench.sessions.isOffline($0) }
    #expect(areOffline == [false, false, false])
    var counts = (bench.sessions.onlineCount, bench.sessions.expectedCount)
    #expect(counts == (1, 0))
    bench.disconnect()
    bench.run(for: 0)
    #expect(
      bench.takeEvents() == numbers.map { .offline($0, .disconnected, retryAfter: nil) }
    )
    areOffline = numbers.map { bench.sessions.isOffline($0) }
    #expect(areOffline == [true, true, true])
    // The second one alone is to come back.
    counts = (bench.sessions.onlineCount, bench.sessions.expectedCount)
    #expect(counts == (0, 1))
    bench.sessions.remove(numbers[1])
    counts = (bench.sessions.expectedCount, bench.sessions.hasWanted ? 1 : 0)
    #expect(counts == (0, 0))
  }

  @Test func `messages of others and damaged ones change nothing`() throws {
    let bench = try Bench(["one01"])
    let one = try bench.add("one01")
    try bench.connect(topology: ["one01"])
    try bench.sessions.logIn(one, at: bench.now)
    bench.run(for: 1_000)
    _ = bench.takeEvents()
    func handle(_ topic: String, _ payload: String) -> Bool {
      let (topic, payload) = (Array(topic.utf8), Array(payload.utf8))
      return bench.sessions.handle(topic: topic.span, payload: payload.span, at: bench.now)
    }
    #expect(!handle("/sys/pk/gateway/thing/service/property/set", "{}"))
    #expect(!handle("/ext/error/pk/another", #"{"id":"1","code":520}"#))
    for payload in [
      "", "{", "[]", "7", #"{"id":"1"}"#, #"{"code":"x"}"#, #"{"id":"-1","code":6401}"#,
      #"{"id":"99","code":6401}"#, #"{"id":99999999999999999999,"code":6401}"#,
    ] {
      #expect(handle("/ext/session/pk/gateway/combine/login_reply", payload))
      #expect(handle("/ext/session/pk/gateway/combine/logout_reply", payload))
    }
    #expect(
      handle(
        "/ext/error/pk/gateway",
        #"{"id":"1","code":6401,"data":{"productKey":"sub","deviceName":"never"}}"#
      )
    )
    bench.run(for: 1_000)
    #expect(bench.takeEvents().isEmpty)
    #expect(bench.isOnline(one))
    #expect(bench.number(ofTopic: Array("/sys/sub/one01/thing/x".utf8)) == one)
    #expect(bench.number(ofTopic: Array("/sub/one01/user/get".utf8)) == one)
    #expect(bench.number(ofTopic: Array("/ota/device/upgrade/sub/one01".utf8)) == one)
    #expect(bench.number(ofTopic: Array("/shadow/update/sub/one01".utf8)) == one)
    #expect(bench.number(ofTopic: Array("/ext/rrpc/1/sub/one01/x".utf8)) == one)
    #expect(bench.number(ofTopic: Array("/sys/sub".utf8)) == nil)
    #expect(bench.number(ofTopic: []) == nil)
  }

  @Test(arguments: 0..<200)
  func `cut off at random amid logins, nobody stays offline`(seed: Int) throws {
    let names = (0..<40).map { "meter\($0)" }
    let bench = try Bench(names)
    var random = SeededRandom(seed: UInt64(seed) + 10)
    for name in names { try bench.sessions.logIn(try bench.add(name), at: bench.now) }
    try bench.connect(topology: names)
    for _ in 0..<4 {
      bench.loses = random.next() % 4 == 0
      bench.run(for: Int64(random.next() % 1_500))
      bench.disconnect()
      bench.now = bench.now + Milliseconds(Int64(random.next() % 30_000))
      bench.loses = false
      try bench.connect()
    }
    bench.run(for: 400_000)
    #expect(bench.sessions.onlineCount == 40, "seed \(seed)")
    #expect(bench.core.onlineSubDevices.count == 40, "seed \(seed)")
  }
}
