// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import Foundation
import PlatformCore
import PlatformSimulator
import Synchronization
import TestSupport
import Testing

@Suite("The session file of a program that is killed")
struct KilledSessionTests {
  private final class Records: Sendable {
    private let records = Mutex<[RequestRecord]>([])

    func add(_ record: RequestRecord) { records.withLock { $0.append(record) } }

    var all: [RequestRecord] { records.withLock { $0 } }
  }

  /// Each run is killed at a random instant of its life, whose length the first one shows.
  @Test(.timeLimit(.minutes(10)))
  func `killed at any instant, it uses no number twice`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let secret = "0123456789abcdef0123456789abcdef"
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(
        productKey: "a1B2c3D4e5F",
        deviceName: "device1",
        secret: Array(secret.utf8)
      )
    ]
    let records = Records()
    let server = try await SimulatorServer.start(configuration) { records.add($0) }
    let arguments = [
      "publish", "--endpoint", "127.0.0.1:\(server.port)", "--product-key", "a1B2c3D4e5F",
      "--device-name", "device1", "--topic", "/a1B2c3D4e5F/device1/user/update", "--session-file",
      folder.path("session"),
    ]
    let environment = ["NBIOT_DEVICE_SECRET": secret]
    var random = SeededRandom(seed: 14)
    let clock = ContinuousClock()
    var length = 0
    var killed = 0
    let lives = 60
    for life in 0...lives {
      let running = process(arguments, environment: environment)
      let input = Pipe.ofChild()
      running.standardInput = input
      running.standardOutput = FileHandle.nullDevice
      running.standardError = FileHandle.nullDevice
      let start = clock.now
      try running.start()
      // More than one reservation lasts for.
      let lines = String(repeating: "{\"value\":1}\n", count: 100)
      try input.fileHandleForWriting.write(contentsOf: Data(lines.utf8))
      try input.fileHandleForWriting.close()
      if life > 0 {
        let patience = Int(random.next() % UInt64(length + 1))
        for _ in 0..<patience where running.isRunning { usleep(1_000) }
        kill(running.processIdentifier, SIGKILL)
      }
      running.waitUntilExit()
      if running.terminationReason == .exit {
        #expect(running.terminationStatus == 0)
      } else {
        killed += 1
      }
      if life == 0 { length = Int((clock.now - start) / .milliseconds(1)) }
    }
    let last = try await nbiot(arguments, input: "{}\n", environment: environment)
    #expect(last.status == 0, "\(last.errors)")
    try await server.close()
    let reports = records.all.filter { $0.kind == .report }
    // The simulator refuses a number that it has seen; 4.01 and a new token would hide it.
    let refused = reports.filter { $0.code?.isSuccess != true }
    #expect(refused.isEmpty, "refused, as a number that comes twice is: \(refused.map(\.line))")
    let tokens = records.all.count { $0.kind == .authentication }
    print("\(killed) of \(lives) runs killed: \(reports.count) reports, \(tokens) /auth")
    #expect(reports.count >= 101)
    #expect(killed > 0)
  }
}
