// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import OpenSSLSupport
import PayloadValues
import PlatformCore
import PlatformFaults
import TestSupport
import Testing

@Suite("The platform without a protocol: what every front asks of it")
struct PlatformCoreTests {
  static let secret = Array("s3cr3t".utf8)

  private let core: PlatformCore
  private let start = Instant(milliseconds: 1_000)

  init() {
    core = Self.core { _ in }
  }

  private static func core(
    _ assumptions: PlatformAssumptions = PlatformAssumptions(),
    _ configure: (inout PlatformConfiguration) -> Void
  ) -> PlatformCore {
    var configuration = PlatformConfiguration()
    configuration.devices = ["one", "two"].map {
      SimulatedDevice(productKey: "pk", deviceName: "dev-\($0)", secret: secret)
    }
    configure(&configuration)
    return PlatformCore(configuration, assumptions, random: SeededRandom(seed: 3))
  }

  /// The fields of a device, signed as the guide says: all of them, sorted by name.
  private static func form(
    _ device: String,
    secret: [UInt8] = secret
  ) throws -> SubmittedCredentials {
    var fields = ["productKey": "pk", "deviceName": device, "clientId": "c"]
    let content = fields.sorted { $0.key < $1.key }.map { $0.key + $0.value }.joined()
    let bytes = Array(content.utf8)
    let mac = try Hash.sha1.hmac(key: secret.span, content: bytes.span)
    fields["sign"] = hexText(mac.bytes)
    fields["signmethod"] = "hmacsha1"
    return SubmittedCredentials(fields: fields)
  }

  private func session(
    _ device: String = "dev-one",
    of core: PlatformCore? = nil
  ) throws -> PlatformSession {
    var notes = RequestNotes()
    let core = core ?? self.core
    let session = try core.authenticate(try Self.form(device), at: start, &notes).session
    #expect(notes.device == "pk/\(device)")
    return session
  }

  /// Why the core refuses something; `nil` where it does not.
  private func reason(_ body: () throws(Refusal) -> Void) -> Refusal.Reason? {
    do throws(Refusal) { try body() } catch { return error.reason }
    return nil
  }

