// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import OpenSSLSupport
internal import PlatformCore

/// The association with one device.
final class SecureAssociation<Peer: Hashable> {
  let peer: Peer
  let number: UInt64
  let random: [UInt8]
  let suites: [UInt16]
  let keys: PreSharedKeys
  var connection: DTLSConnection
  var lastDatagram: Instant
  /// Whether an encrypted Finished has arrived, readable or not.
  var hasSentFinished = false
  /// Whether it was reported that the Finished is unreadable.
  var isDoubtful = false
  var bytesUp = 0
  var bytesDown = 0

  init(
    peer: Peer,
    number: UInt64,
    _ hello: ClientHello,
    keys: PreSharedKeys,
    connection: consuming DTLSConnection,
    at now: Instant
  ) {
    self.peer = peer
    self.number = number
    random = hello.random
    suites = hello.suites
    self.keys = keys
    self.connection = connection
    lastDatagram = now
  }

  /// The first message in a datagram; empty if there is none.
  ///
  /// RFC 6347 Section 4.1: a record holds at most 16,384 bytes.
  func receive(_ datagram: [UInt8], at now: Instant) -> [UInt8] {
    fill(16_384) { writer in
      connection.receive(datagram.span, into: &writer, at: now)
      return true
    } ?? []
  }

  func nextDatagram() -> [UInt8]? {
    fill(16_384) { writer in (try? connection.pollDatagram(into: &writer)) ?? false }
  }

  func seal(_ message: [UInt8]) -> [UInt8]? {
    guard connection.state == .established else { return nil }
    return fill(message.count + DTLSConnection.maxOverhead) { writer in
      (try? connection.seal(message.span, into: &writer)) != nil
    }
  }

  private func fill(_ capacity: Int, _ body: (inout ByteWriter) -> Bool) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: capacity)
    var writer = ByteWriter(buffer.mutableSpan)
    guard body(&writer) else { return nil }
    let count = writer.count
    return Array(buffer[..<count])
  }
}

/// The fields that distinguish ClientHellos (RFC 6347 Sections 4.1 and 4.2.2).
struct ClientHello {
  let random: [UInt8]
  /// The numbers of the offered suites (RFC 5246 Section 7.4.1.2); empty if the list is incomplete.
  let suites: [UInt16]

  /// `nil` if the datagram does not begin with a complete ClientHello.
  init?(_ datagram: [UInt8]) {
    // Record header of 13 bytes: handshake, epoch 0; message header of 12: client_hello; version.
    guard datagram.count >= 13 + 12 + 2 + 32, datagram[0] == 22, datagram[3] == 0,
      datagram[4] == 0, datagram[13] == 1
    else { return nil }
    random = Array(datagram[27..<59])
    suites = Self.suites(datagram.dropFirst(59)) ?? []
  }

  /// The suites after session identifier and cookie, each of which follows a byte of length.
  private static func suites(_ rest: ArraySlice<UInt8>) -> [UInt16]? {
    var rest = rest
    for _ in 0..<2 {
      guard let count = rest.popFirst(), rest.count >= Int(count) else { return nil }
      rest = rest.dropFirst(Int(count))
    }
    guard let high = rest.popFirst(), let low = rest.popFirst() else { return nil }
    let count = Int(high) << 8 | Int(low)
    guard rest.count >= count, count.isMultiple(of: 2) else { return nil }
    return stride(from: rest.startIndex, to: rest.startIndex + count, by: 2).map {
      UInt16(rest[$0]) << 8 | UInt16(rest[$0 + 1])
    }
  }
}
