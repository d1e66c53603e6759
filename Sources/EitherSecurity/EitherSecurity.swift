// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import DTLSSecurity
public import SecurityLayer
public import SymmetricSecurity

/// One of the two layers, chosen while the program runs: for a program that holds both and is told by
/// its configuration which one its device uses.
///
/// `CoAPLink<EitherSecurity, …>` is the session's code once for both modes. The DTLS layer is on the heap: moving a
/// struct that holds it inline takes code for each of its fields (3 KB of the agent).
@safe
public struct EitherSecurity: ~Copyable, SecurityLayer {
  /// The layer in use if there is no `channel`; otherwise without a key and unused.
  private var symmetric: SymmetricSecurity

  private let channel: UnsafeMutablePointer<DTLSSecurity>?

  /// Uses the symmetric mode.
  public init(_ layer: consuming SymmetricSecurity) {
    symmetric = layer
    unsafe channel = nil
  }

  /// DTLS.
  @inline(never)
  public init(_ layer: consuming DTLSSecurity) {
    symmetric = SymmetricSecurity()
    let place = UnsafeMutablePointer<DTLSSecurity>.allocate(capacity: 1)
    unsafe place.initialize(to: layer)
    unsafe channel = place
  }

  deinit {
    // SAFETY: the initialiser allocated it, and it belongs to this value alone; the same holds for all accesses below.
    unsafe channel?.deinitialize(count: 1)
    unsafe channel?.deallocate()
  }

  /// Whether the layer is DTLS.
  public var isDTLS: Bool { unsafe channel != nil }

  /// The value of the layer in use.
  public var usesSequence: Bool { !isDTLS }

  /// The value of the layer in use.
  public var wrapsDatagrams: Bool { isDTLS }
}

// MARK: - The payload seam, unused by DTLS

extension EitherSecurity {
  /// Derives the symmetric mode's key.
  public mutating func establish(
    secret: Span<UInt8>,
    random: Span<UInt8>
  ) throws(SecurityError) {
    if !isDTLS { try symmetric.establish(secret: secret, random: random) }
  }

  /// Appends the protected form of `payload`, as the message carries it.
  public mutating func seal(
    payload: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    if let channel = unsafe channel {
      return try unsafe channel.pointee.seal(payload: payload, into: &output)
    }
    try symmetric.seal(payload: payload, into: &output)
  }

  /// Appends the plaintext of a message's `payload`.
  public mutating func open(
    payload: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    if let channel = unsafe channel {
      return try unsafe channel.pointee.open(payload: payload, into: &output)
    }
    try symmetric.open(payload: payload, into: &output)
  }

  /// Appends the value of option 2089; nothing over DTLS.
  public mutating func sealSequence(
    _ sequence: UInt64,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    if !isDTLS { try symmetric.sealSequence(sequence, into: &output) }
  }
}

// MARK: - The datagram seam, unused by the symmetric mode

extension EitherSecurity {
  /// Appends the datagram that carries `message`.
  public mutating func wrap(
    _ message: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) {
    if let channel = unsafe channel {
      return try unsafe channel.pointee.wrap(message, into: &output, at: now)
    }
    try symmetric.wrap(message, into: &output, at: now)
  }

  /// Appends the message that `datagram` carries.
  public mutating func unwrap(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) {
    if let channel = unsafe channel {
      return try unsafe channel.pointee.unwrap(datagram, into: &output, at: now)
    }
    try symmetric.unwrap(datagram, into: &output, at: now)
  }

  /// Whether another message waits that came in the same datagram as the last one.
  public var hasPendingMessage: Bool { unsafe channel?.pointee.hasPendingMessage ?? false }

  /// Whether the message that was unwrapped last is only the beginning of one that had no room.
  public var hasCutMessage: Bool { unsafe channel?.pointee.hasCutMessage ?? false }

  /// Whether a handshake is under way or put off.
  public var holdsBack: Bool { unsafe channel?.pointee.holdsBack ?? false }

  /// Whether the last flight waits for the first message.
  public var joinsNextMessage: Bool { unsafe channel?.pointee.joinsNextMessage ?? false }

  /// What happened to the channel since the last call.
  public mutating func pollEvent() -> SecurityEvent? { unsafe channel?.pointee.pollEvent() ?? nil }

  /// Gives up what the channel is about to do.
  public mutating func interrupt() { unsafe channel?.pointee.interrupt() }

  /// Ends the channel.
  public mutating func close() { unsafe channel?.pointee.close() }

  /// Writes the channel's next own datagram.
  public mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) -> Bool {
    guard let channel = unsafe channel else { return false }
    return try unsafe channel.pointee.pollTransmit(into: &output, at: now)
  }

  /// When the channel's `handleTimeout` is to be called next.
  public func pollTimeout() -> Instant? { unsafe channel?.pointee.pollTimeout() ?? nil }

  /// Takes in that time has passed.
  public mutating func handleTimeout(at now: Instant) {
    unsafe channel?.pointee.handleTimeout(at: now)
  }
}

// MARK: - State that survives a restart

extension EitherSecurity {
  /// Appends the channel's session; nothing in the symmetric mode.
  public func exportChannel(into output: inout ByteWriter) throws(CapacityError) {
    guard let channel = unsafe channel else { return }
    try unsafe channel.pointee.exportChannel(into: &output)
  }

  /// Goes on with a session that `exportChannel` gave.
  public mutating func importChannel(_ bytes: Span<UInt8>) {
    unsafe channel?.pointee.importChannel(bytes)
  }
}
