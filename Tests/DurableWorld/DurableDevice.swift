// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
package import DeviceDriver
internal import DeviceStore
package import DurableReports
package import Foundation
package import OpenSSLSupport
internal import Platform
package import ReportLink
internal import SystemClocks

/// A durable device over a link of one descriptor, on the machine's clock, with a server of the tests as its platform.
package final class DurableDevice<Link: DescriptorLink & ~Copyable> {
  package var driver: DescriptorDriver<Link>

  /// A device whose reports are in `folder`, and which is soon to try again.
  package init(_ link: consuming Link, in folder: URL) throws {
    let path = Array(folder.path.utf8)
    var durable = DurableSettings()
    durable.retry = Milliseconds(20)
    durable.retryLimit = Milliseconds(200)
    let reports = try DurableReports(
      link: link,
      settings: durable,
      directory: StateDirectory(path: path.span),
      fingerprint: FixedBytes<32>(),
      now: TimeStamp(boot: 1, instant: MonotonicClock.now(), date: 0)
    )
    driver = DescriptorDriver(reports: reports)
  }

  /// Accepts a report to the device's topic of that name.
  package func accept(_ payload: String, to name: String = "update") throws -> UInt64 {
    let (name, bytes) = (Array("/pk/device/user/\(name)".utf8), Array(payload.utf8))
    let topic = try Topic(name.span)
    return try driver.reports.accept(
      topic: topic,
      payload: bytes.span,
      at: MonotonicClock.now(),
      date: 0
    )
  }

  /// Drives it until `isDone` says so of an event, or no report waits; `false` after so many seconds.
  package func drive(
    within seconds: Int64 = 60,
    untilEmpty: Bool = false,
    _ isDone: (DurableEvent) -> Bool
  ) -> Bool {
    let end = MonotonicClock.now() + Milliseconds(seconds * 1_000)
    while MonotonicClock.now() < end {
      while let event = driver.pollEvent(at: MonotonicClock.now(), date: 0) {
        if isDone(event) { return true }
      }
      if untilEmpty, driver.reports.isDone { return true }
      driver.wait(until: end)
    }
    return false
  }
}

/// Runs `body` with a new folder, which is removed afterwards.
package func withFolder(_ body: (URL) throws -> Void) throws {
  let url = URL.temporaryDirectory.appending(path: "nbiot-durable-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: url) }
  try body(url)
}

/// A secret, which must be one.
package func makeSecret(_ bytes: [UInt8]) -> SecretBytes {
  guard let secret = SecretBytes(copying: bytes.span) else {
    preconditionFailure("a test's secret has 1 to 128 bytes")
  }
  return secret
}
