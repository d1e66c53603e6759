// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import DTLSSecurity
internal import OpenSSLSupport
internal import SecurityLayer

/// DTLSSecurity and a server under a network that does what it likes; see `HandshakeScript`.
public func fuzzHandshake(_ bytes: Span<UInt8>) {
  HandshakeScript.run(bytes)
}

/// A device and a server on a virtual clock, and between them a network that loses, doubles, reorders
/// and alters datagrams and makes up its own, as the bytes say.
///
/// Each step is a byte that says what to do and one that says with what. It checks what must hold
/// whatever happens: nothing traps, the server gets no message but those that the device sent, the
/// device none but the server's, no deadline lies in the past once it has been handled, and no call
/// makes datagrams without end.
private final class HandshakeScript {
  private static let identity = Array("devicename|hmacsha256|a1B2c3D4e5F&device1|1".utf8)
  private static let key = Array("0123456789ABCDEF".utf8)
  /// Confirmable and non-confirmable, by the first byte.
  private static let request: [UInt8] = [0x40, 2, 0x12, 0x34]
  private static let answer: [UInt8] = [0x60, 68, 0x12, 0x34]

  private var device: DTLSSecurity
  private let context: DTLSContext
  private var server: DTLSConnection
  private var now = Instant(milliseconds: 1_000_000)
  private var up: [[UInt8]] = []
  private var down: [[UInt8]] = []

  static func run(_ script: Span<UInt8>) {
    guard script.count > 0, let run = HandshakeScript(script[0]) else { return }
    var offset = 1
    while offset + 1 < script.count {
      let (step, value) = (script[offset], script[offset + 1])
      offset += 2
      if step & 0x0F == 15 {
        let count = min(Int(value), script.count - offset)
        run.invent(script.extracting(offset..<offset + count), forServer: step & 0x10 != 0)
        offset += count
      } else {
        run.step(step & 0x0F, Int(value))
      }
    }
  }

  private init?(_ flavour: UInt8) {
    var settings = DTLSSettings()
    settings.clock = .virtual
    settings.joinsLastFlight = flavour & 1 != 0
    settings.allowsLegacySuites = flavour & 2 != 0
    settings.saysGoodbye = flavour & 16 != 0
    settings.linkMTU = flavour & 4 != 0 ? 256 : 1_280
    settings.resumption = flavour & 8 != 0 ? .none : .sessionID
    let suites = Array((flavour & 2 != 0 ? "PSK-AES128-CBC-SHA" : "PSK-AES128-CCM8").utf8)
    let (identity, key) = (Self.identity, Self.key)
    do {
      device = try DTLSSecurity(identity: identity.span, key: key.span, settings: settings)
      let context = try DTLSContext(.server)
      try context.setSuites(suites.span, needsEncryptThenMAC: true)
      context.setResumption(.sessionID)
      server = try Self.server(context)
      self.context = context
    } catch {
      return nil
    }
  }

  private static func server(
    _ context: borrowing DTLSContext
  ) throws(OpenSSLError) -> DTLSConnection {
    var server = try DTLSConnection(
      context,
      patience: .init(timeout: Milliseconds(5_000), limit: 3),
      linkMTU: 256,
      clock: .virtual
    )
    server.setKeys { $0 == Self.identity ? Self.key : nil }
    return server
  }

  private func step(_ step: UInt8, _ value: Int) {
    switch step {
    case 0, 1: send()
    case 2, 3: if let datagram = take(&up, value) { serve(datagram) }
    case 4, 5: if let datagram = take(&down, value) { deliver(datagram) }
    case 6: _ = take(&up, value)
    case 7: _ = take(&down, value)
    case 8: if let datagram = up.first, up.count < 32 { up.append(datagram) }
    case 9: if let datagram = down.first, down.count < 32 { down.append(datagram) }
    case 10: alter(&up, value)
    case 11: alter(&down, value)
    case 12: pass(value)
    case 13:
      answer()
    default: special(value)
    }
    collect()
  }

