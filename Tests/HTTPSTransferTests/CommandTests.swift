// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// A finished run of the program.
struct Run {
  let status: Int32
  let output: String
  let errors: String
}

/// The program as built with the tests.
let program = Bundle.module.bundleURL.deletingLastPathComponent().appending(path: "nbiot")

func start(
  _ arguments: [String],
  environment: [String: String] = [:],
  input: FileHandle = .nullDevice
) throws -> (Process, output: Pipe, errors: Pipe) {
  let process = Process()
  let (output, errors) = (Pipe.ofChild(), Pipe.ofChild())
  process.executableURL = program
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment
    .merging(["NBIOT_PRODUCT_SECRET": HTTPSServer.productSecret]) { $1 }
    .merging(environment) { $1 }
  process.standardInput = input
  process.standardOutput = output
  process.standardError = errors
  try process.start()
  return (process, output, errors)
}

func finish(_ started: (Process, output: Pipe, errors: Pipe)) throws -> Run {
  let output = try started.output.fileHandleForReading.readToEnd() ?? Data()
  let errors = try started.errors.fileHandleForReading.readToEnd() ?? Data()
  started.0.waitUntilExit()
  let isSignal = started.0.terminationReason == .uncaughtSignal
  return Run(
    // The status as a shell reports it.
    status: (isSignal ? 128 : 0) + started.0.terminationStatus,
    output: String(decoding: output, as: UTF8.self),
    errors: String(decoding: errors, as: UTF8.self)
  )
}

func nbiot(_ arguments: [String], environment: [String: String] = [:]) throws -> Run {
  try finish(try start(arguments, environment: environment))
}

@Suite("nbiot ota download, as its user runs it")
struct DownloadCommandTests {
  private func arguments(
    _ server: HTTPSServer,
    _ path: String,
    _ more: [String] = []
  ) throws -> [String] {
    [
      "ota", "download", "--url", server.url(path), "--size", "\(server.firmware.count)", "--md5",
      try server.digest("md5"), "--to", server.path("new.bin"), "--https-ca-file",
      server.path("ca.pem"),
    ] + more
  }

  @Test func `the host's name may be absolute (RFC 6066 Section 3)`() throws {
    let server = try HTTPSServer()
    var arguments = try arguments(server, "plain")
    arguments[3] = server.url("plain", host: "localhost.")
    let surroundings = try Surroundings(in: server.folder)
    let run = try nbiot(
      arguments,
      environment: surroundings.environment(["localhost.": ["127.0.0.1"]])
    )
    #expect(run.status == 0, "\(run.errors)")
  }

