// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TestSupport

/// `openssl s_server` that speaks TLS 1.1 alone, with a good certificate.
package final class OldServer {
  package let port: UInt16
  private let process = Process()
  private let input = Pipe.ofChild()

  package init() throws {
    let certificates = try MQTTCertificates.directory()
    let output = Pipe.ofChild()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "openssl", "s_server", "-accept", "127.0.0.1:0", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0",
      "-cert", certificates.appending(path: "good.pem").path,
      "-key", certificates.appending(path: "good.key").path,
    ]
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.start()
    var text = ""
    while true {
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { throw BrokerError(description: "openssl s_server does not start") }
      text += String(decoding: data, as: UTF8.self)
      // "ACCEPT 127.0.0.1:PORT"
      if let line = text.split(separator: "\n").first(where: { $0.hasPrefix("ACCEPT ") }),
        let end = line.split(separator: ":").last, let number = UInt16(end)
      {
        port = number
        break
      }
    }
    let reader = output.fileHandleForReading
    Thread.detachNewThread { while !reader.availableData.isEmpty {} }
  }

  deinit {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
