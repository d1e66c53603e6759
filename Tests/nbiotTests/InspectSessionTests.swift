// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("nbiot inspect on a whole run in symmetric mode")
struct InspectSessionTests {
  /// What is of interest in an object.
  struct Object: Decodable {
    let packet: Int
    let time: String
    let source: String
    let destination: String
    let code: Int
    let path: String?
    let optionNames: [String?]
    let seq: UInt64?
    let inside: String?
    let payloadText: String?
    let notOpened: String?
  }

  static let secret = "0123456789abcdef0123456789abcdef"

  /// The packets of three runs of a device, each with an `/auth` of its own: one in JSON, one in CBOR, and a
  /// request of the thing model.
  private func recorded(
    _ body: ([CaptureBytes.Packet], _ secretFile: String) async throws -> Void
  )
    async throws
  {
    let simulator = try Simulator()
    let relay = try DatagramRelay(to: UInt16(simulator.port))
    defer { relay.stop() }
    let device = [
      "--endpoint", "127.0.0.1:\(relay.port)", "--product-key", "a1B2c3D4e5F",
      "--device-name", "device1", "--device-secret-file", simulator.secretFile,
    ]
    let topic = ["--topic", "/a1B2c3D4e5F/device1/user/update"]
    for (arguments, input) in [
      (["publish"] + device + topic, "{\"value\":1}\n{\"value\":2}\n"),
      (["publish"] + device + topic + ["--format", "cbor"], "{\"value\":3}\n"),
      (["call", "thing.deviceinfo.update", #"[{"attrKey":"k","attrValue":"v"}]"#] + device, ""),
    ] {
      let run = try await nbiot(arguments, input: input)
      #expect(run.status == 0, "\(run.errors)")
    }
    try await body(relay.packets, simulator.secretFile)
    _ = try simulator.stop()
  }

  @Test func `a capture with several /auth is decrypted without --random, as text and as JSON`()
    async throws
  {
    try await recorded { packets, secretFile in
      let file = try TemporaryFile(CaptureBytes.pcap(linkType: 101, packets))
      let options = ["--capture", file.path, "--device-secret-file", secretFile]
      let text = try await inspect(options)
      #expect(text.status == 0)
      for inside in [
        "inside: 2\n", "inside: 3\n", #"inside, 11 bytes of JSON: {"value":1}"#,
        #"inside, 11 bytes of JSON: {"value":2}"#, #"inside, 8 bytes of CBOR: {"value": 3}"#,
      ] {
        #expect(text.output.contains(inside), "\(inside)")
      }
      #expect(!text.output.contains("cannot be opened"))
      let json = try await inspect(options + ["--output", "json"])
      let objects = try json.output.split(separator: "\n").map {
        try JSONDecoder().decode(Object.self, from: Data($0.utf8))
      }
      #expect(objects.map(\.packet) == Array(1...packets.count))
      #expect(objects.allSatisfy { $0.notOpened == nil })
      let requests = objects.filter { $0.code == 2 }
      let authentication: UInt64? = nil
      #expect(requests.map(\.seq) == [authentication, 2, 3, authentication, 2, authentication, 2])
      #expect(
        requests[1...4].map { $0.inside ?? "-" }
          == [#"{"value":1}"#, #"{"value":2}"#, "-", #"{"value": 3}"#]
      )
      #expect(requests[6].inside?.contains(#""attrKey":"k""#) == true)
      // The answer of the thing model is encrypted too.
      #expect(objects.last?.inside?.contains(#""code":200"#) == true)
      #expect(requests[0].path == "/auth")
      #expect(requests[0].payloadText?.hasPrefix(#"{"productKey":"a1B2c3D4e5F""#) == true)
      #expect(requests[1].path == "/topic/a1B2c3D4e5F/device1/user/update")
      #expect(
        requests[1].optionNames
          == Array(repeating: "Uri-Path", count: 5) + ["Content-Format", "Accept", "token", "seq"]
      )
      #expect(requests[1].time == "1700000000.002000")
      #expect(requests[1].source.hasPrefix("10.0.0.2:"))
      #expect(requests[1].destination == "192.0.2.1:5682")
    }
  }

  @Test func `without the secret nothing is decrypted, and the secret of the environment counts`()
    async throws
  {
    try await recorded { packets, _ in
      let file = try TemporaryFile(CaptureBytes.pcap(linkType: 101, packets))
      let closed = try await inspect(["--capture", file.path])
      #expect(closed.output.contains("inside: give the device's secret to see it"))
      #expect(!closed.output.contains(#"{"value":1}"#))
      let open = try await inspect(
        ["--capture", file.path],
        environment: ["NBIOT_DEVICE_SECRET": Self.secret]
      )
      #expect(open.output.contains(#"inside, 11 bytes of JSON: {"value":1}"#))
    }
  }

  @Test(arguments: ["json", "text"])
  func `from a pipe each packet is shown before the next one comes`(output: String) async throws {
    try await recorded { packets, secretFile in
      for makesFile in [CaptureBytes.pcap, CaptureBytes.pcapng] {
        let process = process([
          "inspect", "--capture", "-", "--device-secret-file", secretFile, "--output", output,
        ])
        let (stdin, stdout) = (Pipe.ofChild(), Pipe.ofChild())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = FileHandle.nullDevice
        try process.start()
        var written = makesFile(101, [])
        try stdin.fileHandleForWriting.write(contentsOf: Data(written))
        var shown = ""
        for count in 1...packets.count {
          let all = makesFile(101, Array(packets[..<count]))
          try stdin.fileHandleForWriting.write(contentsOf: Data(all[written.count...]))
          written = all
          let bytes = stdout.fileHandleForReading.availableData
          #expect(!bytes.isEmpty)
          shown = String(decoding: bytes, as: UTF8.self)
          #expect(shown.contains(output == "json" ? #""packet":\#(count),"# : "packet \(count), "))
        }
        // The last packet is the answer of the thing model.
        #expect(shown.contains("200"))
        try stdin.fileHandleForWriting.close()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
      }
    }
  }
}
