// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import ConstrainedCore
import DTLSSecurity
import OpenSSLSupport
import SecurityLayer
import Testing

/// A device and a server in one process, on a virtual clock, with nothing but memory between them.
///
/// It blocks nowhere; what is under way lies in `up` and `down` until the test hands it over.
final class Association {
  var device: DTLSSecurity
  private let context: DTLSContext
  private var server: DTLSConnection
  private let timing: DTLSConnection.Patience
  private let usesPreSharedKey: Bool
  var now = Instant(milliseconds: 1_000)

  /// What the device has sent, and what the server has.
  var up: [[UInt8]] = []
  var down: [[UInt8]] = []
  /// Messages that came through.
  var atServer: [[UInt8]] = []
  var atDevice: [[UInt8]] = []

  /// Whether the server still waits for a hello with the right cookie.
  private var isListening: Bool

  /// An association whose two ends know nothing of each other yet.
  ///
  /// `asksForCookie` makes the server send a HelloVerifyRequest (RFC 6347 Section 4.2.1), as most do; without it
  /// a handshake is two flights shorter. `suite` is the only one that the server knows. `usesPreSharedKey`, with such
  /// a suite, authenticates both ends by a key, without a certificate.
  init(
    asksForCookie: Bool = false,
    usesPreSharedKey: Bool = false,
    suite: String = "ECDHE-ECDSA-CHACHA20-POLY1305",
    _ change: (inout DTLSSettings) -> Void = { _ in }
  ) throws {
    var settings = DTLSSettings()
    settings.clock = .virtual
    settings.timing = TransmissionParameters(
      acknowledgementTimeout: Milliseconds(10_000),
      maxRetransmit: 3
    )
    change(&settings)
    let (name, certificate) = (Array("localhost".utf8), Array(Self.certificate.utf8))
    let key = Array(Self.key.utf8)
    self.usesPreSharedKey = usesPreSharedKey
    device =
      usesPreSharedKey
      ? try DTLSSecurity(identity: name.span, key: Self.sharedKey.span, settings: settings)
      : try DTLSSecurity(
        serverName: name.span,
        authorities: certificate.span,
        settings: settings
      )
    context = try DTLSContext(.server)
    try context.setSuites(Array(suite.utf8).span, needsEncryptThenMAC: true)
    try context.setCertificate(certificate.span, key: key.span)
    context.setResumption(.sessionID)
    timing = DTLSConnection.Patience(timeout: Milliseconds(60_000), limit: 3)
    if asksForCookie { context.setCookies() }
    server = try DTLSConnection(context, patience: timing, clock: .virtual)
    isListening = asksForCookie
    if usesPreSharedKey { server.setKeys { _ in Self.sharedKey } }
    if asksForCookie { server.setPeer([1], cookieKey: Array("a key of some bytes".utf8)) }
  }

  /// The server forgets the association, but not its session.
  func renewServer() throws {
    server = try DTLSConnection(context, patience: timing, clock: .virtual)
    if usesPreSharedKey { server.setKeys { _ in Self.sharedKey } }
  }

  /// Has the device send; `false` when it must shake hands first.
  func send(_ message: [UInt8]) throws -> Bool {
    var buffer = [UInt8](repeating: 0xA5, count: 4_096)
    var writer = ByteWriter(buffer.mutableSpan)
    do throws(SecurityError) {
      try device.wrap(message.span, into: &writer, at: now)
    } catch {
      guard error == .notEstablished else { throw error }
      try collect()
      return false
    }
    let count = writer.count
    try collect()
    up.append(Array(buffer[..<count]))
    return true
  }

  func toDevice(_ datagram: [UInt8], room: Int = 2_048) throws {
    var buffer = [UInt8](repeating: 0xA5, count: room)
    var writer = ByteWriter(buffer.mutableSpan)
    try device.unwrap(datagram.span, into: &writer, at: now)
    let count = writer.count
    if count > 0 { atDevice.append(Array(buffer[..<count])) }
    try collect()
  }

