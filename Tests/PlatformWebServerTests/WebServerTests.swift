// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import OpenSSLSupport
import PlatformCore
import PlatformSimulator
import PlatformWebServer
import Synchronization
import TestSupport
import Testing

/// A server of HTTPS for a test, and curl and python as clients that are not of this project.
final class WebBenchServer {
  let folder: URL
  let simulator: SimulatorServer
  let server: WebServer
  private let records: Records

  final class Records: Sendable {
    private let all = Mutex<[WebRecord]>([])
    func add(_ record: WebRecord) { all.withLock { $0.append(record) } }
    var list: [WebRecord] { all.withLock { $0 } }
  }

  init(
    _ limits: WebLimits = WebLimits(),
    files: (URL) throws -> [WebFile] = { _ in [] }
  ) async throws {
    folder = URL.temporaryDirectory.appending(path: "nbiot-web-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let issued = try IssuedCertificate(names: ["127.0.0.1"])
    try Data(issued.authority).write(to: folder.appending(path: "ca.pem"))
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(productKey: "pk", deviceName: "device1", secret: WebBench.secret)
    ]
    simulator = try await SimulatorServer.start(configuration) { _ in }
    var settings = WebSettings { WebBench.date }
    settings.certificate = issued.certificate
    settings.key = issued.key
    settings.limits = limits
    settings.files = try files(folder)
    let records = Records()
    self.records = records
    server = try await WebServer.start(settings, beside: simulator) { records.add($0) }
  }

  var all: [WebRecord] { records.list }

  func close() async throws {
    try await server.close()
    try await simulator.close()
    try FileManager.default.removeItem(at: folder)
  }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: folder.appending(path: name))
    return path(name)
  }

  func url(_ path: String) -> String { "https://127.0.0.1:\(server.port)\(path)" }

  /// Runs curl, which trusts the authority alone.
  func curl(_ arguments: [String]) async throws -> (status: Int32, output: String) {
    try await Self.run(
      "/usr/bin/curl",
      ["-sS", "--cacert", path("ca.pem"), "--max-time", "60"] + arguments
    )
  }

  /// Runs Python with the port, the authority and `send`, which opens a connection, writes the bytes and reads to its
  /// end.
  func python(_ text: String) async throws -> String {
    let script = """
      import socket, ssl, sys, time
      context = ssl.create_default_context(cafile=\(Self.quoted(path("ca.pem"))))
      port = \(server.port)
      def connect():
        plain = socket.create_connection(("127.0.0.1", port), timeout=30)
        return context.wrap_socket(plain, server_hostname="127.0.0.1")
      def read(peer):
        data = b""
        try:
          while True:
            more = peer.recv(65536)
            if not more: break
            data += more
        except (ConnectionError, ssl.SSLError): pass
        return data
      def send(*parts):
        peer = connect()
        try:
          for part in parts: peer.sendall(part)
        except (ConnectionError, ssl.SSLError): pass
        return read(peer)
      \(text)
      """
    let (status, output) = try await Self.run("/usr/bin/env", ["python3", "-c", script])
    #expect(status == 0, "\(output)")
    return output
  }

  func authenticate() async throws -> String {
    let body = try write("auth.json", try WebBench.credentials())
    let (status, output) = try await curl([
      url("/auth"), "-H", "Content-Type: application/json", "--data-binary", "@\(body)",
    ])
    #expect(status == 0)
    let parts = output.split(separator: "\"")
    let index = try #require(parts.firstIndex(of: "token"), "\(output)")
    return String(parts[index + 2])
  }

  private static func quoted(_ text: String) -> String { "'\(text)'" }

  private static func run(
    _ program: String,
    _ arguments: [String]
  ) async throws -> (status: Int32, output: String) {
    let process = Process()
    let output = Pipe.ofChild()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.start()
    let data = try await Task.detached {
      try output.fileHandleForReading.readToEnd() ?? Data()
    }.value
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }
}

