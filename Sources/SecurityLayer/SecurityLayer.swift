// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// Protects messages in transit, in one of two layers.
///
/// A layer has two seams. The **payload seam** protects the payload of a CoAP message, the
/// **datagram seam** the datagram. The symmetric mode (device guide 3.6, port 5682) uses the first,
/// DTLS (port 5684) the second; the unused seam passes bytes through. A call that throws leaves its
/// output unchanged.
public protocol SecurityLayer: ~Copyable {
  /// Whether `/auth` and each report carry a sequence number (device guide 3.6: in symmetric mode).
  var usesSequence: Bool { get }

  /// Whether a datagram differs from the message in it.
  ///
  /// `false` for a layer that does not use the datagram seam; its datagrams need no copy.
  var wrapsDatagrams: Bool { get }

  /// Derives the session key from the device secret and the random number returned by `/auth`, and
  /// wipes the old key; a layer with keys of its own does nothing.
  mutating func establish(
    secret: Span<UInt8>,
    random: Span<UInt8>
  ) throws(SecurityError)

  /// Appends the protected form of `payload`, as the message carries it.
  mutating func seal(payload: Span<UInt8>, into output: inout ByteWriter) throws(SecurityError)

  /// Appends the plaintext of a message's `payload`.
  mutating func open(payload: Span<UInt8>, into output: inout ByteWriter) throws(SecurityError)

  /// Appends the value of option 2089, the protected sequence number.
  mutating func sealSequence(
    _ sequence: UInt64,
    into output: inout ByteWriter
  ) throws(SecurityError)

  /// Appends the datagram that carries `message`.
  ///
  /// Throws `notEstablished` if the handshake has to come first. The layer starts it; pass the
  /// message again once `holdsBack` is `false`.
  mutating func wrap(
    _ message: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError)

  /// Appends the message that `datagram` carries, cut off if it does not fit; appends nothing for a
  /// datagram of the layer itself.
  ///
  /// While `hasPendingMessage` is `true`, call it again with an empty `datagram`.
  mutating func unwrap(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError)

  /// Whether the last datagram contained another message.
  var hasPendingMessage: Bool { get }

  /// Whether the last unwrapped message was cut off because it did not fit.
  var hasCutMessage: Bool { get }

  /// Whether messages have to wait, for example for a handshake.
  var holdsBack: Bool { get }

  /// Whether the layer's next datagram should wait for a message and travel with it; `wrap` joins
  /// them.
  ///
  /// If there is no message, the datagram does not wait.
  var joinsNextMessage: Bool { get }

  /// The next event since the last call; `nil` if there are no more.
  mutating func pollEvent() -> SecurityEvent?

  /// Abandons the layer's current operation, such as a handshake.
  mutating func interrupt()

  /// Closes the association; `pollTransmit` then returns a closing datagram if the layer has one.
  mutating func close()

  /// Writes the layer's next own datagram, complete; `false` if there is none.
  mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) -> Bool

  /// The time of the next call of `handleTimeout`; `nil` if no timer runs.
  func pollTimeout() -> Instant?

  /// Handles the timers that have expired at `now`.
  mutating func handleTimeout(at now: Instant)

  /// Appends the state with which a later process can resume the association without a handshake;
  /// appends nothing if there is none.
  ///
  /// The bytes are secret.
  func exportChannel(into output: inout ByteWriter) throws(CapacityError)

  /// Resumes from the bytes of `exportChannel`; ignores bytes that do not match this layer.
  mutating func importChannel(_ bytes: Span<UInt8>)
}

/// Default datagram seam: a datagram is the message itself.
extension SecurityLayer where Self: ~Copyable {
  /// `false`: a datagram is the message in it.
  @inlinable
  public var wrapsDatagrams: Bool { false }

  /// Appends `message` unchanged.
  public mutating func wrap(
    _ message: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) {
    do throws(CapacityError) { try output.append(message) } catch { throw .capacity }
  }

  /// Appends `datagram` unchanged.
  public mutating func unwrap(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) {
    do throws(CapacityError) { try output.append(datagram) } catch { throw .capacity }
  }

  /// `false`: a datagram carries one message.
  public var hasPendingMessage: Bool { false }

  /// `false`: a datagram is unwrapped whole or not at all.
  public var hasCutMessage: Bool { false }

  /// `false`: a message can be sent at once.
  public var holdsBack: Bool { false }

  /// `false`: the layer has no datagrams of its own.
  public var joinsNextMessage: Bool { false }

  /// `nil`: the layer has no events.
  public mutating func pollEvent() -> SecurityEvent? { nil }

  /// Does nothing.
  public mutating func interrupt() {}

  /// Does nothing.
  public mutating func close() {}

  /// `false`: the layer has no datagrams of its own.
  public mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) -> Bool {
    false
  }

  /// `nil`: the layer has no timers.
  public func pollTimeout() -> Instant? { nil }

  /// Does nothing.
  public mutating func handleTimeout(at now: Instant) {}

  /// Appends nothing.
  public func exportChannel(into output: inout ByteWriter) throws(CapacityError) {}

  /// Does nothing.
  public mutating func importChannel(_ bytes: Span<UInt8>) {}
}
