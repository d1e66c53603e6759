public import ConstrainedCore
public import DTLSSecurity
public import SecurityLayer
public import SymmetricSecurity

/// One of the two layers, chosen while the program runs: for a program that holds both and is told by
/// its configuration which one its device uses.
///
/// `CoAPLink<EitherSecurity, …>` is the session's code once for both modes.
public struct EitherSecurity: ~Copyable, SecurityLayer {
  /// The layer in use if there is no `channel`; otherwise without a key and unused.
  private var symmetric: SymmetricSecurity

  private var channel: DTLSSecurity?

  /// Uses the symmetric mode.
  public init(_ layer: consuming SymmetricSecurity) {
    symmetric = layer
    channel = nil
  }

  /// DTLS.
  public init(_ layer: consuming DTLSSecurity) {
    symmetric = SymmetricSecurity()
    channel = consume layer
  }

  /// Whether the layer is DTLS.
  public var isDTLS: Bool { channel != nil }

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
    guard try channel?.seal(payload: payload, into: &output) == nil else { return }
    try symmetric.seal(payload: payload, into: &output)
  }

  /// Appends the plaintext of a message's `payload`.
  public mutating func open(
    payload: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    guard try channel?.open(payload: payload, into: &output) == nil else { return }
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
    guard try channel?.wrap(message, into: &output, at: now) == nil else { return }
    try symmetric.wrap(message, into: &output, at: now)
  }

  /// Appends the message that `datagram` carries.
  public mutating func unwrap(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) {
    guard try channel?.unwrap(datagram, into: &output, at: now) == nil else { return }
    try symmetric.unwrap(datagram, into: &output, at: now)
  }

  /// Whether another message waits that came in the same datagram as the last one.
  public var hasPendingMessage: Bool {
    switch channel {
    case .some(let channel): channel.hasPendingMessage
    case .none: false
    }
  }

  /// Whether the message that was unwrapped last is only the beginning of one that had no room.
  public var hasCutMessage: Bool {
    switch channel {
    case .some(let channel): channel.hasCutMessage
    case .none: false
    }
  }

  /// Whether a handshake is under way or put off.
  public var holdsBack: Bool {
    switch channel {
    case .some(let channel): channel.holdsBack
    case .none: false
    }
  }

  /// Whether the last flight waits for the first message.
  public var joinsNextMessage: Bool {
    switch channel {
    case .some(let channel): channel.joinsNextMessage
    case .none: false
    }
  }

  /// What happened to the channel since the last call.
  public mutating func pollEvent() -> SecurityEvent? { channel?.pollEvent() ?? nil }

  /// Gives up what the channel is about to do.
  public mutating func interrupt() { channel?.interrupt() }

  /// Ends the channel.
  public mutating func close() { channel?.close() }

  /// Writes the channel's next own datagram.
  public mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) -> Bool {
    try channel?.pollTransmit(into: &output, at: now) ?? false
  }

  /// When the channel's `handleTimeout` is to be called next.
  public func pollTimeout() -> Instant? {
    switch channel {
    case .some(let channel): channel.pollTimeout()
    case .none: nil
    }
  }

  /// Takes in that time has passed.
  public mutating func handleTimeout(at now: Instant) { channel?.handleTimeout(at: now) }
}

// MARK: - State that survives a restart

extension EitherSecurity {
  /// Appends the channel's session; nothing in the symmetric mode.
  public func exportChannel(into output: inout ByteWriter) throws(CapacityError) {
    switch channel {
    case .some(let channel): try channel.exportChannel(into: &output)
    case .none: break
    }
  }

  /// Goes on with a session that `exportChannel` gave.
  public mutating func importChannel(_ bytes: Span<UInt8>) { channel?.importChannel(bytes) }
}
