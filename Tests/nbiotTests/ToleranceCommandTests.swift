// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import Foundation
import TestSupport
import Testing

@Suite("The simulator and the platform's own SDKs, as a user runs it")
struct ToleranceCommandTests {
  /// A request as the C SDKs write it, by hand.
  private func request(
    _ path: String,
    _ messageID: UInt16,
    _ options: [(UInt16, [UInt8])],
    _ payload: [UInt8]
  ) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 1_280)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: .confirmable,
      code: .post,
      messageID: messageID,
      token: Token(7)
    )
    for segment in path.split(separator: "/") {
      try writer.option(.uriPath, Array(segment.utf8).span)
    }
    for (number, value) in options {
      try writer.option(OptionNumber(rawValue: number), value.span)
    }
    try writer.payload(payload.span)
    let count = writer.count
    return Array(buffer[..<count])
  }

  /// Sends a datagram to the simulator and waits for its answer: the code and the payload.
  private func ask(
    _ socket: LoopbackSocket,
    _ simulator: Simulator,
    _ datagram: [UInt8]
  ) throws -> (code: Code, payload: [UInt8]) {
    socket.send(datagram, to: UInt16(simulator.port))
    LoopbackSocket.wait(for: [socket], milliseconds: 30_000)
    let answer = try #require(socket.receive()).bytes
    let message = try MessageView(answer.span)
    let code = message.code
    return (code, message.payload.indices.map { message.payload[$0] })
  }

  /// The `/auth` of the C SDK v4 with the secret of the simulator's tests; its sign is the openssl command line's.
  private static let authentication = #"""
    {"productKey":"a1B2c3D4e5F","deviceName":"device1","clientId":"a1B2c3D4e5F.device1",\#
    "signmethod":"hmacsha256",\#
    "sign":"50ad062c2ef1df64d88adabff6a50efceca5d513dd76efee294f87751b786b39","seq":"3FA0"}
    """#

  @Test func `a device with the C SDK 4 is refused with the switch's name, and taken with it`()
    throws
  {
    let socket = try LoopbackSocket()
    defer { socket.close() }
    let datagram = try request("/auth", 1, [], Array(Self.authentication.utf8))
    let strict = try Simulator()
    let refused = try ask(socket, strict, datagram)
    #expect(refused.code == .unsupportedContentFormat)
    #expect(String(decoding: refused.payload, as: UTF8.self).contains("--tolerant"))
    let log = try strict.stop().log
    #expect(log.contains("POST /auth -> 4.15"))
    #expect(log.contains("--tolerant"))
    let tolerant = try Simulator(["--tolerant"])
    let taken = try ask(socket, tolerant, datagram)
    #expect(taken.code == .content)
    let lines = try tolerant.stop().log.split(separator: "\n").filter { $0.contains(" tolerated ") }
    #expect(lines.count == 2)
    #expect(lines.contains { $0.contains("Content-Format is missing") })
    #expect(lines.contains { $0.contains("hexadecimal") })
    #expect(lines.allSatisfy { $0.contains("a1B2c3D4e5F/device1 tolerated in POST /auth: ") })
  }

  private func publish(_ simulator: Simulator) async throws -> Run {
    try await nbiot(
      simulator.device([
        "--device-secret-file", simulator.secretFile, "--token-option", "61", "--accept",
        "octet-stream", "--output", "json",
      ]),
      input: "{\"value\":1}\n{\"value\":2}\n"
    )
  }

  @Test func `a device with the C SDK 3's options gets each report through with a line each`()
    async throws
  {
    let strict = try Simulator()
    let refused = try await publish(strict)
    #expect(refused.status != 0)
    #expect(try strict.stop().log.contains("option 61, not 2088; --tolerant takes it"))
    let tolerant = try Simulator(["--tolerant"])
    let taken = try await publish(tolerant)
    #expect(taken.status == 0)
    let log = try tolerant.stop().log
    #expect(log.components(separatedBy: "the token is in option 61, not 2088").count == 3)
    #expect(log.components(separatedBy: "Accept is 42, neither 50 nor 60").count >= 3)
    #expect(!log.contains("--tolerant takes it"))
  }

  @Test func `the log in JSON has an object for each leniency`() async throws {
    let simulator = try Simulator(["--tolerant", "--log", "json"])
    #expect(try await publish(simulator).status == 0)
    let objects = try simulator.stop().log.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    let tolerated = objects.filter { $0["kind"] as? String == "leniency" }
    #expect(tolerated.count { $0["leniency"] as? String == "token-option" } == 2)
    #expect(tolerated.count { $0["leniency"] as? String == "accept-42" } >= 2)
    #expect(tolerated.allSatisfy { $0["device"] as? String == "a1B2c3D4e5F/device1" })
    #expect(objects.count { $0["kind"] as? String == "report" } == 2)
  }

  @Test func `the help says what is taken`() async throws {
    let help = try await nbiot(["simulate", "--help"]).output
      .split(whereSeparator: \.isWhitespace).joined(separator: " ")
    for part in [
      "--tolerant", "Accept 42", "no Content-Format in /auth", "hexadecimal or a number",
      "equal to seqOffset", "2088 or 61", "signmethod in any case", "ca-rsa.pem",
    ] {
      #expect(help.contains(part), "\(part)")
    }
  }

  @Test func `help and docs/simulator.md have the same of what is taken silently`() async throws {
    func words(_ text: String) -> String {
      text.replacing("`", with: "").split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
    let help = words(try await nbiot(["simulate", "--help"]).output)
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = root.appending(path: "docs/simulator.md")
    let documented = words(try String(contentsOf: page, encoding: .utf8))
    for part in [
      "a signature in upper or lower case, any clientId of up to 64 bytes, any timestamp, hmacsha256, CBOR",
      "symmetric mode no seq", "in a registration", "no Content-Format", "signmethod or signMethod",
      "JSON unless it is 60", "sequence numbers in any order", "any bytes",
      "on custom topics", "_reply topics", "up_raw",
      "unknown elective options, or ones of a wrong length",
      "any Uri-Host and Uri-Port",
    ] {
      #expect(help.contains(part), "\(part)")
      #expect(documented.contains(part), "\(part)")
    }
  }

  @Test func `the log in JSON has the method of each request`() throws {
    let socket = try LoopbackSocket()
    defer { socket.close() }
    let simulator = try Simulator(["--log", "json"])
    // CON, code 0.01 and 0.02, one Uri-Path.
    for code: UInt8 in [1, 2, 31] {
      _ = try ask(socket, simulator, [0x40, code, 0, code, 0xB1, 0x61])
    }
    let methods = try simulator.stop().log.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    #expect(methods.compactMap { $0["request"] as? String } == ["GET", "POST", "0.31"])
  }
}
