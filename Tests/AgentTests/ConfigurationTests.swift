// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("What people write into the agent's files")
struct ConfigurationTests {
  private func lines(_ folder: AgentFolder) throws -> String {
    try String(contentsOf: folder.configuration, encoding: .utf8)
  }

  /// `--check` of a configuration of these bytes.
  private func check(_ folder: AgentFolder, _ bytes: [UInt8]) throws -> AgentProcess {
    try Data(bytes).write(to: folder.configuration)
    return try folder.run(["--check"])
  }

  private func check(_ folder: AgentFolder, _ text: String) throws -> AgentProcess {
    try check(folder, Array(text.utf8))
  }

  @Test func `a byte order mark and white space at the ends do not count`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let good = try lines(folder)
    let strange = good.replacing("\n", with: "\u{A0}\t\r\n").replacing(
      " = ",
      with: "\u{3000}=\u{FEFF}"
    )
    for text in ["\u{FEFF}" + good, "\u{FEFF}# comment\r\n" + good, strange] {
      let agent = try check(folder, text)
      #expect(agent.status == 0, "\(agent.log)")
    }
  }

  @Test(arguments: [
    ("host name:5700", "neither a name nor an address"),
    ("[::1:5700", "no IPv6 address in brackets"),
    ("http://host", "the scheme is neither coap nor coaps"), ("coap://", "no host"),
    ("host:1/path", "a path or a query"), ("host:65536", "a port is 1 to 65535"),
    ("\"host:1\"", "neither a name nor an address"), ("host：1", "neither a name nor an address"),
  ])
  func `an endpoint that is none is refused with its line and the reason`(
    endpoint: String,
    reason: String
  ) throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let text = try lines(folder).replacing("127.0.0.1:1", with: endpoint)
    let agent = try check(folder, text)
    #expect(agent.status == 2)
    #expect(agent.log == "error \(folder.configuration.path):5: endpoint: \(reason)\n")
  }

  @Test func `a URI of CoAP is understood; its scheme and the security are the same`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let good = try lines(folder)
    for endpoint in ["coap://127.0.0.1:1", "coap://h/", "::1", "[::1]:5700", "host"] {
      let agent = try check(folder, good.replacing("127.0.0.1:1", with: endpoint))
      #expect(agent.status == 0, "\(agent.log)")
    }
    for (endpoint, security) in [("coaps://h", "symmetric"), ("coap://h", "dtls")] {
      let text = good.replacing("127.0.0.1:1", with: endpoint) + "security = \(security)\n"
      let agent = try check(folder, text)
      #expect(agent.status == 2)
      #expect(agent.log.hasSuffix(": endpoint: the scheme is not that of `security`\n"))
    }
    // It says what `security` does not.
    let missing = try check(folder, good.replacing("127.0.0.1:1", with: "coaps://h"))
    #expect(missing.status == 2)
    #expect(missing.log.hasSuffix(": missing: ca-file\n"))
  }

  @Test(arguments: [
    ("state-directory = st  # where", ":4: state-directory: a comment needs a line of its own"),
    ("state-directory = \"st\"", ":4: state-directory takes a path"),
    (
      "state-directory = st\ntransport = mqtt",
      ":5: transport takes coap|mqtt only in nbiot-agent-mqtt"
    ),
    ("state-directory = st\nretry = 60\nretry-limit = 30", ":5: retry is over retry-limit"),
    ("state-directory = st\nretry = 7200", ":5: retry is over retry-limit"),
    (
      "state-directory = st\nhint-command = /nowhere/hint",
      ":5: hint-command: no file that can be run"
    ),
    ("state-directory = st\nhint-command = /usr", ":5: hint-command: no file that can be run"),
    (
      "state-directory = st\nhint-command = /etc/passwd",
      ":5: hint-command: no file that can be run"
    ),
    (
      "state-directory = st\nsocket = /nowhere/lines",
      "the socket cannot be made: /nowhere/lines errno=ENOENT"
    ),
    (
      "state-directory = st\nsocket = /etc/passwd",
      "the socket cannot be made: /etc/passwd errno=EADDRINUSE"
    ),
    (
      "state-directory = st\nsocket = /tmp/" + String(repeating: "s", count: 103),
      " errno=ENAMETOOLONG"
    ),
    (
      "state-directory = st\nsecurity = dtls\nca-file = /etc/passwd\nserver-name = a b",
      ":7: server-name takes the server's name"
    ),
    (
      "state-directory = st\nsecurity = dtls\nca-file = /etc/passwd\nserver-name = http://x",
      ":7: server-name takes"
    ),
    ("state-directory = st\ntopic = bad", ":5: topic takes /PRODUCTKEY/DEVICENAME/"),
  ])
  func `the check finds what a start or a report would`(line: String, complaint: String) throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let rest = try lines(folder).split(separator: "\n")
      .filter { !$0.hasPrefix("state-directory") && !$0.hasPrefix("topic") }
    let text =
      rest.prefix(3).joined(separator: "\n") + "\n\(line)\n"
      + rest.dropFirst(3).joined(separator: "\n") + "\n"
    let agent = try check(folder, text)
    #expect(agent.status == 2)
    #expect(agent.log.contains(complaint), "\(agent.log)")
  }

  @Test func `a socket that can be made, and a command that can be run, pass the check`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let text = try lines(folder) + "socket = \(folder.url.path)/lines\nhint-command = /bin/true\n"
    let agent = try check(folder, text)
    #expect(agent.status == 0, "\(agent.log)")
  }

  @Test func `UTF-16 and zero bytes are refused by name, in each file`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let good = try lines(folder)
    let utf16: [UInt8] = [0xFF, 0xFE] + good.utf8.flatMap { [$0, 0] as [UInt8] }
    let big: [UInt8] = [0xFE, 0xFF] + good.utf8.flatMap { [0, $0] as [UInt8] }
    for (bytes, reason) in [
      (utf16, "UTF-16"), (big, "UTF-16"), (Array(good.utf8) + [0], "a zero byte"),
    ] {
      let agent = try check(folder, bytes)
      #expect(agent.status == 2)
      #expect(agent.log.hasPrefix("error \(reason)"), "\(agent.log)")
      #expect(agent.log.contains(folder.configuration.path))
    }
    try folder.configure(good.split(separator: "\n").map(String.init))
    let secret = folder.url.appending(path: "secret.txt")
    for bytes: [UInt8] in [
      [0xFF, 0xFE, 0x61, 0], [0xFE, 0xFF, 0, 0x61], [0x61, 0, 0x62], [0x61, 0x0A, 0],
    ] {
      try Data(bytes).write(to: secret)
      let agent = try folder.run(["--check"])
      #expect(agent.status == 2)
      #expect(agent.log.contains(secret.path))
      #expect(agent.log.contains("UTF-16") || agent.log.contains("zero byte"))
    }
  }

  @Test(arguments: ["pipe", "device", "folder", "missing"])
  func `what is no regular file is refused at once`(kind: String) throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let path = folder.url.appending(path: "strange").path
    if kind == "pipe" { #expect(unsafe mkfifo(path, 0o600) == 0) }
    if kind == "folder" { #expect(unsafe mkdir(path, 0o700) == 0) }
    if kind == "device" {
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/zero")
    }
    let good = try lines(folder)
    let secret = folder.url.appending(path: "secret.txt").path
    var logs = [try check(folder, good.replacing(secret, with: path))]
    logs.append(try check(folder, good + "security = dtls\nca-file = \(path)\n"))
    let configuration = AgentProcess(["--check", "--config", path])
    try configuration.start()
    configuration.wait()
    logs.append(configuration)
    for agent in logs {
      #expect(agent.status == 2)
      let words = kind == "missing" ? "errno=ENOENT" : "not a regular file"
      #expect(agent.log.contains(words) && agent.log.contains(path), "\(agent.log)")
    }
  }

  @Test
  func `a secret's ends are taken off, with a warning where more than a line's end was there`()
    async throws
  {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let file = folder.url.appending(path: "secret.txt")
    let secret = AgentFolder.secret
    let warning = "warning secret-trimmed"
    for (text, warns) in [
      (secret, false), (secret + "\r\n", false), (secret + "\n\nanother line\n", false),
      (secret + " \n", true), ("\u{FEFF}" + secret, true), ("\n\t" + secret + "\n", true),
      (secret + "\u{A0}\n", true), (secret + "\u{2028}", true),
      ("\u{85}" + secret + "\u{2029}", true),
    ] {
      try Data(text.utf8).write(to: file)
      try? FileManager.default.removeItem(at: folder.state)
      let agent = try folder.run(input: "1\n")
      #expect(agent.status == 0, "\(agent.log)")
      #expect(agent.log.contains(warning) == warns)
    }
    let bad = ["", "\n", " \u{FEFF}\r\n", String(repeating: "s", count: 129)].map { Data($0.utf8) }
    // No UTF-8: a single byte, one amid it, and a sequence that is cut.
    let broken = [Data([0xFF]), Data([0x61, 0xE9, 0x61]), Data(secret.utf8) + [0xE2, 0x80]]
    for text in bad + broken {
      try text.write(to: file)
      let agent = try folder.run(["--check"])
      #expect(agent.status == 2)
      #expect(
        agent.log.contains(
          "the secret file must hold the device secret in its first line: \(file.path)\n"
        )
      )
    }
    try await platform.close()
  }

  @Test func `files that others can change are warned of`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let secret = folder.url.appending(path: "secret.txt").path
    for (path, mode, warning) in [
      (
        folder.configuration.path, 0o622,
        "warning writable-by-others: \(folder.configuration.path)\n"
      ),
      (folder.configuration.path, 0o644, ""),
      (secret, 0o602, "warning secret-readable-by-others\n"),
    ] {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
      #expect(try folder.run(["--check"]).log == warning)
    }
  }

  @Test func `a byte order mark before the authorities does not hide them`() async throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let certificate = try #require(try pem())
    let file = folder.url.appending(path: "ca.pem")
    let good = try lines(folder)
    for text in [certificate, "\u{FEFF}" + certificate.replacing("\n", with: "\r\n")] {
      try Data(text.utf8).write(to: file)
      let agent = try check(folder, good + "security = dtls\nca-file = \(file.path)\n")
      #expect(agent.status == 0, "\(agent.log)")
    }
  }

  /// An authority of this machine.
  private func pem() throws -> String? {
    let all = try String(contentsOfFile: "/etc/ssl/certs/ca-certificates.crt", encoding: .utf8)
    return all.firstRange(of: "-----END CERTIFICATE-----\n").map { String(all[..<$0.upperBound]) }
  }

  @Test func `the secret goes into no core file`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let agent = folder.agent()
    try agent.start()
    #expect(agent.wait { $0.log.contains("info started") })
    let limits = try String(
      contentsOfFile: "/proc/\(agent.process.processIdentifier)/limits",
      encoding: .utf8
    )
    let line = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file") })
    #expect(line.split(separator: " ").suffix(3) == ["0", "0", "bytes"])
    agent.signal(SIGTERM)
    agent.wait()
  }
}
