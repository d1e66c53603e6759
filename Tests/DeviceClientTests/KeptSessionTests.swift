// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import CoAPMessage
import ConstrainedCore
import DeviceClient
import DeviceStore
import Foundation
import OpenSSLSupport
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("A client whose session outlives it")
struct KeptSessionTests {
  private final class Folder {
    let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)

    init() throws {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    var file: String { url.appending(path: "session").path }
  }

  private func publish(
    _ device: DeviceClientConfiguration,
    _ count: Int = 1
  ) async throws -> (finding: SessionFinding?, last: Receipt, traffic: DeviceTraffic) {
    let client = try DeviceClient(device, secret: DeviceClientTests.secret)
    var receipt = try await client.publish([0x31], to: DeviceClientTests.topic)
    for _ in 1..<count { receipt = try await client.publish([0x31], to: DeviceClientTests.topic) }
    let traffic = client.traffic
    await client.close()
    return (client.sessionFinding, receipt, traffic)
  }

  @Test func `the next client needs no token, and its numbers go on`() async throws {
    let folder = try Folder()
    try await DeviceClientTests().withServer { device, records in
      var device = device
      #expect(try await publish(device).finding == nil)
      device.sessionFile = folder.file
      // Over the end of a reservation.
      let first = try await publish(device, 70)
      #expect(first.finding == SessionFinding.none)
      #expect(first.last.result.sequence == 71)
      #expect(first.traffic.authenticationRequests == 1)
      #expect(first.traffic.authentication.datagramsUp == 1)
      #expect(first.traffic.reports.datagramsUp == 70)
      let second = try await publish(device)
      #expect(second.finding == .found)
      #expect(second.last.result.sequence == 130)
      #expect(second.traffic.authentication == first.traffic.handshakes)
      #expect(second.traffic.reports.bytesUp == second.last.result.bytesUp)
      #expect(second.traffic.reports.bytesDown == second.last.result.bytesDown)
      #expect(records.all.count { $0.kind == .authentication } == 2)
      #expect(records.all.allSatisfy { $0.code?.isSuccess == true })
    }
  }

  /// Why no client can be made.
  private func refusal(_ device: DeviceClientConfiguration) -> SessionFileError? {
    do throws(DeviceClientError) {
      _ = try DeviceClient(device, secret: DeviceClientTests.secret)
      return nil
    } catch {
      guard case .sessionFile(let reason) = error else { return nil }
      return reason
    }
  }

  @Test func `a second client is refused until the first one is closed`() async throws {
    let folder = try Folder()
    try await DeviceClientTests().withServer { device, _ in
      var device = device
      device.sessionFile = folder.file
      let first = try DeviceClient(device, secret: DeviceClientTests.secret)
      let error = refusal(device)
      #expect(error == .inUse)
      #expect(error?.description.contains("another process uses it") == true)
      await first.close()
      try await DeviceClient(device, secret: DeviceClientTests.secret).close()
      device.deviceName = "device2"
      // Nothing was kept: the file is still free for any device.
      #expect(refusal(device) == nil)
      device.deviceName = "device1"
      _ = try await publish(device)
      device.deviceName = "device2"
      #expect(refusal(device) == .foreign)
    }
  }

