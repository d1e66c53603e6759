// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import DeviceClient
internal import FoundationEssentials
internal import Glibc
internal import OpenSSLSupport
internal import PayloadCoding
internal import PlatformMQTT
internal import SystemClocks

/// A look at a server of MQTT or HTTPS from below: TCP, TLS and the WebSocket's first answer, without CONNECT.
struct ServerLook {
  /// Why it went no further.
  struct Failure: Error {
    let check: String
    var cause: String
    let status: ExitStatus

    func at(_ name: String) -> Failure {
      Failure(check: check, cause: name + cause, status: status)
    }
  }

  let host: String
  let port: UInt16
  let settings: MQTTClientSettings
  /// The option that says where the server is.
  var option = "--endpoint"
  /// Whether there may be no TLS, with `--plain`.
  var allowsPlain = true

  /// How long each step may take, in seconds.
  private static let patience = 10

  /// Takes a step after the other, each told by `pass` with its name.
  func go(to address: String, _ pass: (String, String) -> Void) throws(Failure) {
    // A server that has gone.
    _ = signal(SIGPIPE, SIG_IGN)
    let start = MonotonicClock.now()
    let descriptor = try connect(to: address)
    defer { close(descriptor) }
    pass("tcp", "port \(port) took the connection after \((MonotonicClock.now() - start).count) ms")
    guard settings.transport.isSecure else {
      if settings.transport.scheme != nil {
        pass(
          "websocket",
          try upgrade {
            send(descriptor, $0)
          } read: {
            receive(descriptor)
          }
        )
      }
      return
    }
    let tls = try inspect(descriptor)
    let chain = tls.chain.map { "\($0.subject) until \(Self.day($0.end))" }
      .joined(separator: ", signed by ")
    let shown = "\(tls.version), \(tls.suite); \(chain)"
    if let problem = tls.problem {
      let advice =
        problem.contains("expired") || problem.contains("not yet valid")
        ? "the server's certificate or this machine's clock is wrong"
        : "--ca-file needs the certificate of \(tls.chain.last?.issuer ?? "its authority")"
      throw Failure(
        check: "tls",
        cause: "\(shown): \(problem); \(advice)",
        status: .unauthenticated
      )
    }
    guard tls.hasName else {
      throw Failure(
        check: "tls",
        cause:
          "\(shown): it is not for \(host): give the host's name as \(option), as the certificate has it",
        status: .unauthenticated
      )
    }
    let root = tls.root.map { "; root \($0.subject) until \(Self.day($0.end))" } ?? ""
    pass("tls", "\(shown)\(root); it is for \(host)")
    guard settings.transport.scheme != nil else { return }
    pass(
      "websocket",
      try upgrade {
        tls.write($0.span)
      } read: {
        tls.read()
      }
    )
  }

  private func inspect(_ descriptor: Int32) throws(Failure) -> TLSInspection {
    do throws(TLSInspection.Failure) {
      return try TLSInspection(
        descriptor: descriptor,
        host: host,
        authorities: settings.authorities.span
      )
    } catch {
      throw Failure(check: "tls", cause: words(error), status: .unauthenticated)
    }
  }

