// SPDX-License-Identifier: Apache-2.0
import Alink
import CoAPExchange
import CoAPLink
import CoAPMessage
import ConstrainedCore
import DeviceClient
import PayloadCoding
import Platform
import ReportLink
import Synchronization
import TestSupport
import Testing
import UDPTransport

@Suite("The async client and a platform that does not take everything")
struct StubbornPlatformTests {
  private func client(
    _ platform: StubPlatform,
    _ adjust: (inout DeviceClientConfiguration) -> Void = { _ in }
  ) throws -> DeviceClient {
    var device = DeviceClientConfiguration(
      productKey: "a1B2c3D4e5F",
      deviceName: "device1",
      host: "127.0.0.1",
      port: platform.port
    )
    adjust(&device)
    return try DeviceClient(device, secret: DeviceClientTests.secret)
  }

  @Test(arguments: [0x9D, 0xA3] as [UInt8])
  func `a topic that is put off is left alone, and others are not`(code: UInt8) async throws {
    let platform = try StubPlatform { request in
      request.path.hasSuffix("/bad") ? .putOff(code, seconds: 3_600) : .init(0x45)
    }
    let client = try client(platform)
    do {
      _ = try await client.publish([1], to: "/a1B2c3D4e5F/device1/user/bad")
      Issue.record("it was put off")
    } catch DeviceClientError.undelivered(let receipt) {
      #expect(receipt.result.verdict == .later)
      #expect(receipt.result.retryAfter == Milliseconds(3_600_000))
    }
    for _ in 0..<20 {
      do {
        _ = try await client.publish([1], to: "/a1B2c3D4e5F/device1/user/bad")
        Issue.record("it was put off")
      } catch DeviceClientError.putOff(let wait) {
        #expect(wait.count > 0 && wait.count <= 3_600_000)
      }
    }
    _ = try await client.publish([1], to: "/a1B2c3D4e5F/device1/user/good")
    await client.close()
    #expect(platform.requests(to: "/bad").count == 1)
    #expect(platform.requests(to: "/good").count == 1)
    platform.stop()
  }

  /// Where the configuration allows it.
  @Test(arguments: [0x9D, 0xA3] as [UInt8])
  func `what is put off for a short time goes again when it is over`(code: UInt8) async throws {
    let platform = try StubPlatform(answersAuth: true) { request in
      if request.number == 0 { return .putOff(code, seconds: 1) }
      return request.path == "/auth" ? StubPlatform.token : .init(0x45)
    }
    let waits = Mutex<[Int64]>([])
    let client = try client(platform) {
      $0.maxWait = Milliseconds(2_000)
      $0.onPutOff = { wait in waits.withLock { $0.append(wait.count) } }
    }
    let receipt = try await client.publish([1], to: DeviceClientTests.topic)
    #expect(receipt.result.outcome == .acknowledged)
    await client.close()
    // `/auth` first, then the report.
    let told = waits.withLock { $0 }
    #expect(told.count == 2 && told.allSatisfy { $0 > 0 && $0 <= 1_000 }, "\(told)")
    for path in ["/auth", "/update"] {
      let times = platform.requests(to: path).map(\.time)
      #expect(times.count == 2 && times[1] - times[0] >= 0.9, "\(path) at \(times)")
    }
    platform.stop()
  }

