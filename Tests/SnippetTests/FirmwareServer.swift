// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The HTTPS server of HTTPSTransferTests, with a firmware and an authority of its own.
final class FirmwareServer {
  /// Where the firmware is.
  let address: String
  private let process: Process
  private let input = Pipe.ofChild()

  /// Starts it; `app.bin` and `ca.pem` are then in the folder.
  init(in scratch: Scratch) throws {
    let tools = Place.repository.appending(path: "Tests/HTTPSTransferTests")
    let folder = scratch.url.appending(path: "https")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let certificates = try scratch.run([tools.appending(path: "certificates.sh").path, folder.path])
    try #require(certificates.status == 0, "\(certificates.errors)")
    let firmware = Data(
      (0..<100_003).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) }
    )
    try firmware.write(to: folder.appending(path: "firmware.bin"))
    try firmware.write(to: scratch.url.appending(path: "app.bin"))
    try FileManager.default.copyItem(
      at: folder.appending(path: "ca.pem"),
      to: scratch.url.appending(path: "ca.pem")
    )
    let script = tools.appending(path: "https_server.py").path
    process = scratch.process(["python3", script, folder.path, "good"])
    let output = Pipe.ofChild()
    process.standardInput = input
    process.standardOutput = output
    try process.start()
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    let port = try #require(Int(line.trimmingCharacters(in: .whitespacesAndNewlines)))
    address = "https://127.0.0.1:\(port)/app.bin"
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}
