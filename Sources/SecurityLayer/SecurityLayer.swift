public import ConstrainedCore

/// How messages are kept from others on the way: one of two layers.
///
/// A layer has two seams. The **payload seam** works on what goes into a CoAP message, the
/// **datagram seam** on what goes onto the wire. The symmetric mode (device guide 3.6, port 5682)
/// uses the first, DTLS (port 5684) the second; the unused one passes bytes through. A call that
/// throws leaves its output as it was.
public protocol SecurityLayer: ~Copyable {
  /// Whether `/auth` and each report carry a sequence number (device guide 3.6: in symmetric mode).
  var usesSequence: Bool { get }

  /// Whether a datagram is something else than the message in it: `false` for a layer that leaves
  /// the datagram seam as it is, whose datagrams then need no copy.
  var wrapsDatagrams: Bool { get }

  /// Makes the session's key of the device secret and the random that `/auth` gave; a layer with
  /// keys of its own does nothing. The old key is wiped.
  mutating func establish(
    secret: Span<UInt8>,
    random: Span<UInt8>
  ) throws(SecurityError)

  /// Appends what is to stand in the message for `payload`.
  mutating func seal(payload: Span<UInt8>, into output: inout ByteWriter) throws(SecurityError)

  /// Appends the payload that the message's bytes stand for.
  mutating func open(payload: Span<UInt8>, into output: inout ByteWriter) throws(SecurityError)

  /// Appends the value of option 2089 for a sequence number.
  mutating func sealSequence(
    _ sequence: UInt64,
    into output: inout ByteWriter
  ) throws(SecurityError)

  /// Appends the datagram that carries `message`.
  ///
  /// Throws `notEstablished` when the two ends must first agree on keys; the layer has begun to see to
  /// that, and the message is to be handed over again when `holdsBack` is `false`.
  mutating func wrap(
    _ message: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError)

  /// Appends the message that `datagram` carries, or as much of it as there is room for; nothing when it was the
  /// layer's own affair.
  ///
  /// While `hasPendingMessage`, call it again with an empty `datagram`.
  mutating func unwrap(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError)

  /// Whether another message waits that came in the same datagram as the last one.
  var hasPendingMessage: Bool { get }

  /// Whether the message that was unwrapped last is only the beginning of one that had no room.
  var hasCutMessage: Bool { get }

  /// Whether no message can be wrapped until the layer has done something of its own.
  var holdsBack: Bool { get }

  /// Whether the layer's own next datagram had better wait for a message, to be sent in one with it;
  /// `wrap` sees to that. It is not to wait when there is none.
  var joinsNextMessage: Bool { get }

  /// What happened in the layer since the last call; `nil` when that is all.
  mutating func pollEvent() -> SecurityEvent?

  /// Gives up what the layer is about to do of its own.
  mutating func interrupt()

  /// Ends what there is with the peer; `pollTransmit` then gives a goodbye, where the layer says one.
  mutating func close()

  /// Writes the next datagram of the layer itself, whole; `false` when there is none.
  mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) -> Bool

  /// When the layer's `handleTimeout` is to be called next.
  func pollTimeout() -> Instant?

  /// Takes in that time has passed.
  mutating func handleTimeout(at now: Instant)

  /// Appends what a later process may go on with, instead of agreeing on keys anew; nothing where there
  /// is nothing.
  ///
  /// It is a secret.
  func exportChannel(into output: inout ByteWriter) throws(CapacityError)

  /// Goes on with what `exportChannel` appended; what does not fit this layer is passed over.
  mutating func importChannel(_ bytes: Span<UInt8>)
}

/// The datagram seam of a layer that has none: a message is a datagram.
extension SecurityLayer where Self: ~Copyable {
  /// A datagram is the message in it.
  @inlinable
  public var wrapsDatagrams: Bool { false }

  /// Appends `message` as it is.
  public mutating func wrap(
    _ message: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) {
    do throws(CapacityError) { try output.append(message) } catch { throw .capacity }
  }

  /// Appends `datagram` as it is.
  public mutating func unwrap(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) {
    do throws(CapacityError) { try output.append(datagram) } catch { throw .capacity }
  }

  /// There is never one.
  public var hasPendingMessage: Bool { false }

  /// A datagram is unwrapped whole or not at all.
  public var hasCutMessage: Bool { false }

  /// It never does.
  public var holdsBack: Bool { false }

  /// There is never one.
  public var joinsNextMessage: Bool { false }

  /// Nothing ever happens.
  public mutating func pollEvent() -> SecurityEvent? { nil }

  /// Does nothing.
  public mutating func interrupt() {}

  /// Does nothing.
  public mutating func close() {}

  /// There is never one.
  public mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) -> Bool {
    false
  }

  /// Never.
  public func pollTimeout() -> Instant? { nil }

  /// Does nothing.
  public mutating func handleTimeout(at now: Instant) {}

  /// Appends nothing.
  public func exportChannel(into output: inout ByteWriter) throws(CapacityError) {}

  /// Does nothing.
  public mutating func importChannel(_ bytes: Span<UInt8>) {}
}
