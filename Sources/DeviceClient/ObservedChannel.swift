// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import DTLSSecurity
internal import SecurityLayer

/// The direction of a message passed to `DeviceClientConfiguration.onMessage`.
public enum MessageDirection: Sendable {
  /// From the device to the platform.
  case sent
  /// From the platform to the device.
  case received
}

/// DTLS that shows each message decrypted, and its own datagrams as they are on the wire.
struct ObservedChannel: ~Copyable, SecurityLayer {
  private var channel: DTLSSecurity
  private let show: @Sendable (MessageDirection, Span<UInt8>) -> Void

  init(
    _ channel: consuming DTLSSecurity,
    _ show: @escaping @Sendable (MessageDirection, Span<UInt8>) -> Void
  ) {
    self.channel = channel
    self.show = show
  }

  /// Passes `body` the wrapped layer.
  mutating func withChannel<Result>(_ body: (inout DTLSSecurity) -> Result) -> Result {
    body(&channel)
  }

  mutating func wrap(
    _ message: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) {
    try channel.wrap(message, into: &output, at: now)
    show(.sent, message)
  }

  mutating func unwrap(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) {
    let start = output.count
    do throws(SecurityError) {
      try channel.unwrap(datagram, into: &output, at: now)
    } catch {
      if datagram.count > 0 { show(.received, datagram) }
      throw error
    }
    if output.count > start {
      show(.received, output.written.extracting(start..<output.count))
    } else if datagram.count > 0 {
      show(.received, datagram)
    }
  }

  mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) -> Bool {
    let start = output.count
    guard try channel.pollTransmit(into: &output, at: now) else { return false }
    show(.sent, output.written.extracting(start..<output.count))
    return true
  }
}

// MARK: - Forwarded to the wrapped layer

extension ObservedChannel {
  var usesSequence: Bool { channel.usesSequence }
  var wrapsDatagrams: Bool { channel.wrapsDatagrams }
  var hasPendingMessage: Bool { channel.hasPendingMessage }
  var hasCutMessage: Bool { channel.hasCutMessage }
  var holdsBack: Bool { channel.holdsBack }
  var joinsNextMessage: Bool { channel.joinsNextMessage }

  mutating func establish(secret: Span<UInt8>, random: Span<UInt8>) throws(SecurityError) {
    try channel.establish(secret: secret, random: random)
  }

  mutating func seal(payload: Span<UInt8>, into output: inout ByteWriter) throws(SecurityError) {
    try channel.seal(payload: payload, into: &output)
  }

  mutating func open(payload: Span<UInt8>, into output: inout ByteWriter) throws(SecurityError) {
    try channel.open(payload: payload, into: &output)
  }

  mutating func sealSequence(
    _ sequence: UInt64,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    try channel.sealSequence(sequence, into: &output)
  }

  mutating func pollEvent() -> SecurityEvent? { channel.pollEvent() }
  mutating func interrupt() { channel.interrupt() }
  mutating func close() { channel.close() }
  func pollTimeout() -> Instant? { channel.pollTimeout() }
  mutating func handleTimeout(at now: Instant) { channel.handleTimeout(at: now) }

  func exportChannel(into output: inout ByteWriter) throws(CapacityError) {
    try channel.exportChannel(into: &output)
  }

  mutating func importChannel(_ bytes: Span<UInt8>) { channel.importChannel(bytes) }
}
