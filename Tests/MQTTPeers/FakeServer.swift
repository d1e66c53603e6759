// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import Foundation
internal import OpenSSLSupport
internal import Synchronization

/// A TCP socket that listens on a port of 127.0.0.1, which the system chooses unless it is given.
package struct ListeningSocket: Sendable {
  package let descriptor: Int32
  package let port: UInt16

  package init(port wanted: UInt16 = 0) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    address.sin_port = wanted.bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    // A port at which connections of a server that has ended are in TIME_WAIT; one that listens is still refused.
    var isOn: Int32 = 1
    let size = socklen_t(MemoryLayout<Int32>.size)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, size)
    let result = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, length) | getsockname(descriptor, $0, &length)
      }
    }
    guard result == 0, listen(descriptor, 16) == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
    port = UInt16(bigEndian: address.sin_port)
  }

  package func close() { _ = Foundation.close(descriptor) }
}

/// A server that says what a test has it say, to each of its connections.
package final class FakeServer: Sendable {
  package let port: UInt16
  private let listener: ListeningSocket
  private let isListening: Listening

  /// Whether the listener's number is its own still.
  private final class Listening: Sendable {
    private let value = Mutex(true)

    func withLock(_ body: (inout Bool) -> Void) { value.withLock { body(&$0) } }
  }

  /// Runs `script` for each connection, one after the other, with its number from 0, on a thread of its own.
  package init(_ script: @escaping @Sendable (FakeConnection, Int) -> Void) throws {
    let listener = try ListeningSocket()
    self.listener = listener
    port = listener.port
    let isListening = Listening()
    self.isListening = isListening
    Thread.detachNewThread {
      var number = 0
      while true {
        let descriptor = accept(listener.descriptor, nil, nil)
        if descriptor < 0, [ECONNABORTED, EINTR].contains(errno) { continue }
        guard descriptor >= 0 else { break }
        let connection = FakeConnection(descriptor: descriptor)
        script(connection, number)
        connection.close()
        number += 1
      }
      // Here, so that its number is not another socket's while this thread uses it; nor does `deinit` use it then.
      isListening.withLock {
        $0 = false
        listener.close()
      }
    }
  }

  deinit {
    // Wakes the thread, which then ends.
    isListening.withLock { if $0 { _ = shutdown(listener.descriptor, Int32(SHUT_RDWR)) } }
  }
}