  @Test func `what is put off for longer than is allowed in all fails at once`() async throws {
    let platform = try StubPlatform { _ in .putOff(0xA3, seconds: 1) }
    let waits = Mutex(0)
    let client = try client(platform) {
      $0.maxWait = Milliseconds(1_500)
      $0.onPutOff = { _ in waits.withLock { $0 += 1 } }
    }
    await #expect {
      _ = try await client.publish([1], to: DeviceClientTests.topic)
    } throws: { error in
      (error as? DeviceClientError)?.retryAfter == Milliseconds(1_000)
    }
    await client.close()
    #expect(waits.withLock { $0 } == 1)
    #expect(platform.requests(to: "/update").count == 2)
    platform.stop()
  }

  @Test(arguments: [true, false])
  func `ICMP messages cost a retransmission, a new socket, and then the report`(
    comesBack: Bool
  )
    async throws
  {
    let first = try StubPlatform { _ in .init(0x45) }
    let port = first.port
    let second = Mutex<StubPlatform?>(nil)
    let sent = Mutex(0)
    var device = DeviceClientConfiguration(
      productKey: "a1B2c3D4e5F",
      deviceName: "device1",
      host: "127.0.0.1",
      port: port
    )
    // Long enough for a busy machine: what is sent is counted.
    device.settings.timing = TransmissionParameters(
      acknowledgementTimeout: Milliseconds(1_000),
      maxRetransmit: 4
    )
    // `/auth`, the report before, the report that nobody listens for, and its retransmission.
    device.onTransmission = { _ in
      let count = sent.withLock {
        $0 += 1
        return $0
      }
      guard comesBack, count == 4 else { return }
      second.withLock { $0 = try? StubPlatform(port: port) { _ in .init(0x45) } }
    }
    let client = try DeviceClient(device, secret: DeviceClientTests.secret)
    _ = try await client.publish([1], to: "/a1B2c3D4e5F/device1/user/a")
    first.stopAndWait()
    do {
      let receipt = try await client.publish([2], to: "/a1B2c3D4e5F/device1/user/a")
      #expect(comesBack && receipt.result.transmissions == 2)
    } catch DeviceClientError.interrupted(.refused, let receipt) {
      #expect(!comesBack && receipt.result.transmissions == 3)
    }
    #expect(sent.withLock { $0 } == (comesBack ? 4 : 5))
    await client.close()
    second.withLock { $0?.stop() }
  }

  @Test(arguments: [false, true])
  func `an address that is silent costs no call, where the server has another one`(
    connectsFirst: Bool
  ) async throws {
    let platform = try StubPlatform { _ in .init(0x45) }
    let silent = try LoopbackSocket(on: 2, port: platform.port)
    defer { silent.close() }
    var device = DeviceClientConfiguration(
      productKey: "a1B2c3D4e5F",
      deviceName: "device1",
      host: "platform.invalid",
      port: platform.port
    )
    device.addresses = ["127.0.0.2", "127.0.0.1"]
    // Long enough for a busy machine: what is sent is counted.
    device.settings.timing = TransmissionParameters(
      acknowledgementTimeout: Milliseconds(1_000),
      maxRetransmit: 1
    )
    let client = try DeviceClient(device, secret: DeviceClientTests.secret)
    if connectsFirst { try await client.connect() }
    for number in 1...3 {
      _ = try await client.publish([UInt8(number)], to: DeviceClientTests.topic)
    }
    await client.close()
    var count = 0
    while silent.receive() != nil { count += 1 }
    #expect(count == 2)
    #expect(platform.requests(to: "/update").count == 3)
    platform.stop()
  }

  @Test func `a server that is silent at all of its addresses ends a call, each asked once`()
    async throws
  {
    let first = try LoopbackSocket()
    let second = try LoopbackSocket(on: 2, port: first.port)
    var device = DeviceClientConfiguration(
      productKey: "a1B2c3D4e5F",
      deviceName: "device1",
      host: "platform.invalid",
      port: first.port
    )
    device.addresses = ["127.0.0.1", "127.0.0.2"]
    device.settings.timing = TransmissionParameters(
      acknowledgementTimeout: Milliseconds(50),
      maxRetransmit: 0
    )
    let client = try DeviceClient(device, secret: DeviceClientTests.secret)
    do {
      _ = try await client.publish([1], to: DeviceClientTests.topic)
      Issue.record("nobody could answer")
    } catch DeviceClientError.authentication(.timedOut, _) {
    }
    await client.close()
    for socket in [first, second] {
      #expect(socket.receive() != nil)
      #expect(socket.receive() == nil)
      socket.close()
    }
  }

  @Test func `an auth that is put off is left alone`() async throws {
    let platform = try StubPlatform(answersAuth: true) { _ in .putOff(0xA3, seconds: 3_600) }
    let client = try client(platform)
    for _ in 0..<5 {
      do {
        try await client.connect()
        Issue.record("it was put off")
      } catch DeviceClientError.authentication(.putOff(.serviceUnavailable, let wait), _) {
        #expect(wait.count > 0 && wait.count <= 3_600_000)
      }
    }
    await client.close()
    #expect(platform.requests().count == 1)
    platform.stop()
  }

  @Test(arguments: [1_473, 1_600, 20_000])
  func `a report whose answer is longer than a datagram is delivered`(count: Int) async throws {
    let platform = try StubPlatform { _ in .content(count) }
    let client = try client(platform)
    let receipt = try await client.publish([1], to: DeviceClientTests.topic)
    #expect(receipt.result.extent == .cut)
    #expect(receipt.result.transmissions == 1)
    #expect(receipt.answer.isEmpty)
    await client.close()
    #expect(platform.requests(to: "/update").count == 1)
    platform.stop()
  }

  @Test func `a reply that refuses a report is an error, of a request it is the reply`()
    async throws
  {
    try await DeviceClientTests().withServer { device, _ in
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      let payload = Array(#"{"id":"abc","version":"1.0","params":{},"method":"x"}"#.utf8)
      do {
        _ = try await client.publish(
          payload,
          to: "/sys/a1B2c3D4e5F/device1/thing/event/property/post"
        )
        Issue.record("the id is no number")
      } catch DeviceClientError.undelivered(let receipt) {
        #expect(receipt.result.verdict == .final)
        #expect(receipt.result.replyCode == 460)
        #expect(!receipt.answer.isEmpty)
      }
      do {
        _ = try await client.request(ConfigurationGet.self, as: JSONWriter.self) {
          _ throws(AlinkError) in
        }
        Issue.record("there is no configuration")
      } catch DeviceClientError.refused(let answer) {
        #expect(answer.code == .noConfiguration)
        #expect(answer.receipt.result.replyCode == 6_710)
      }
      await client.close()
    }
  }

  @Test
  func
    `a topic that is not UTF-8 cannot come from a text, and one with a slash too many is refused`()
    async throws
  {
    let platform = try StubPlatform { _ in .init(0x45) }
    let client = try client(platform)
    await #expect {
      _ = try await client.publish([1], to: "/a1B2c3D4e5F//device1")
    } throws: { error in
      guard case DeviceClientError.topic(.emptySegment) = error else { return false }
      return true
    }
    await client.close()
    #expect(platform.requests().isEmpty)
    platform.stop()
  }
}