  @Test func `a download that was cut at half goes on, is verified, and is there`() throws {
    let server = try HTTPSServer()
    let run = try nbiot(try arguments(server, "cut-once", ["--output", "json"]))
    #expect(run.status == 0)
    #expect(
      run.output == #"{"file":"\#(server.path("new.bin"))","size":300001,"resumedAt":0,"#
        + #""requests":2,"verified":"md5"}"# + "\n"
    )
    #expect(run.errors.contains("the connection broke; again in 1 s"))
    #expect(server.contents("new.bin") == server.firmware)
  }

  @Test func `-v shows each request and answer, without what lets a bearer have the file`() throws {
    let server = try HTTPSServer()
    let path = "cut-once/app.bin"
    let run = try nbiot(try arguments(server, path + "?Signature=secret", ["-v"]))
    #expect(run.status == 0, "\(run.errors)")
    let lines = run.errors.split(separator: "\n")
    let address = server.url(path) + "?***"
    #expect(lines.first == "GET \(address)", "\(run.errors)")
    #expect(lines.contains { $0.hasPrefix("status 200, 300001 bytes") }, "\(run.errors)")
    #expect(lines.contains { $0.hasPrefix("GET \(address), bytes from ") }, "\(run.errors)")
    #expect(lines.contains { $0.hasPrefix("status 206, bytes ") }, "\(run.errors)")
    #expect(!run.errors.contains("Signature"))
    #expect(try nbiot(try self.arguments(server, "plain")).errors.isEmpty)
  }

  @Test func `a flipped bit exits with 1, says so, and leaves no file`() throws {
    let server = try HTTPSServer()
    let run = try nbiot(try arguments(server, "flip"))
    #expect(run.status == 1)
    #expect(run.output.isEmpty)
    #expect(run.errors.hasPrefix("nbiot: the download does not match the digest and was deleted"))
    #expect(server.contents("new.bin") == nil)
    #expect(server.contents("new.bin.part") == nil)
  }

  @Test(arguments: [
    ("403", 3, "older than 24 hours"), ("404", 3, "no such file"), ("to-http", 3, "without HTTPS"),
    ("longer", 1, "300002 bytes, not 300001"),
  ])
  func `a refusal says what to do`(path: String, status: Int32, words: String) throws {
    let server = try HTTPSServer()
    let run = try nbiot(try arguments(server, path))
    #expect(run.status == status)
    #expect(run.errors.hasPrefix("nbiot: ") && run.errors.contains(words))
  }

  @Test func `a server of another name exits with 3`() throws {
    let server = try HTTPSServer(certificate: "misnamed")
    let run = try nbiot(try arguments(server, "plain"))
    #expect(run.status == 3)
    #expect(run.errors.contains("certificate is not accepted"))
  }

  @Test func `a closed port exits with 4`() throws {
    let server = try HTTPSServer()
    var arguments = try arguments(server, "plain", ["--attempts", "1"])
    arguments[3] = "https://127.0.0.1:1/plain"
    let run = try nbiot(arguments)
    #expect(run.status == 4)
    #expect(run.errors.contains("cannot be reached"))
  }

  @Test func `a link that stalls amid the file exits with 1 and says where the part is`() throws {
    let server = try HTTPSServer()
    // So little is missing that the server's next half is empty; no attempt brings more.
    try Data(server.firmware.dropLast())
      .write(to: server.folder.appending(path: "new.bin.part"))
    try Data("nbiot firmware 1 \(try server.digest("md5")) 300001\n".utf8)
      .write(to: server.folder.appending(path: "new.bin.part.info"))
    let run = try nbiot(try arguments(server, "stall", ["--patience", "1", "--attempts", "1"]))
    #expect(run.status == 1)
    #expect(run.errors.contains("what has come is in \(server.path("new.bin")).part"))
    #expect(server.requests() == ["GET /stall bytes=300000-"])
  }

  @Test func `Ctrl-C keeps what has come, and another run goes on from there`() throws {
    let server = try HTTPSServer()
    let started = try start(try arguments(server, "stall"))
    for _ in 0..<200 where server.contents("new.bin.part")?.count != 150_000 { usleep(50_000) }
    started.0.interrupt()
    let run = try finish(started)
    #expect(run.status == 130)
    #expect(run.errors.contains("stopped; what has come is in \(server.path("new.bin")).part"))
    let again = try nbiot(try arguments(server, "plain"))
    #expect(again.status == 0)
    #expect(again.output.contains("resumed at  150000\n"))
    #expect(server.contents("new.bin") == server.firmware)
  }

  @Test func `the address may come from standard input`() throws {
    let server = try HTTPSServer()
    let input = Pipe.ofChild()
    try input.fileHandleForWriting.write(contentsOf: Data((server.url("plain") + "\n").utf8))
    try input.fileHandleForWriting.close()
    var arguments = try arguments(server, "plain")
    arguments[3] = "-"
    let run = try finish(try start(arguments, input: input.fileHandleForReading))
    #expect(run.status == 0)
    #expect(server.contents("new.bin") == server.firmware)
  }

  @Test(arguments: [
    ["--size", "1", "--to", "/tmp/x", "--url", "https://x/"],
    ["--size", "1", "--to", "/tmp/x", "--url", "https://x/", "--md5", "12"],
    [
      "--size", "0", "--to", "/tmp/x", "--url", "https://x/", "--md5",
      "93230c3bde425a9d7984a594ac55ea1e",
    ],
    [
      "--size", "1", "--to", "/tmp/x", "--url", "http://x/", "--md5",
      "93230c3bde425a9d7984a594ac55ea1e",
    ],
    [
      "--size", "1", "--to", "/nowhere/x", "--url", "https://x/", "--md5",
      "93230c3bde425a9d7984a594ac55ea1e",
    ],
    [
      "--size", "1", "--to", "/tmp/x", "--url", "https://x/", "--md5",
      "93230c3bde425a9d7984a594ac55ea1e", "--https-ca-file", "/nowhere/ca.pem",
    ],
  ])
  func `what makes no sense exits with 2`(options: [String]) throws {
    let run = try nbiot(["ota", "download"] + options)
    #expect(run.status == 2)
    #expect(!run.errors.isEmpty && run.output.isEmpty)
  }
}

@Suite("nbiot register over HTTPS (device guide 6.2), as its user runs it")
struct RegisterCommandTests {
  private func arguments(
    _ server: HTTPSServer,
    device: String = "device1",
    path: String = "auth/register/device",
    _ more: [String] = []
  ) -> [String] {
    [
      "register", "--product-key", "a1B2c3D4e5F", "--device-name", device, "--secret-file",
      server.path("secret.txt"), "--url", server.url(path), "--https-ca-file",
      server.path("ca.pem"),
    ] + more
  }

