// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import OpenSSLSupport
import SystemClocks
import TestSupport
import Testing
import UDPTransport

extension LoopbackSocket {
  /// The next datagram's length and time; `answer` goes back to where it came from.
  fileprivate func next(answering answer: [UInt8] = []) throws -> (count: Int, at: Instant) {
    Self.wait(for: [self], milliseconds: 30_000)
    let datagram = try #require(receive())
    let now = MonotonicClock.now()
    if !answer.isEmpty { send(answer, to: datagram.port) }
    return (datagram.bytes.count, now)
  }
}

@Suite("Names and clocks that the command line meets")
struct NetworkTests {
  private func folder() throws -> URL {
    let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }

  @Test(arguments: [false, true])
  func `doctor names each address of the host with its result, and publish gets through`(
    isDTLS: Bool
  ) async throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let certificates = folder.appending(path: "certificates").path
    let simulator = try Simulator(
      isDTLS ? ["--security", "dtls", "--certificates", certificates] : []
    )
    let environment = try Surroundings(in: folder)
      .environment(["two": ["127.0.0.2", "127.0.0.1"]])
      .merging(["NBIOT_DEVICE_SECRET": "0123456789abcdef0123456789abcdef"]) { $1 }
    let common = [
      "--endpoint", "two:\(simulator.port)", "--product-key", "a1B2c3D4e5F", "--device-name",
      "device1",
    ]
    let dtls = [
      "--security", "dtls", "--ca-file", certificates + "/ca.pem", "--server-name", "localhost.",
    ]
    let options = common + (isDTLS ? dtls : [])
    let doctor = try await nbiot(["doctor"] + options, environment: environment)
    #expect(doctor.status == 0, "\(doctor.output)")
    #expect(doctor.output.contains("two resolved in "))
    #expect(doctor.output.contains("ms: 127.0.0.2, 127.0.0.1"))
    #expect(doctor.output.contains("auth         doubtful  127.0.0.2: nobody listens"))
    #expect(doctor.output.contains("auth         ok        127.0.0.1: a token after "))
    #expect(doctor.output.contains("report       ok"))
    let publish = try await nbiot(
      ["publish", "--topic", "/a1B2c3D4e5F/device1/user/update"] + options,
      input: "1\n2\n",
      environment: environment
    )
    #expect(publish.status == 0, "\(publish.output)\(publish.errors)")
    _ = try simulator.stop()
    // Now nobody listens at either.
    let closed = try await nbiot(["doctor"] + options, environment: environment)
    #expect(closed.status == 4)
    #expect(closed.output.contains("auth         failed    127.0.0.2: nobody listens"))
    #expect(closed.output.contains("auth         failed    127.0.0.1: nobody listens"))
  }

  /// Two network namespaces, which only root may make.
  @Test(arguments: ["symmetric", "dtls"], ["4", "6"])
  func `after a change of the device's address the next report goes out`(
    _ security: String,
    _ family: String
  ) async throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let script = try #require(
      Bundle.module.url(forResource: "address-change", withExtension: "sh")
    )
    let run = Process()
    run.executableURL = URL(filePath: "/usr/bin/env")
    run.arguments = ["bash", script.path, program.path, folder.path, family, security]
    let output = Pipe.ofChild()
    run.standardOutput = output
    try run.start()
    let lines = String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(),
      as: UTF8.self
    ).split(separator: "\n")
    run.waitUntilExit()
    if run.terminationStatus == 77 {
      print("skipped: \(Test.current?.displayName ?? "a test"): no network namespaces here")
      try Test.cancel("network namespaces are not permitted")
    }
    #expect(run.terminationStatus == 0)
    try #require(lines.count == 3)
    #expect(lines[0].hasPrefix("report 1 acknowledged"))
    // At once: it is not sent from an address that no answer can reach.
    #expect(lines[1].contains("unreachable") || lines[1].contains("acknowledged"), "\(lines[1])")
    #expect(lines[2].hasPrefix("report 3 acknowledged"))
  }

  /// The wall clock is set while a handshake waits for an answer.
  @Test(arguments: [-3_600, 3_600])
  func `a device's flights are sent again as if the wall clock had not been set`(
    by seconds: Int
  ) throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let server = try LoopbackSocket()
    defer { server.close() }
    let surroundings = try Surroundings(in: folder)
    let device = process(
      [
        "publish", "--endpoint", "127.0.0.1:\(server.port)", "--product-key", "a1B2c3D4e5F",
        "--device-name", "device1", "--topic", "/a1B2c3D4e5F/device1/user/update", "--payload", "1",
        "--security", "dtls", "--psk",
      ],
      environment: surroundings.environment().merging(["NBIOT_DEVICE_SECRET": "0123"]) { $1 }
    )
    device.standardOutput = FileHandle.nullDevice
    device.standardError = FileHandle.nullDevice
    try device.start()
    defer {
      device.terminate()
      device.waitUntilExit()
    }
    // OpenSSL looks at its timer when something comes: part of a message that never will.
    let part: [UInt8] =
      [22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 1, 0, 13] + [3, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0xFE]
    let first = try server.next()
    try surroundings.setClock(wrongBy: seconds)
    let second = try server.next(answering: part)
    try surroundings.setClock(wrongBy: 2 * seconds)
    let third = try server.next(answering: part)
    #expect(second.count == first.count && third.count == first.count)
    // A machine that is busy is late, never early.
    #expect((1_900...3_900).contains((second.at - first.at).count))
    #expect((3_900...5_900).contains((third.at - second.at).count))
  }

  @Test func `the simulator's flights are sent again as if the wall clock had not been set`() throws
  {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let surroundings = try Surroundings(in: folder)
    let simulator = try Simulator(
      ["--security", "dtls", "--certificates", folder.appending(path: "certificates").path],
      environment: surroundings.environment()
    )
    let context = try DTLSContext(.client)
    _ = try context.setAuthorities(
      Array(try Data(contentsOf: folder.appending(path: "certificates/ca.pem"))).span,
      depth: 1
    )
    var client = try DTLSConnection(
      context,
      patience: DTLSConnection.Patience(timeout: Milliseconds(60_000), limit: 1)
    )
    let socket = try UDPSocket(host: Array("127.0.0.1".utf8).span, port: UInt16(simulator.port))
    var buffer = [UInt8](repeating: 0, count: 2_048)
    /// Sends what the client has, and waits for a datagram.
    func exchange(_ client: inout DTLSConnection) throws -> Int {
      while true {
        var writer = ByteWriter(buffer.mutableSpan)
        guard try client.pollDatagram(into: &writer) else { break }
        let count = writer.count
        try socket.send(buffer.span.extracting(first: count))
      }
      socket.wait(until: MonotonicClock.now() + Milliseconds(20_000))
      var writer = ByteWriter(buffer.mutableSpan)
      _ = try socket.receive(into: &writer)
      return writer.count
    }
    client.start(at: MonotonicClock.now())
    let request = try exchange(&client)
    var room = [UInt8](repeating: 0, count: 1)
    var nothing = ByteWriter(room.mutableSpan)
    client.receive(buffer.span.extracting(first: request), into: &nothing, at: MonotonicClock.now())
    let flight = try exchange(&client)
    #expect(flight > 200)
    try surroundings.setClock(wrongBy: -3_600)
    #expect(try exchange(&client) == flight)
    _ = try simulator.stop()
  }
}