  private func special(_ value: Int) {
    switch value % 5 {
    case 0: if let fresh = try? Self.server(context) { server = fresh }
    case 1: server.close()
    case 2: device.interrupt()
    case 3: device.close()
    default: exportAndImport()
    }
  }

  private func exportAndImport() {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    var writer = ByteWriter(buffer.mutableSpan)
    guard (try? device.exportSession(into: &writer)) == true else { return }
    let count = writer.count
    let session = Array(buffer[..<count])
    precondition(
      (try? device.importSession(session.span)) != nil,
      "what was exported can be imported"
    )
    var broken = session
    broken[count / 2] ^= 1
    precondition(
      (try? device.importSession(broken.span)) == nil,
      "a session with a flipped bit is refused"
    )
  }

  /// Half of the datagrams go through in order.
  private func take(_ queue: inout [[UInt8]], _ value: Int) -> [UInt8]? {
    guard !queue.isEmpty else { return nil }
    return queue.remove(at: value < 128 ? 0 : value % queue.count)
  }

  private func alter(_ queue: inout [[UInt8]], _ value: Int) {
    guard !queue.isEmpty, !queue[0].isEmpty else { return }
    let place = value * 7 % queue[0].count
    queue[0][place] ^= 1 << UInt8(value % 8)
  }

  private func send() {
    var buffer = [UInt8](repeating: 0xA5, count: 1_472)
    var writer = ByteWriter(buffer.mutableSpan)
    let request = Self.request
    guard (try? device.wrap(request.span, into: &writer, at: now)) != nil else {
      precondition(writer.count == 0, "what throws leaves its output as it was")
      return
    }
    let count = writer.count
    up.append(Array(buffer[..<count]))
  }

  private func serve(_ datagram: [UInt8]) {
    var buffer = [UInt8](repeating: 0xA5, count: 2_048)
    var writer = ByteWriter(buffer.mutableSpan)
    server.receive(datagram.span, into: &writer, at: now)
    let count = writer.count
    precondition(
      count == 0 || Array(buffer[..<count]) == Self.request,
      "the server gets what the device has sent"
    )
  }

  private func deliver(_ datagram: [UInt8]) {
    var buffer = [UInt8](repeating: 0xA5, count: 2_048)
    var writer = ByteWriter(buffer.mutableSpan)
    try? device.unwrap(datagram.span, into: &writer, at: now)
    let count = writer.count
    precondition(
      count == 0 || Array(buffer[..<count]) == Self.answer,
      "the device gets what the server has sent"
    )
  }

  private func invent(_ bytes: Span<UInt8>, forServer: Bool) {
    let datagram = bytes.indices.map { bytes[$0] }
    if forServer { serve(datagram) } else { deliver(datagram) }
    collect()
  }

  private func answer() {
    guard server.state == .established else { return }
    var buffer = [UInt8](repeating: 0xA5, count: 2_048)
    var writer = ByteWriter(buffer.mutableSpan)
    let answer = Self.answer
    guard (try? server.seal(answer.span, into: &writer)) != nil else { return }
    let count = writer.count
    down.append(Array(buffer[..<count]))
  }

  private func pass(_ value: Int) {
    now = now + Milliseconds(Int64(value) * 250)
    device.handleTimeout(at: now)
    server.handleTimeout(at: now)
    if let deadline = device.pollTimeout() {
      precondition(deadline > now, "a deadline that was handled lies in the future")
    }
  }

  private func collect() {
    for round in 0...64 {
      precondition(round < 64, "no step makes datagrams without end")
      var buffer = [UInt8](repeating: 0xA5, count: 4_096)
      var writer = ByteWriter(buffer.mutableSpan)
      guard (try? device.pollTransmit(into: &writer, at: now)) == true else { break }
      let count = writer.count
      up.append(Array(buffer[..<count]))
    }
    while true {
      var buffer = [UInt8](repeating: 0xA5, count: 4_096)
      var writer = ByteWriter(buffer.mutableSpan)
      guard (try? server.pollDatagram(into: &writer)) == true else { break }
      let count = writer.count
      down.append(Array(buffer[..<count]))
    }
    while device.pollEvent() != nil {}
    up = up.suffix(32)
    down = down.suffix(32)
  }
}