  @Test(arguments: ["hmacmd5", "hmacsha1", "hmacsha256"])
  func `the secret goes to a file of mode 600 and is not printed`(method: String) throws {
    let server = try HTTPSServer()
    let run = try nbiot(arguments(server, ["--sign-method", method, "--output", "json"]))
    #expect(run.status == 0)
    #expect(
      run.output == #"{"deviceName":"device1","productKey":"a1B2c3D4e5F","secretFile":""#
        + server.path("secret.txt") + "\"}\n"
    )
    #expect(server.contents("secret.txt") == Array((HTTPSServer.deviceSecret + "\n").utf8))
    #expect(try server.mode("secret.txt") == 0o600)
    #expect(!(run.output + run.errors).contains(HTTPSServer.deviceSecret))
  }

  @Test func `a device name that a form must escape is signed as it is`() throws {
    let server = try HTTPSServer()
    let run = try nbiot(arguments(server, device: "a@b:c-d_e.f"))
    #expect(run.status == 0)
  }

  @Test func `a file that is there is left alone unless it is forced, and nothing is sent`() throws
  {
    let server = try HTTPSServer()
    try Data("old\n".utf8).write(to: server.folder.appending(path: "secret.txt"))
    let refused = try nbiot(arguments(server))
    #expect(refused.status == 2)
    #expect(refused.errors.contains("--force"))
    #expect(server.contents("secret.txt") == Array("old\n".utf8))
    #expect(server.requests() == [])
    let forced = try nbiot(arguments(server, ["--force"]))
    #expect(forced.status == 0)
    #expect(server.contents("secret.txt") == Array((HTTPSServer.deviceSecret + "\n").utf8))
    #expect(try server.mode("secret.txt") == 0o600)
  }

  @Test func `a wrong product secret exits with 3 and says what to check`() throws {
    let server = try HTTPSServer()
    let run = try nbiot(arguments(server), environment: ["NBIOT_PRODUCT_SECRET": "wrong"])
    #expect(run.status == 3)
    #expect(run.errors.contains("code 401, \"request auth error\""))
    #expect(run.errors.contains("dynamic registration is on"))
    #expect(server.contents("secret.txt") == nil)
  }

  @Test func `what the platform says is shown without steering the terminal`() throws {
    let server = try HTTPSServer()
    let run = try nbiot(arguments(server, device: "unknown"))
    #expect(run.status == 3)
    #expect(run.errors.contains(#"code 6100, "device\u001b[31m not found""#))
  }

  @Test(
    arguments: [
      ("mistaken", "auth/register/device", 1, "for another device"),
      ("device1", "nonsense", 1, "not JSON"), ("device1", "404", 3, "status 404"),
      ("device1", "500", 1, "status 500"), ("device1", "moved", 3, "status 307"),
      ("device1", "long", 1, "longer than"),
    ] as [(String, String, Int32, String)]
  )
  func `an answer that is none leaves no file`(
    device: String,
    path: String,
    status: Int32,
    words: String
  ) throws {
    let server = try HTTPSServer()
    let run = try nbiot(arguments(server, device: device, path: path))
    #expect(run.status == status)
    #expect(run.errors.hasPrefix("nbiot: ") && run.errors.contains(words))
    #expect(server.contents("secret.txt") == nil)
  }

  @Test(arguments: ["503", "429"])
  func `a busy server is asked once, and the command says when to run it again`(
    status: String
  ) throws {
    let server = try HTTPSServer()
    let run = try nbiot(arguments(server, path: "after-\(status)-seconds"))
    #expect(run.status == 1)
    #expect(
      run.errors
        == "nbiot: the server is busy (\(status)): run it again after 2 s, as it asks for\n"
    )
    #expect(server.requests().count == 1)
  }

  @Test func `a server that cannot prove itself gets no request`() throws {
    let server = try HTTPSServer(certificate: "foreign")
    let run = try nbiot(arguments(server))
    #expect(run.status == 3)
    #expect(server.requests() == [])
  }

  @Test func `an address without HTTPS, and a missing secret, exit with 2`() throws {
    let server = try HTTPSServer()
    var plain = arguments(server)
    plain[8] = "http://127.0.0.1/auth/register/device"
    let first = try nbiot(plain)
    #expect(first.status == 2)
    #expect(first.errors.contains("https://"))
    let second = try nbiot(arguments(server), environment: ["NBIOT_PRODUCT_SECRET": ""])
    #expect(second.status == 2)
    #expect(second.errors.contains("--product-secret-file"))
  }
}
