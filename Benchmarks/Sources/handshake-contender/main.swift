// SPDX-License-Identifier: Apache-2.0
// Performs one handshake over UDP, then sends reports:
//   handshake-contender HOST PORT certificate AUTHORITIES.pem NAME [OPTION…]
//   handshake-contender HOST PORT psk IDENTITY KEY [OPTION…]
// Options:
//   legacy      also offers the suites of the platform's own C SDKs
//   ticket      accepts a session ticket
//   idle        prepares a handshake, then exits
//   load=FILE   resumes the session in FILE
//   save=FILE   writes the session to FILE for resumption
//   reports=N   sends N messages of 92 bytes; default 1
//   answers     prints a line after each message, and waits for the answer to it
// At the end it prints `SUITE full|resumed, a record of N bytes`. The datagrams are counted between
// it and the server (Benchmarks/relay.py).

internal import CoAPExchange
internal import ConstrainedCore
internal import DTLSSecurity
internal import Glibc
internal import OpenSSLSupport
internal import SecurityLayer
internal import UDPTransport

/// Prints a sentence and ends the program.
func fail(_ sentence: String) -> Never {
  let line = [UInt8]("handshake-contender: \(sentence)\n".utf8)
  _ = unsafe Glibc.write(2, line, line.count)
  exit(1)
}

/// Reads a file.
func contents(of path: String) -> [UInt8] {
  guard let file = unsafe fopen(path, "r"), unsafe fseek(file, 0, SEEK_END) == 0 else {
    fail("\(path) cannot be read")
  }
  defer { _ = unsafe fclose(file) }
  let size = unsafe ftell(file)
  unsafe rewind(file)
  return unsafe [UInt8](unsafeUninitializedCapacity: max(0, size)) { room, count in
    count = unsafe fread(room.baseAddress, 1, room.count, file)
  }
}

func write(_ bytes: [UInt8], to path: String) {
  guard let file = unsafe fopen(path, "w") else { fail("\(path) cannot be written") }
  defer { _ = unsafe fclose(file) }
  guard unsafe fwrite(bytes, 1, bytes.count, file) == bytes.count else {
    fail("\(path) cannot be written")
  }
}

func makeSecurity(
  _ mode: String,
  _ first: String,
  _ second: String,
  _ settings: DTLSSettings
) -> DTLSSecurity {
  do {
    switch mode {
    case "certificate":
      let authorities = contents(of: first)
      let name = [UInt8](second.utf8)
      return try DTLSSecurity(
        serverName: name.span,
        authorities: authorities.span,
        settings: settings
      )
    case "psk":
      let identity = [UInt8](first.utf8)
      let key = [UInt8](second.utf8)
      return try DTLSSecurity(identity: identity.span, key: key.span, settings: settings)
    default: fail("`certificate` or `psk`, not \(mode)")
    }
  } catch {
    fail("\(error)")
  }
}

let arguments = CommandLine.arguments
guard arguments.count >= 6, let port = UInt16(arguments[2]) else {
  fail("HOST PORT certificate|psk … [OPTION…]")
}
let options = arguments[6...]
func value(_ name: String) -> String? {
  for option in options where option.hasPrefix(name + "=") {
    return String(option.dropFirst(name.count + 1))
  }
  return nil
}

func run() {
  var settings = DTLSSettings()
  settings.allowsLegacySuites = options.contains("legacy")
  if options.contains("ticket") { settings.resumption = .ticket }
  // s_server accepts the next client only after close_notify.
  settings.saysGoodbye = true
  var security = makeSecurity(arguments[3], arguments[4], arguments[5], settings)
  if let path = value("load") {
    do { try security.importSession(contents(of: path).span) } catch { fail("\(error)") }
  }
  if options.contains("idle") { return }

  let host = [UInt8](arguments[1].utf8)
  let socket: UDPSocket
  do { socket = try UDPSocket(host: host.span, port: port) } catch { fail("\(error)") }
  var device = Device(security, socket)

  // Non-confirmable and without a token: a report of 92 bytes.
  var report = [UInt8](repeating: 0x2E, count: 92)
  report[0] = 0x50
  let answers = options.contains("answers")
  var record = 0
  for _ in 0..<(value("reports").flatMap { Int($0) } ?? 1) {
    record = device.send(report.span)
    guard answers else { continue }
    _ = unsafe Glibc.write(1, "answer\n", 7)
    device.awaitAnswer()
  }
  if let path = value("save") { device.saveSession(to: path) }
  if !answers { print(device.summary(record)) }
  device.close()
}

run()