  /// The day of an instant in seconds since 1970.
  static func day(_ seconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601.year().month().day())
  }

  private func words(_ failure: TLSInspection.Failure) -> String {
    switch failure {
    case .library(let error): "OpenSSL cannot be set up (error \(error.code))"
    case .authorities: "--ca-file holds no certificate in PEM"
    case .silence:
      "no handshake: the server said nothing in \(Self.patience) s or closed the connection; is the port one of TLS?"
    case .handshake(let reason):
      "no handshake: \(reason); the server may speak no TLS 1.2 there, or no TLS at all"
        + (allowsPlain ? " (--plain)" : "")
    }
  }

  // MARK: - TCP

  private func connect(to address: String) throws(Failure) -> Int32 {
    var wanted = unsafe addrinfo()
    unsafe wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
    unsafe wanted.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    // SAFETY: the list is freed below, and used within its life.
    guard unsafe getaddrinfo(address, "\(port)", &wanted, &found) == 0, let entry = unsafe found
    else {
      throw unreachable("\(address) is no address")
    }
    defer { unsafe freeaddrinfo(entry) }
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = unsafe socket(entry.pointee.ai_family, kind, 0)
    guard descriptor >= 0 else { throw unreachable(PrivateFile.text(errno)) }
    // Linux takes the time to send for that to connect as well.
    var limit = timeval(tv_sec: Self.patience, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    for option in [SO_SNDTIMEO, SO_RCVTIMEO] {
      // SAFETY: reads exactly one timeval.
      unsafe setsockopt(descriptor, SOL_SOCKET, option, &limit, size)
    }
    // SAFETY: the address is of the length that the list gives.
    let result = unsafe Glibc.connect(
      descriptor,
      entry.pointee.ai_addr,
      entry.pointee.ai_addrlen
    )
    guard result != 0 else { return descriptor }
    let code = errno
    close(descriptor)
    throw unreachable(
      code == EINPROGRESS || code == EAGAIN
        ? "nothing came back in \(Self.patience) s: TCP is blocked on the way (firewall, APN), or the port is wrong"
        : code == ECONNREFUSED
          ? "nobody listens there: the port is wrong" : PrivateFile.text(code)
    )
  }

  private func unreachable(_ cause: String) -> Failure {
    Failure(check: "tcp", cause: "port \(port): \(cause)", status: .unreachable)
  }

  private func send(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    // SAFETY: reads exactly the bytes.
    unsafe bytes.withUnsafeBytes {
      unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, 0) == $0.count
    }
  }

  private func receive(_ descriptor: Int32) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let room = bytes.count
    // SAFETY: writes at most the room.
    let count = unsafe bytes.withUnsafeMutableBytes {
      unsafe recv(descriptor, $0.baseAddress, room, 0)
    }
    return Array(bytes.prefix(max(0, count)))
  }

  // MARK: - WebSocket

  /// Asks for a WebSocket (RFC 6455 Section 4.1, MQTT 3.1.1 Section 6); what was answered.
  private func upgrade(
    _ write: ([UInt8]) -> Bool,
    read: () -> [UInt8]
  ) throws(Failure) -> String {
    var random = SystemRandom()
    var nonce: [UInt8] = []
    for _ in 0..<2 {
      let number: UInt64 = random.next()
      nonce += (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
    let key = Data(nonce).base64EncodedString()
    let place = host.contains(":") ? "[\(host)]" : host
    let request = """
      GET \(settings.webSocketPath) HTTP/1.1\r
      Host: \(place):\(port)\r
      Upgrade: websocket\r
      Connection: Upgrade\r
      Sec-WebSocket-Key: \(key)\r
      Sec-WebSocket-Version: 13\r
      Sec-WebSocket-Protocol: mqtt\r
      \r

      """
    var head: [UInt8] = []
    if write(Array(request.utf8)) {
      while head.count < 16_384, !Self.isWhole(head) {
        let bytes = read()
        if bytes.isEmpty { break }
        head += bytes
      }
    }
    guard Self.isWhole(head) else {
      throw refused("no answer: it is no WebSocket, or the port is wrong", .unreachable)
    }
    let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
    let status = lines[0].split(separator: " ")
    guard status.count > 1, status[0].hasPrefix("HTTP/1."), status[1] == "101" else {
      throw refused(
        "\(settings.webSocketPath) was answered with \(ReadableText.line(lines[0].prefix(80).utf8Span.span)): is "
          + "the path right (--websocket-path)?",
        .unauthenticated
      )
    }
    func field(_ name: String) -> String {
      let line = lines.first { $0.lowercased().hasPrefix(name + ":") } ?? ""
      let value = line.dropFirst(name.count + 1).drop { $0 == " " || $0 == "\t" }
      let trailing = value.reversed().prefix { $0 == " " || $0 == "\t" }.count
      return String(value.dropLast(trailing))
    }
    let text = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
    let digest = try? Hash.sha1.digest(of: text.span)
    let expected = digest.map { hash in Data(hash.bytes.indices.map { hash.bytes[$0] }) }
    guard field("sec-websocket-accept") == expected?.base64EncodedString() else {
      throw refused(
        "the answer has the wrong Sec-WebSocket-Accept: a proxy may be on the way",
        .unauthenticated
      )
    }
    guard field("sec-websocket-protocol") == "mqtt" else {
      throw refused(
        "the server does not speak MQTT over it (Sec-WebSocket-Protocol)",
        .unauthenticated
      )
    }
    return "\(settings.webSocketPath) was answered with 101 and the subprotocol mqtt"
  }

  private func refused(_ cause: String, _ status: ExitStatus) -> Failure {
    Failure(check: "websocket", cause: cause, status: status)
  }

  private static func isWhole(_ head: [UInt8]) -> Bool {
    head.count > 3
      && String(decoding: head, as: UTF8.self).utf8.firstRange(of: "\r\n\r\n".utf8) != nil
  }
}