  @Test func `fields prove a device, and its token is good until it expires`() throws {
    let session = try session()
    var notes = RequestNotes()
    let later = start + core.configuration.tokenLifetime
    #expect(try core.session(session.token, at: start, &notes) === session)
    #expect(
      reason { () throws(Refusal) in
        _ = try core.session(session.token, at: later, &notes)
      } == .unknownToken
    )
    #expect(
      reason { () throws(Refusal) in
        _ = try core.session([1], at: start, &notes)
      } == .unknownToken
    )
  }

  @Test func `each wrong credential has a reason of its own`() throws {
    var notes = RequestNotes()
    let cases: [(SubmittedCredentials, Refusal.Reason)] = [
      (try Self.form("dev-three"), .unknownDevice),
      (try Self.form("dev-one", secret: [1]), .badSign),
      (SubmittedCredentials(fields: ["productKey": "pk"]), .malformed),
    ]
    for (form, expected) in cases {
      #expect(
        reason { () throws(Refusal) in
          _ = try core.authenticate(form, at: start, &notes)
        } == expected
      )
    }
    core.things.setDisabled(true, productKey: "pk", deviceName: "dev-one")
    let form = try Self.form("dev-one")
    #expect(
      reason { () throws(Refusal) in
        _ = try core.authenticate(form, at: start, &notes)
      } == .disabledDevice
    )
  }

  @Test func `a second session ends the first, or leaves it where that is assumed`() throws {
    var notes = RequestNotes()
    let first = try session()
    _ = try session()
    #expect(
      reason { () throws(Refusal) in
        _ = try core.session(first.token, at: start, &notes)
      } == .unknownToken
    )
    var assumptions = PlatformAssumptions()
    assumptions.endsEarlierToken = false
    let other = Self.core(assumptions) { _ in }
    let kept = try session(of: other)
    _ = try session(of: other)
    #expect(try other.session(kept.token, at: start, &notes) === kept)
  }

  @Test func `numbers are above the offset, and each is used once`() throws {
    let session = try session()
    var notes = RequestNotes()
    let offset = session.sequenceOffset
    for (number, expected) in [
      (offset - 1, Refusal.Reason?.some(.usedSequence)), (offset, .usedSequence), (offset + 1, nil),
      (offset + 1, .usedSequence), (offset + 9, nil), (offset + 2, nil),
    ] {
      #expect(
        reason { () throws(Refusal) in
          try core.use(number, in: session, &notes)
        } == expected,
        "\(number)"
      )
    }
    let tolerant = Self.core { $0.leniencies = [.offsetAsSequence] }
    let granted = try self.session(of: tolerant)
    notes.leniencies = LeniencyUse(tolerant.configuration)
    try tolerant.use(offset, in: granted, &notes)
    #expect(notes.leniencies.entries.map(\.leniency) == [.offsetAsSequence])
  }

  @Test func `a topic is the device's own, exists, and may be published to`() throws {
    let session = try session()
    var notes = RequestNotes()
    let cases: [(String, Refusal.Reason?)] = [
      ("pk/dev-one/user/update", nil), ("pk/dev-two/user/update", .foreignTopic),
      ("pk/dev-one/user/get", .subscribeOnlyTopic), ("pk/dev-one/user/none", .unknownTopic),
      ("sys/pk/dev-one/thing/event/property/post", nil),
      ("sys/pk/dev-one/thing/service/property/set", .subscribeOnlyTopic),
      ("ext/session/pk/dev-one/combine/login", .unknownTopic),
    ]
    for (topic, expected) in cases {
      let segments = topic.split(separator: "/").map(String.init)
      #expect(
        reason { () throws(Refusal) in
          try core.checkTopic(segments[...], of: session.device, &notes)
        } == expected,
        "\(topic)"
      )
    }
    #expect(notes.topicRefusal == .unknown)
    #expect(reason { () throws(Refusal) in try core.checkTopicLength(129) } == .longTopic)
    #expect(reason { () throws(Refusal) in try core.checkTopicLength(128) } == nil)
  }

  @Test func `a report is carried out, and its reply is a value in no format yet`() throws {
    let session = try session()
    var notes = RequestNotes()
    let topic = ["sys", "pk", "dev-one", "thing", "event", "property", "post"][...]
    let request: PayloadValue = [
      "id": "7", "version": "1.0", "params": ["t": ["value": 21]],
      "method": "thing.event.property.post",
    ]
    for format in [PayloadValue.Format.json, .cbor] {
      let answer = try core.execute(
        core.method(of: topic),
        topic: topic,
        request.encoded(format),
        format,
        of: session,
        &notes
      )
      guard case .reply(let reply) = answer else {
        Issue.record("\(answer)")
        continue
      }
      #expect(reply == ["id": "7", "code": 200, "data": [:]])
      #expect(notes.replyCode == .success)
    }
    let state = core.things.state(productKey: "pk", deviceName: "dev-one")
    #expect(state?.properties["t"]?.value == 21)
  }

  @Test func `a failure is used up by requests of its kind, and says when to come back`() throws {
    let core = Self.core {
      $0.failures = [SimulatedFailure(status: 429, times: 2, retryAfter: 60, kind: .report)]
    }
    let session = try session(of: core)
    var notes = RequestNotes()
    #expect(core.nextFailure(.pull, token: nil, at: Instant(milliseconds: 0), &notes) == nil)
    for left in [1, 0] {
      let failure = try #require(
        core.nextFailure(.report, token: session.token, at: Instant(milliseconds: 0), &notes)
      )
      #expect(failure.status == 429)
      #expect(failure.retryAfter == 60)
      #expect(failure.times == left)
      #expect(notes.device == "pk/dev-one")
    }
    #expect(core.nextFailure(.report, token: nil, at: Instant(milliseconds: 0), &notes) == nil)
  }

  @Test func `a fault fails requests of a topic and a device, and is told from a planned failure`()
    throws
  {
    let session = try session()
    var notes = RequestNotes()
    func status(_ kind: RequestKind, _ token: [UInt8]?, _ topic: String?) -> Int? {
      core.nextFailure(kind, token: token, topic: topic, at: start, &notes)?.status
    }
    let rules = try FaultRule.rules("answer=5.00,on=report,topic=/a/*,device=dev-one,times=3")
    #expect(core.faults.add(rules[0], at: start) == 1)
    #expect(status(.report, session.token, "/b/c") == nil)
    #expect(status(.report, nil, "/a/c") == nil)
    #expect(status(.pull, session.token, nil) == nil)
    #expect(status(.report, session.token, "/a/c") == 500)
    #expect(notes.note == "failed on purpose by fault 1" && notes.device == "pk/dev-one")
    #expect(status(.report, session.token, "/a/c") == 500)
    func status(of device: String) -> Int? {
      core.nextFailure(.report, token: nil, device: device, topic: "/a/c", at: start, &notes)?
        .status
    }
    #expect(status(of: "pk/dev-two") == nil)
    #expect(status(of: "pk/dev-one") == 500)
    #expect(status(.report, session.token, "/a/c") == nil)
  }

  @Test func `a clock that jumps ends tokens, and those given afterwards last as long as ever`()
    throws
  {
    let core = Self.core { $0.tokenLifetime = Milliseconds(10_000) }
    let session = try session(of: core)
    var notes = RequestNotes()
    func isKnown(_ session: PlatformSession, after time: Int64) -> Bool {
      reason { () throws(Refusal) in
        _ = try core.session(session.token, at: start + Milliseconds(time), &notes)
      } == nil
    }
    #expect(isKnown(session, after: 9_999))
    #expect(core.faults.add(FaultRule(.clockJump(Milliseconds(3_600_000))), at: start) == 0)
    #expect(!isKnown(session, after: 0))
    let next = try self.session(of: core)
    #expect(isKnown(next, after: 9_999) && !isKnown(next, after: 10_000))
    core.forgetSessions()
    #expect(!isKnown(next, after: 0))
  }

  @Test(arguments: [FaultRule(.forgetSessions), FaultRule(.restart(Milliseconds(1_000)))])
  func `tokens are forgotten by the next request, whatever front it comes by`(
    rule: FaultRule
  ) throws {
    var notes = RequestNotes()
    let session = try session()
    _ = core.faults.add(rule, at: start)
    core.applyConsole()
    #expect(
      reason { () throws(Refusal) in
        _ = try core.session(session.token, at: start, &notes)
      } == .unknownToken
    )
    let next = try self.session()
    core.applyConsole()
    #expect(try core.session(next.token, at: start, &notes) === next)
  }

  @Test func `the console takes a token back, or it is taken back after its uses`() throws {
    var notes = RequestNotes()
    let session = try session()
    core.things.takeBackToken(productKey: "pk", deviceName: "dev-one")
    #expect(try core.session(session.token, at: start, &notes) === session)
    core.applyConsole()
    #expect(
      reason { () throws(Refusal) in
        _ = try core.session(session.token, at: start, &notes)
      } == .unknownToken
    )
    #expect(notes.device == "pk/dev-one", "the log knows whose it was")
    let counting = Self.core { $0.tokenUses = 2 }
    let counted = try self.session(of: counting)
    for isGood in [true, true, false] {
      let refusal = reason { () throws(Refusal) in
        _ = try counting.session(counted.token, at: start, &notes)
      }
      #expect((refusal == nil) == isGood)
      counting.countRequest(of: counted)
    }
  }

  @Test func `a device registers itself, until it has authenticated`() throws {
    let core = Self.core {
      var product = SimulatedProduct(key: "pk")
      product.secret = Array("product".utf8)
      product.registrable = ["dev-new"]
      $0.products = [product]
    }
    let content = Array("deviceNamedev-newproductKeypkrandomr".utf8)
    let key = Array("product".utf8)
    let mac = try Hash.sha256.hmac(key: key.span, content: content.span)
    let request: PayloadValue = [
      "productKey": "pk", "deviceName": "dev-new", "random": "r", "signMethod": "hmacsha256",
      "sign": .text(hexText(mac.bytes)),
    ]
    var notes = RequestNotes()
    let device = try core.register(request, &notes)
    #expect(device.secret.count == 32)
    #expect(try core.register(request, &notes).secret != device.secret)
    let last = try core.register(request, &notes)
    let form = try Self.form("dev-new", secret: last.secret)
    _ = try core.authenticate(form, at: start, &notes)
    #expect(
      reason { () throws(Refusal) in
        _ = try core.register(request, &notes)
      } == .registrationRefused
    )
  }

  @Test func `what waits for a device leaves the queue when a front has given it`() throws {
    let session = try session()
    for number in 0..<3 {
      let message = DownlinkMessage(topic: "/t\(number)", payload: [:])
      core.things.enqueue(message, productKey: "pk", deviceName: "dev-one")
    }
    core.things.dropDownlink(2, of: session.device)
    #expect(core.things.downlink(of: session.device).map(\.topic) == ["/t2"])
  }

  @Test func `two fronts that share a core see the same devices`() throws {
    final class Kept {}
    let one = try session()
    let two = try session("dev-two")
    let kept = Kept()
    one.companion = kept
    #expect(core.session(withToken: one.token)?.companion === kept)
    #expect(core.session(withToken: two.token)?.companion == nil)
  }
}