  func toServer(_ datagram: [UInt8]) throws {
    var buffer = [UInt8](repeating: 0xA5, count: 4_096)
    var writer = ByteWriter(buffer.mutableSpan)
    if isListening {
      guard server.listen(datagram) else { return try collect() }
      isListening = false
      server.receive(Span(), into: &writer, at: now)
    } else {
      server.receive(datagram.span, into: &writer, at: now)
    }
    let count = writer.count
    if count > 0 { atServer.append(Array(buffer[..<count])) }
    try collect()
  }

  /// Has the server send, on an association that stands.
  func answer(_ message: [UInt8]) throws {
    var buffer = [UInt8](repeating: 0xA5, count: 4_096)
    var writer = ByteWriter(buffer.mutableSpan)
    try server.seal(message.span, into: &writer)
    let count = writer.count
    down.append(Array(buffer[..<count]))
  }

  func closeServer() throws {
    server.close()
    try collect()
  }

  /// Lets time pass on the device.
  func pass(_ milliseconds: Int64) throws {
    now = now + Milliseconds(milliseconds)
    device.handleTimeout(at: now)
    try collect()
  }

  /// Hands everything over until nobody sends any more; the bytes of it, with 28 for the headers of each datagram.
  @discardableResult
  func settle() throws -> Int {
    var bytes = 0
    while !up.isEmpty || !down.isEmpty {
      bytes += (up + down).reduce(0) { $0 + $1.count + 28 }
      let (sent, received) = (up, down)
      (up, down) = ([], [])
      for datagram in sent { try toServer(datagram) }
      for datagram in received { try toDevice(datagram) }
    }
    return bytes
  }

  /// Whether the device keeps a session to resume.
  func keepsSession() throws -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    var writer = ByteWriter(buffer.mutableSpan)
    return try device.exportSession(into: &writer)
  }

  func event() -> SecurityEvent? { device.pollEvent() }

  func isEstablished() -> Bool { device.isEstablished }

  func hasPendingMessage() -> Bool { device.hasPendingMessage }

  private func collect() throws {
    while true {
      var buffer = [UInt8](repeating: 0xA5, count: 4_096)
      var writer = ByteWriter(buffer.mutableSpan)
      guard try device.pollTransmit(into: &writer, at: now) else { break }
      let count = writer.count
      up.append(Array(buffer[..<count]))
    }
    while true {
      var buffer = [UInt8](repeating: 0xA5, count: 4_096)
      var writer = ByteWriter(buffer.mutableSpan)
      guard try server.pollDatagram(into: &writer) else { break }
      let count = writer.count
      down.append(Array(buffer[..<count]))
    }
  }

  private static let sharedKey = Array("a key of 16 bytes".utf8)

  /// Of "localhost", signed by itself and for this test alone; good until 2126.
  static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIBgTCCASigAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
    c3QwIBcNMjYxMTIxMTYyOTI2WhgPMjEyNjEwMjgxNjI5MjZaMBQxEjAQBgNVBAMM
    CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJ3RLDjSP4AUNNm+
    EX93EC19+4/j3NsQqGSaprOhddqN9b5x4KS2Dmz6yU4qlGhQ6QxXyEqNONpgM1eK
    Xulnlu6jaTBnMB0GA1UdDgQWBBSxOIVXa779FFQgXoRYBJiZn145vDAfBgNVHSME
    GDAWgBSxOIVXa779FFQgXoRYBJiZn145vDAPBgNVHRMBAf8EBTADAQH/MBQGA1Ud
    EQQNMAuCCWxvY2FsaG9zdDAKBggqhkjOPQQDAgNHADBEAiAZod+e8zYd3K2gLoO3
    69x0LzI+rPYGemVvL7zqC3fJigIgHDVqyN0MMvu/CrGhkO8zZdzE2OUFrYA5dUM+
    6USK5+8=
    -----END CERTIFICATE-----
    """

  private static let key = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2hoSNyJTsO6/9koL
    YvapV81SC1ZOayz2orDQJMVD0jShRANCAASd0Sw40j+AFDTZvhF/dxAtffuP49zb
    EKhkmqazoXXajfW+ceCktg5s+slOKpRoUOkMV8hKjTjaYDNXil7pZ5bu
    -----END PRIVATE KEY-----
    """
}