  @Test func `each message is told of, in both directions`() async throws {
    let (first, second) = (Seen(), Seen())
    try await DeviceClientTests().withServer { device, _ in
      var device = device
      device.onMessage = { first.add($0, $1) }
      let run = try await publish(device)
      #expect(first.kinds == ["sent 0.02", "received 2.05", "sent 0.02", "received 2.05"])
      #expect(
        first.bytes == run.traffic.authentication.bytesUp + run.traffic.authentication.bytesDown
          + run.traffic.reports.bytesUp + run.traffic.reports.bytesDown
      )
    }
    let issued = try IssuedCertificate(names: ["127.0.0.1"])
    try await DeviceClientTests().withServer({
      $0.protection = .dtls
      $0.dtls.certificate = issued.certificate
      $0.dtls.key = issued.key
    }) { device, _ in
      var device = device
      device.security = .certificate(PlatformTrust(authorities: issued.authority))
      device.onMessage = { second.add($0, $1) }
      let run = try await publish(device)
      #expect(second.kinds.filter { $0 != "sent DTLS" && $0 != "received DTLS" } == first.kinds)
      #expect(second.kinds.first == "sent DTLS")
      #expect(run.traffic.handshakes.bytesUp > 0 && run.traffic.handshakes.bytesDown > 0)
      #expect(run.traffic.authenticationRequests == 1)
      #expect(run.traffic.reports.bytesUp == run.last.result.bytesUp)
    }
  }

  private final class Seen: @unchecked Sendable {
    private let lock = NSLock()
    private var lines: [String] = []
    private var count = 0

    func add(_ direction: MessageDirection, _ message: Span<UInt8>) {
      let word = direction == .sent ? "sent" : "received"
      // Epoch and sequence number of a record are no CoAP message.
      var code = "DTLS"
      if let view = try? MessageView(message) { code = view.code.dotted }
      lock.withLock {
        lines.append("\(word) \(code)")
        count += message.count
      }
    }

    var kinds: [String] { lock.withLock { lines } }
    var bytes: Int { lock.withLock { count } }
  }
}

@Suite("Receipts and replies as text")
struct ReceiptDescriptionTests {
  @Test func `a receipt says what became of the report, and what it cost`() async throws {
    try await DeviceClientTests().withServer({ $0.reply = { _, payload in payload } }) {
      device,
      _ in
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      let receipt = try await client.publish(Array("hi\u{1B}".utf8), to: DeviceClientTests.topic)
      let cbor = try await client.publish([0xA1, 0x61, 0x61, 0x01], to: DeviceClientTests.topic)
      await client.close()
      let cost = ", seq 2, 124 B up, 36 B down, 1 sent, \(receipt.result.duration.count) ms, answer"
      #expect("\(receipt)".hasPrefix("acknowledged, 2.05 Content, id "))
      #expect("\(receipt)".contains(cost), "\(receipt)")
      // Nothing of it steers a terminal.
      #expect(!"\(receipt)".contains("\u{1B}"))
      #expect("\(cbor)".hasSuffix(#"answer {"a": 1}"#), "\(cbor)")
      #expect("\(client.traffic)".hasPrefix("reports 248 B in 2 up"), "\(client.traffic)")
      #expect("\(client.counters)".contains("3 requests"), "\(client.counters)")
    }
  }

  @Test func `a report that was not taken says so`() async throws {
    try await DeviceClientTests().withServer { device, _ in
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      do {
        _ = try await client.publish([], to: "/a1B2c3D4e5F/another/user/update")
        Issue.record("the topic is another device's")
      } catch DeviceClientError.undelivered(let receipt) {
        #expect("\(receipt)".hasPrefix("rejected, 4."), "\(receipt)")
      }
      await client.close()
    }
  }

  @Test(arguments: [
    (#"{"id":"12","code":200,"data":{"a":1}}"#, #"200 success, id 12, data {"a":1}"#),
    (
      #"{"id":"x","code":460,"message":"bad\n\"x\""}"#,
      "460 a parameter is wrong, id \"x\", message"
    ),
    ("{}", "without a code"), ("", "taken without a reply"),
  ])
  func `a reply says its code, words and data`(reply: String, text: String) async throws {
    try await DeviceClientTests().withServer({ $0.reply = { _, _ in Array(reply.utf8) } }) {
      device,
      _ in
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      let answer = try AlinkAnswer(try await client.publish([], to: DeviceClientTests.topic))
      await client.close()
      #expect("\(answer)".hasPrefix(text), "\(answer)")
      #expect(!"\(answer)".contains("\n"))
    }
  }
}