@Suite("The HTTPS side with real TLS, curl and Python's ssl as peers", .timeLimit(.minutes(15)))
struct WebServerTests {
  @Test func `curl authenticates and reports, two requests on one connection`() async throws {
    let bench = try await WebBenchServer()
    let token = try await bench.authenticate()
    let report = [
      bench.url("/topic/pk/device1/user/update"), "-H", "password: \(token)", "-H",
      "Content-Type: application/octet-stream", "--data-binary", "21.5", "-w",
      " %{http_code} %{num_connects} %{http_version}\n", "-D", bench.path("head"),
    ]
    let (status, output) = try await bench.curl(
      report + ["--next", "-sS", "--cacert", bench.path("ca.pem")] + report
    )
    #expect(status == 0, "\(output)")
    let lines = output.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines.first?.hasSuffix(" 200 1 1.1") == true, "\(output)")
    #expect(lines.last?.hasSuffix(" 200 0 1.1") == true, "\(output)")
    #expect(lines.allSatisfy { $0.hasPrefix(#"{"code":0,"#) }, "\(output)")
    let head = try String(contentsOfFile: bench.path("head"), encoding: .utf8)
    // The date of `WebBench.date`, as date(1) prints it.
    #expect(head.contains("\r\nDate: Mon, 21 Sep 2026 14:13:20 GMT\r\n"), "\(head)")
    let reports = bench.all.filter(\.isAcceptedReport)
    #expect(reports.map(\.payload) == [Array("21.5".utf8), Array("21.5".utf8)])
    #expect(reports.allSatisfy { $0.device == "pk/device1" && $0.peer.hasPrefix("127.0.0.1:") })
    try await bench.close()
  }

  @Test func `131,072 bytes arrive whole, chunked as well; one more is refused`() async throws {
    let bench = try await WebBenchServer()
    let token = try await bench.authenticate()
    let payload = (0..<131_072).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let full = try bench.write("full", payload)
    let long = try bench.write("long", payload + [1])
    let huge = try bench.write("huge", [UInt8](repeating: 1, count: 3_000_000))
    let header = [
      bench.url("/topic/pk/device1/user/update"), "-H", "password: \(token)", "-H",
      "Content-Type: application/octet-stream",
    ]
    for more in [
      [], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"], ["--http1.0"],
    ] {
      let (_, output) = try await bench.curl(header + more + ["--data-binary", "@\(full)"])
      #expect(output.hasPrefix(#"{"code":0,"#), "\(more): \(output)")
      #expect(bench.all.last?.payload == payload)
    }
    for file in [long, huge] {
      for more in [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"]] {
        let (_, output) = try await bench.curl(header + more + ["--data-binary", "@\(file)"])
        #expect(output.contains(#""code":10001"#), "\(more): \(output)")
        #expect(
          bench.all.last?.note.contains("131072") == true,
          "\(bench.all.suffix(3).map(\.note))"
        )
      }
    }
    try await bench.close()
  }

  @Test func `TLS 1_2 and 1_3 are spoken, nothing older, and nothing in the clear`() async throws {
    let bench = try await WebBenchServer()
    let url = bench.url("/auth")
    for version in [["--tls-max", "1.2"], ["--tlsv1.3"]] {
      let (status, _) = try await bench.curl([url] + version)
      #expect(status == 0, "\(version)")
    }
    let (old, _) = try await bench.curl([
      url, "--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0",
    ])
    #expect(old == 35)
    let (plain, _) = try await bench.curl([url.replacing("https", with: "http")])
    #expect(plain != 0)
    #expect(bench.all.contains { $0.kind == .close && $0.note.hasPrefix("TLS: ") })
    // Somebody else's authority.
    let (stranger, _) = try await bench.curl([
      url, "--cacert", "/etc/ssl/certs/ca-certificates.crt",
    ])
    #expect(stranger == 60 || stranger == 77)
    try await bench.close()
  }

  @Test func `a session is resumed`() async throws {
    let bench = try await WebBenchServer()
    let output = try await bench.python(
      """
      request = b"GET /x HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n"
      for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
        context = ssl.create_default_context(cafile=context_file)
        context.maximum_version = version
        first = connect(); first.sendall(request); read(first)
        plain = socket.create_connection(("127.0.0.1", port), timeout=30)
        second = context.wrap_socket(plain, server_hostname="127.0.0.1", session=first.session)
        second.sendall(request); read(second)
        print(second.version(), second.session_reused)
      """.replacing("context_file", with: "'\(bench.path("ca.pem"))'")
    )
    #expect(output == "TLSv1.2 True\nTLSv1.3 True\n")
    try await bench.close()
  }

  @Test func `what is no request is answered with 400 or nothing, and closed`() async throws {
    let bench = try await WebBenchServer()
    let output = try await bench.python(
      """
      for part in [
        b"POST /auth HTTP/1.1\\r\\n\\r\\n",
        b"POST /auth HTTP/1.1\\r\\nHost: a\\r\\nHost: b\\r\\n\\r\\n",
        b"POST /auth HTTP/2.0\\r\\nHost: a\\r\\n\\r\\n",
        b"\\x00\\x01\\x02\\r\\n\\r\\n",
        b"POST /auth HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 1\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n",
        b"POST /auth HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: -1\\r\\n\\r\\n",
        b"POST /auth HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 1\\r\\nContent-Length: 2\\r\\n\\r\\n",
        b"POST /auth HTTP/1.1\\r\\nHost: a\\r\\nX: " + b"x" * 20000 + b"\\r\\n\\r\\n",
        b"POST /auth HTTP/1.1\\r\\nHost: a\\r\\n" + b"X: y\\r\\n" * 100 + b"\\r\\n",
        b"POST /" + b"x" * 2000000 + b" HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
      ]:
        answer = send(part)
        print(answer.split(b"\\r\\n")[0].decode() or "closed")
      half = connect()
      half.sendall(b"POST /auth HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 9\\r\\n\\r\\n{")
      half.close()
      print(send(b"GET /x HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n").split(b"\\r\\n")[0].decode())
      """
    )
    let lines = output.split(separator: "\n")
    #expect(lines.count == 11)
    for line in lines.dropLast() {
      #expect(line.hasPrefix("HTTP/1.1 400") || line == "closed", "\(output)")
    }
    #expect(lines.first?.hasPrefix("HTTP/1.1 400") == true)
    // It goes on.
    #expect(lines.last == "HTTP/1.1 404 Not Found")
    #expect(bench.all.filter { $0.kind == .authentication }.isEmpty)
    #expect(bench.all.contains { $0.note == "the connection ended within a request" })
    try await bench.close()
  }

  @Test func `pipelined requests are answered in order`() async throws {
    let bench = try await WebBenchServer()
    let output = try await bench.python(
      """
      request = b"GET /%d HTTP/1.1\\r\\nHost: a\\r\\n%s\\r\\n"
      answer = send(b"".join(request % (n, b"") for n in range(20)) + request % (20, b"Connection: close\\r\\n"))
      print(answer.count(b"HTTP/1.1 404"))
      """
    )
    #expect(output == "21\n")
    #expect(bench.all.map(\.path) == (0...20).map { "/\($0)" })
    try await bench.close()
  }

  @Test func `who is silent or sends a byte at a time is cut off`() async throws {
    var limits = WebLimits()
    limits.headPatience = 400
    limits.bodyPatience = 400
    limits.idle = 400
    let bench = try await WebBenchServer(limits)
    let output = try await bench.python(
      """
      def slow(text):
        start = time.monotonic()
        peer = connect()
        try:
          for byte in text:
            peer.sendall(bytes([byte]))
            time.sleep(0.05)
        except (ConnectionError, ssl.SSLError): pass
        read(peer)
        return time.monotonic() - start < 20
      head = b"POST /auth HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 10000\\r\\n\\r\\n"
      start = time.monotonic()
      plain = socket.create_connection(("127.0.0.1", port), timeout=30)
      print(read(plain) == b"" and time.monotonic() - start < 20)
      print(read(connect()) == b"")
      print(slow(b"POST /auth HTTP/1.1\\r\\nX: " + b"x" * 1000))
      print(slow(head + b"{" * 1000))
      print(send(head, b"{") == b"")
      idle = connect(); idle.sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
      print(read(idle).startswith(b"HTTP/1.1 404"))
      """
    )
    #expect(output == "True\nTrue\nTrue\nTrue\nTrue\nTrue\n")
    let notes = bench.all.filter { $0.kind == .close }.map(\.note)
    #expect(notes.contains("no whole request in time"))
    #expect(notes.contains("the body came too slowly"))
    try await bench.close()
  }

  @Test func `connections beyond the limit are closed, and others go on`() async throws {
    var limits = WebLimits()
    limits.connections = 3
    let bench = try await WebBenchServer(limits)
    let output = try await bench.python(
      """
      kept = [connect() for _ in range(3)]
      plain = socket.create_connection(("127.0.0.1", port), timeout=30)
      try: print(plain.recv(1) == b"")
      except ConnectionError: print(True)
      request = b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
      for peer in kept:
        peer.sendall(request)
        print(peer.recv(1000).startswith(b"HTTP/1.1 404"))
      kept[0].close()
      for _ in range(100):
        try:
          print(send(request.replace(b"GET", b"PUT").replace(b"a\\r", b"a\\r\\nConnection: close\\r")).startswith(b"HTTP/1.1 404"))
          break
        except OSError: time.sleep(0.05)
      """
    )
    #expect(output == String(repeating: "True\n", count: 5))
    try await bench.close()
  }

  @Test func `curl resumes a download, and gets a part`() async throws {
    let content = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    let bench = try await WebBenchServer { folder in
      let file = folder.appending(path: "app.bin")
      try Data(content).write(to: file)
      return [WebFile(productKey: "pk", name: "firmware", file: file.path)]
    }
    let url = bench.url("/files/pk/firmware")
    let part = try bench.write("part", Array(content.prefix(400_000)))
    let (status, _) = try await bench.curl([url, "-C", "-", "-o", part])
    #expect(status == 0)
    #expect([UInt8](try Data(contentsOf: URL(filePath: part))) == content)
    #expect(bench.all.last?.note == "bytes 400000-999999/1000000")
    let (_, middle) = try await bench.curl([
      url, "-r", "10-19", "-o", bench.path("middle"), "-w", "%{http_code}",
    ])
    #expect(middle == "206")
    #expect(
      [UInt8](try Data(contentsOf: URL(filePath: bench.path("middle")))) == Array(content[10..<20])
    )
    let (_, head) = try await bench.curl([url, "-I"])
    #expect(head.contains("Content-Length: 1000000\r\n") && head.contains("Accept-Ranges: bytes"))
    let (_, beyond) = try await bench.curl([url, "-r", "1000000-", "-w", "%{http_code}"])
    #expect(beyond == "416")
    let (_, whole) = try await bench.curl([url, "-o", bench.path("whole"), "-w", "%{http_code}"])
    #expect(whole == "200")
    #expect([UInt8](try Data(contentsOf: URL(filePath: bench.path("whole")))) == content)
    try await bench.close()
  }

  @Test func `who does not take a download is cut off`() async throws {
    var limits = WebLimits()
    limits.writePatience = 400
    let bench = try await WebBenchServer(limits) { folder in
      let file = folder.appending(path: "app.bin")
      try Data(count: 50_000_000).write(to: file)
      return [WebFile(productKey: "pk", name: "firmware", file: file.path)]
    }
    let output = try await bench.python(
      """
      peer = connect()
      peer.sendall(b"GET /files/pk/firmware HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
      time.sleep(2)
      print(len(read(peer)) < 50000000)
      """
    )
    #expect(output == "True\n")
    #expect(bench.all.last?.note == "the answer was not taken in time")
    try await bench.close()
  }

  @Test func `a certificate and key that do not fit, and a port in use, are told`() async throws {
    let bench = try await WebBenchServer()
    var settings = WebSettings { 0 }
    await #expect(throws: WebError.self) {
      _ = try await WebServer.start(settings, beside: bench.simulator) { _ in }
    }
    let issued = try IssuedCertificate(names: ["127.0.0.1"])
    settings.certificate = issued.certificate
    settings.key = try IssuedCertificate(names: ["127.0.0.1"]).key
    await #expect(throws: WebError.self) {
      _ = try await WebServer.start(settings, beside: bench.simulator) { _ in }
    }
    settings.key = issued.key
    settings.port = bench.server.port
    do {
      _ = try await WebServer.start(settings, beside: bench.simulator) { _ in }
      Issue.record("two servers on one port")
    } catch let error as WebError {
      #expect(error.reason.contains("cannot listen on 127.0.0.1 port \(bench.server.port)"))
    }
    try await bench.close()
  }
}