/// One connection of a `FakeServer`.
package final class FakeConnection: @unchecked Sendable {
  private let descriptor: Int32
  /// Whether the number is this connection's still: `finish` comes from another thread.
  private let isOpen = Mutex(true)
  /// Whether bytes go in frames; set by `upgrade`, before anything else.
  private var isWebSocket = false
  /// What has come in the last frame and was not taken.
  private var frame: ArraySlice<UInt8> = []

  init(descriptor: Int32) {
    self.descriptor = descriptor
    // No test waits for a peer that is gone for ever.
    var patience = timeval(tv_sec: 120, tv_usec: 0)
    unsafe setsockopt(
      descriptor,
      SOL_SOCKET,
      SO_RCVTIMEO,
      &patience,
      socklen_t(MemoryLayout<timeval>.size)
    )
  }

  /// Sends bytes; `false` once the peer is gone.
  @discardableResult
  package func send(_ bytes: [UInt8]) -> Bool {
    guard isWebSocket else { return write(bytes) }
    var head: [UInt8] = [0x82]
    if bytes.count < 126 {
      head.append(UInt8(bytes.count))
    } else {
      head += [126, UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)]
    }
    return write(head + bytes)
  }

  /// Says the end of a WebSocket.
  package func sendClose() { _ = write([0x88, 2, 0x03, 0xE8]) }

  private func write(_ bytes: [UInt8]) -> Bool {
    var start = 0
    while start < bytes.count {
      let rest = Array(bytes[start...])
      let sent = unsafe Foundation.send(descriptor, rest, rest.count, Int32(MSG_NOSIGNAL))
      if sent <= 0 { return false }
      start += sent
    }
    return true
  }

  /// The next packet, whole; `nil` at the end of the stream.
  package func packet() -> [UInt8]? {
    guard let head = byte() else { return nil }
    var packet = [head]
    var length = 0
    var shift = 0
    while true {
      guard let next = byte() else { return nil }
      packet.append(next)
      length |= Int(next & 0x7F) << shift
      shift += 7
      if next & 0x80 == 0 { break }
    }
    for _ in 0..<length {
      guard let next = byte() else { return nil }
      packet.append(next)
    }
    return packet
  }

  /// Takes CONNECT and accepts it; what CONNECT was.
  @discardableResult
  package func accept(code: UInt8 = 0, hasSession: Bool = false) -> [UInt8] {
    let request = packet() ?? []
    send([0x20, 2, hasSession ? 1 : 0, code])
    return request
  }

  /// The next packet of a type, 3 for PUBLISH; `nil` at the end of the stream.
  package func packet(ofType type: UInt8) -> [UInt8]? {
    while let packet = packet() { if packet[0] >> 4 == type { return packet } }
    return nil
  }

  /// Has the system hold 128 KB of what is sent: else what a peer does not read is taken all the same, megabytes of it.
  package func boundBuffers() {
    var room: Int32 = 65_536
    unsafe setsockopt(
      descriptor,
      SOL_SOCKET,
      SO_SNDBUF,
      &room,
      socklen_t(MemoryLayout.size(ofValue: room))
    )
  }

  /// Waits until the peer has closed.
  package func waitForEnd() { while packet() != nil {} }

  /// Closes it in order.
  package func close() {
    isOpen.withLock {
      if $0 { _ = Foundation.close(descriptor) }
      $0 = false
    }
  }

  /// Ends it in order from another thread than the script's, which then reads the end.
  package func finish() { isOpen.withLock { if $0 { _ = shutdown(descriptor, Int32(SHUT_RDWR)) } } }

  /// Breaks it, with an RST.
  package func reset() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    unsafe setsockopt(
      descriptor,
      SOL_SOCKET,
      SO_LINGER,
      &linger,
      socklen_t(MemoryLayout.size(ofValue: linger))
    )
    close()
  }

  /// Takes the request for a WebSocket, and grants it (RFC 6455 Section 4.2); frames of up to 64 KB follow.
  package func upgrade() {
    var request: [UInt8] = []
    while !request.suffix(4).elementsEqual("\r\n\r\n".utf8), let next = byte() {
      request.append(next)
    }
    let lines = String(decoding: request, as: UTF8.self).components(separatedBy: "\r\n")
    let name = "sec-websocket-key: "
    let key = lines.first { $0.lowercased().hasPrefix(name) }?.dropFirst(name.count) ?? ""
    let text = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
    var accept = ""
    if let hash = try? Hash.sha1.digest(of: text.span) {
      accept = Data(hash.bytes.indices.map { hash.bytes[$0] }).base64EncodedString()
    }
    let answer = [
      "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
      "Sec-WebSocket-Accept: \(accept)", "Sec-WebSocket-Protocol: mqtt", "", "",
    ]
    send(Array(answer.joined(separator: "\r\n").utf8))
    isWebSocket = true
  }

  private func byte() -> UInt8? {
    guard isWebSocket else { return rawByte() }
    while frame.isEmpty {
      // Of a close, and of a DISCONNECT that the library sends behind one without a frame, the end is told.
      guard rawByte() == 0x82, let head = rawByte() else { return nil }
      var length = Int(head & 0x7F)
      if length == 126 { length = Int(rawByte() ?? 0) << 8 | Int(rawByte() ?? 0) }
      let mask: [UInt8] = (0..<4).compactMap { _ in rawByte() }
      guard mask.count == 4 else { return nil }
      let masked: [UInt8] = (0..<length).compactMap { _ in rawByte() }
      for (place, byte) in masked.enumerated() { frame.append(byte ^ mask[place % 4]) }
    }
    return frame.popFirst()
  }

  private func rawByte() -> UInt8? {
    var value: UInt8 = 0
    return unsafe recv(descriptor, &value, 1, 0) == 1 ? value : nil
  }
}

/// A PUBLISH of a server; `length` is what its head announces, by default what follows, and `isRepeated` its flag DUP.
package func publishPacket(
  _ topic: [UInt8],
  _ payload: [UInt8],
  quality: UInt8 = 0,
  id: UInt16 = 7,
  length: Int? = nil,
  isRepeated: Bool = false
) -> [UInt8] {
  var body = [UInt8(truncatingIfNeeded: topic.count >> 8), UInt8(truncatingIfNeeded: topic.count)]
  body += topic
  if quality > 0 { body += [UInt8(id >> 8), UInt8(truncatingIfNeeded: id)] }
  body += payload
  var packet = [0x30 | quality << 1 | (isRepeated ? 8 : 0)]
  var rest = length ?? body.count
  repeat {
    packet.append(UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
    rest >>= 7
  } while rest > 0
  return packet + body
}
