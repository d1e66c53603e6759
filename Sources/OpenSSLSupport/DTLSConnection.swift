// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
public import ConstrainedCore

/// One end of a DTLS 1.2 association (RFC 6347), without a socket and without a clock.
///
/// Pass datagrams to `receive` and fetch those of the handshake from `pollDatagram`; messages go
/// through `seal` and `receive`. Order of calls: `start` or, as a server, `receive`; then
/// `pollDatagram` until it returns `false`; `handleTimeout` at `pollTimeout`. Memory: 54 to 59 KB
/// while established, nearly all of it OpenSSL's buffers. The queue of handshake datagrams is 4 KB
/// of that; at an end with a certificate it has 16 KB. Calls on an established association do not
/// allocate, except with CBC suites, for which OpenSSL allocates some 50 times a message.
@safe
public struct DTLSConnection: ~Copyable {
  /// The state of the association.
  public enum State: Equatable, Sendable {
    /// At least one end has not authenticated yet.
    case handshaking
    /// Messages can be sent.
    case established
    /// Closed by an authenticated message of the peer, or failed.
    case ended(DTLSFailure)
  }

  /// The schedule of a flight's retransmissions.
  public struct Patience: Sendable {
    /// The time to the first retransmission; it doubles each time.
    public var timeout: Milliseconds
    /// The number of retransmissions.
    public var limit: Int

    /// Sets the first timeout and the number of retransmissions.
    public init(timeout: Milliseconds, limit: Int) {
      self.timeout = timeout
      self.limit = limit
    }

    /// The time from a flight's first transmission to the end of the wait after that many
    /// transmissions.
    public func span(of transmissions: Int) -> Milliseconds {
      var (sum, next) = (Milliseconds(0), timeout)
      for _ in 0..<transmissions {
        sum = sum + next
        next = next.doubled
      }
      return sum
    }
  }

  /// The clock of the caller's instants.
  public enum Clock: Sendable {
    /// The machine's clock.
    case machine
    /// A test's clock.
    case virtual
  }

  /// The maximum number of a client's flights: hello without a cookie, hello with it, key exchange,
  /// and two spare.
  ///
  /// Anybody can demand another cookie and so cause another hello (RFC 6347 Section 4.2.1); a
  /// server may do so after changing its secret. With one flight left, further demands are ignored.
  private static let mostFlights = 5  // conformance: 6347-4.2.1-b

  /// The handshake messages that a server, and a client, may send in the clear: one bit per message
  /// type.
  ///
  /// RFC 5246 Section 7.4, RFC 6347 Section 4.3.2. HelloRequest is useless during a handshake.
  private static let ofServer: UInt32 =
    // conformance: 6347-4.2.1-a
    1 << 2 | 1 << 3 | 1 << 4 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 22
  private static let ofClient: UInt32 = 1 << 1 | 1 << 11 | 1 << 15 | 1 << 16

  /// The maximum overhead of a record in bytes: the header, a block of vector, HMAC-SHA-384 and
  /// padding.
  public static let maxOverhead = 13 + 16 + 48 + 16  // conformance: 6347-4.1.1-b

  /// The longest message that is sent, in bytes.
  ///
  /// A record is at most a datagram: OpenSSL gets no buffer of 16 KB to write it in, and ends an association over a
  /// longer message.
  static let mostMessage = 2_048

  let ssl: OpaquePointer
  let io: UnsafeMutablePointer<DatagramBIO>
  private let patience: Patience
  #if DEVICE_ONLY
  // A device is always the client and uses the machine's clock; the compiler drops the other cases.
  private var role: DTLSContext.Role { .client }
  private var clock: Clock { .machine }
  #else
  private let role: DTLSContext.Role
  private let clock: Clock
  #endif
  private var timeout: Milliseconds
  private var retransmissions = 0
  private var flights = 0
  private var deadline: Instant?
  var clearAlert: UInt8?
  private var isClosing = false
  /// The time of the handshake's last flight.
  private var lastFlight = Instant(milliseconds: 0)

  /// Whether the peer has answered a flight with its next one.
  public private(set) var hasAnswer = false

  /// Whether the last message was cut off because it did not fit.
  ///
  /// Always `false` for a server, which drops such a message.
  public private(set) var hasCutMessage = false

  /// The current state.
  public private(set) var state = State.handshaking

  /// Whether the association was established before it ended.
  public private(set) var hasBeenEstablished = false

  /// Creates an association that has not sent anything yet.
  ///
  /// `linkMTU` is the link's MTU including the headers of IP and UDP, at least 256 bytes; handshake
  /// flights are fragmented accordingly.
  public init(
    _ context: borrowing DTLSContext,
    patience: Patience,
    linkMTU: Int = 1_280,
    clock: Clock = .machine
  ) throws(OpenSSLError) {
    guard let ssl = unsafe SSL_new(context.handle) else { throw .fromQueue() }
    guard let bio = unsafe BIO_new(DatagramMethod.shared.method) else {
      unsafe SSL_free(ssl)
      throw .fromQueue()
    }
    unsafe self.ssl = ssl
    self.patience = patience
    #if !DEVICE_ONLY
    role = context.role
    self.clock = clock
    #endif
    timeout = patience.timeout
    unsafe io = .allocate(capacity: 1)
    let mtu = max(256, linkMTU)
    // The longest flight is one with a certificate chain.
    #if DEVICE_ONLY
    let hasCertificate = false
    #else
    let hasCertificate = unsafe SSL_CTX_get0_certificate(context.handle) != nil
    #endif
    unsafe io.initialize(
      to: DatagramBIO(queueCapacity: hasCertificate ? 16_384 : 4_096, linkMTU: mtu)
    )
    unsafe BIO_set_data(bio, io)
    unsafe SSL_set_bio(ssl, bio, bio)
    unsafe io.pointee.ssl = ssl
    unsafe io.pointee.expected = role == .client ? Self.ofServer : Self.ofClient
    // conformance: 6347-4.1.1-a 6347-4.2.3-a
    unsafe nbiot_set_link_mtu(ssl, mtu)
    unsafe DTLS_set_timer_cb(ssl) { ssl, previous in
      // SAFETY: the value lives as long as the association.
      guard let io = unsafe DatagramBIO.of(ssl) else { return 1_000_000 }
      unsafe io.pointee.isRetransmitting = previous != 0
      // OpenSSL's timer expired too early. Do not let it run for another whole timeout: the flight
      // could not be retransmitted when the caller's clock asks for it.
      let isEarly = unsafe previous != 0 && !io.pointee.wantsRetransmission
      return unsafe isEarly ? io.pointee.rest : io.pointee.timer
    }
    if role == .server { unsafe SSL_set_accept_state(ssl) }
    setTimer()
  }

  deinit {
    // An association that is dropped, as by a sleeping device, or closed by the peer leaves its
    // session resumable; otherwise OpenSSL would remove the session from a server's cache.
    switch state {
    case .established, .ended(.closed):
      unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    default: break
    }
    // SAFETY: both belong to this value alone; freeing the association frees the BIO.
    unsafe SSL_free(ssl)
    unsafe io.pointee.key.withStorage { wipe(&$0) }
    unsafe io.pointee.queue.deallocate()
    unsafe io.deinitialize(count: 1)
    unsafe io.deallocate()
  }
}

// MARK: - Handshake and messages

extension DTLSConnection {
  /// The time of the next call of `handleTimeout`; `nil` if no timer runs.
  public var pollTimeout: Instant? { deadline }

  /// Starts the handshake as a client.
  public mutating func start(at now: Instant) {
    advance(at: now)
  }

  /// Handles a datagram and appends its first message to `output`: a server only if the whole
  /// message fits, a client as much as fits, see `hasCutMessage`.
  ///
  /// Datagrams that are not the peer's are dropped silently.
  public mutating func receive(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) {
    guard state == .handshaking, role == .client else {
      return take(datagram, into: &output, at: now)
    }
    // RFC 6347 Section 4.1.2.7: anybody can send an alert in the clear. It is kept until the flight
    // is due for retransmission, and discarded if the server answers before.
    let start = output.count
    var offset = 0
    while offset < datagram.count, output.count == start {
      let alert = findClearAlert(in: datagram, from: offset)
      take(datagram.extracting(offset..<alert.lowerBound), into: &output, at: now)
      offset = alert.upperBound
    }
  }

  /// Appends the record that carries `message`, of at most `maxMessage` bytes, in one datagram.
  public mutating func seal(
    _ message: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    precondition(state == .established, "seal needs an established association")
    guard message.count <= maxMessage, output.remaining >= message.count + Self.maxOverhead else {
      throw CapacityError()
    }
    var result: Int32 = 0
    OpenSSLError.emptyQueue()
    unsafe output.appendUnchecked { room in
      // SAFETY: the room is the BIO's target during this call only.
      unsafe io.pointee.target = room.baseAddress
      unsafe io.pointee.targetCapacity = room.count
      unsafe io.pointee.targetCount = 0
      result = unsafe message.withUnsafeBytes {
        unsafe SSL_write(ssl, $0.baseAddress, Int32($0.count))
      }
      unsafe io.pointee.target = nil
      return unsafe io.pointee.targetCount
    }
    if result <= 0 { end(after: result) }
  }

  /// Sends close_notify, or answers the peer's; the datagram is queued, and messages in flight are
  /// still received.
  public mutating func close() {
    guard state == .established || state == .ended(.closed) && hasBeenEstablished, !isClosing else {
      return
    }
    isClosing = true
    _ = unsafe SSL_shutdown(ssl)
    OpenSSLError.emptyQueue()
    state = .ended(.closed)
    deadline = nil
  }

  /// Appends the next handshake datagram to an empty `output`; returns `false` if there is none.
  public mutating func pollDatagram(
    into output: inout ByteWriter
  ) throws(CapacityError) -> Bool {
    guard unsafe io.pointee.nextCount > 0 else { return false }
    try unsafe io.pointee.removeFirst(into: &output)
    return true
  }

  /// Retransmits the last flight when its timer has expired, or gives up.
  public mutating func handleTimeout(at now: Instant) {
    guard let deadline, deadline <= now, state == .handshaking else { return }
    if let clearAlert { return end(.alert(clearAlert)) }
    guard retransmissions < patience.limit else { return end(.timedOut(hasAnswer: hasAnswer)) }
    retransmissions += 1
    // conformance: 6347-4.2.4-c
    timeout = timeout.doubled
    // Forged records may have taken the place of the peer's.
    unsafe io.pointee.earlyRecords = 0
    setTimer()
    self.deadline = now + timeout
    switch sendAgain() {
    case .sent: break
    // The machine's clock was set back, and the timer is out of reach. Count the attempt; otherwise
    // the handshake might never end.
    case .early(let left): self.deadline = now + min(left, timeout)
    case .failed: end(.timedOut(hasAnswer: hasAnswer))
    }
  }

  // MARK: Private

  private mutating func advance(at now: Instant) {
    let writes = unsafe io.pointee.writes
    setRest(at: now)
    // conformance: 6347-4.2.6-a
    let result = unsafe role == .client ? SSL_connect(ssl) : SSL_do_handshake(ssl)
    unsafe io.pointee.isRetransmitting = false
    if result == 1 {
      state = .established
      hasBeenEstablished = true
      unsafe io.pointee.expected = 0
      unsafe io.pointee.shortestProtected = nbiot_shortest_record(ssl)
      deadline = nil
      lastFlight = now
      return
    }
    guard unsafe SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ else {
      return end(after: result)
    }
    OpenSSLError.emptyQueue()
    guard unsafe io.pointee.writes != writes else { return }
    // The peer has answered a flight, and the next one is in flight.
    if deadline != nil { hasAnswer = true }
    flights += 1
    guard role == .server || flights <= Self.mostFlights else {
      return end(.timedOut(hasAnswer: true))
    }
    // Accept no further cookie: type 3 is HelloVerifyRequest.
    if flights == Self.mostFlights - 1, role == .client { unsafe io.pointee.expected &= ~(1 << 3) }
    clearAlert = nil
    retransmissions = 0
    // conformance: 6347-4.2.4-d
    timeout = patience.timeout
    setTimer()
    deadline = now + timeout
  }

  /// Appends a whole message; if it does not fit, a server drops it and a client keeps its
  /// beginning.
  private mutating func read(into output: inout ByteWriter, at now: Instant) {
    let start = output.count
    var result: Int32 = 0
    hasCutMessage = false
    // RFC 6347 Section 4.2.4: the last flight is retransmitted when the peer repeats its own. A
    // server whose timer is shorter than the round trip repeats it, perhaps more than once, before
    // it can have received the flight; so the timeout of every flight applies here as well.
    let writes = unsafe io.pointee.writes
    // conformance: 6347-4.2.4-a
    unsafe io.pointee.keepsBack = role == .client && now - lastFlight < patience.timeout
    defer {
      unsafe io.pointee.keepsBack = false
      if unsafe io.pointee.writes != writes { lastFlight = now }
    }
    OpenSSLError.emptyQueue()
    if output.remaining == 0 {
      result = discard(atMost: 256)
    } else {
      unsafe output.appendUnchecked { room in
        // SAFETY: the room has that many bytes.
        // conformance: 6347-4.1.2-b
        result = unsafe SSL_read(ssl, room.baseAddress, Int32(clamping: room.count))
        return result > 0 ? Int(result) : 0
      }
    }
    unsafe io.pointee.isRetransmitting = false
    if result <= 0 { return end(after: result) }
    while case let rest = unsafe SSL_pending(ssl), rest > 0 {
      if role == .server { output.truncate(to: start) } else { hasCutMessage = true }
      if discard(atMost: rest) <= 0 { break }
    }
  }

  /// Reads and discards at most 256 bytes; `SSL_read` must have room for a byte.
  private func discard(atMost count: Int32) -> Int32 {
    var bytes = FixedBytes<256>()
    var result: Int32 = 0
    bytes.write { (writer: inout ByteWriter) in
      unsafe writer.appendUnchecked { room in
        // SAFETY: the room has 256 bytes.
        result = unsafe SSL_read(ssl, room.baseAddress, min(count, Int32(clamping: room.count)))
        return 0
      }
    }
    return result
  }

  /// Lets OpenSSL read a datagram, or the rest of the last one.
  @inline(never)
  private mutating func take(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) {
    unsafe datagram.withUnsafeBufferPointer { bytes in
      // SAFETY: the pointer is reset below, before the span goes away.
      unsafe io.pointee.input = bytes.baseAddress
      unsafe io.pointee.inputCount = bytes.count
      // A server's connection after `listen` already holds the hello.
      if state == .handshaking, bytes.count > 0 || role == .server { advance(at: now) }
      if state == .established || isClosing { read(into: &output, at: now) }
      unsafe io.pointee.input = nil
      unsafe io.pointee.inputCount = 0
    }
  }

  /// Sets OpenSSL's own timer for a flight, for versions that do not let it be held (OpenSSL 3.2).
  ///
  /// OpenSSL checks the timer whenever it reads; a retransmission that this causes too early is
  /// suppressed, so early expiry does no harm. But `handleTimeout` sends nothing before the timer
  /// has expired; OpenSSL treats the last 15 ms as expired. The timer therefore runs as long as the
  /// caller's clock, less 2 per thousand by which the two may differ. With a test's clock it
  /// expires at once.
  private func setTimer() {
    unsafe io.pointee.timer = clock == .virtual ? 16_000 : Self.microseconds(timeout)
  }

  /// Sets how long the timer runs on if it expires before the caller's clock.
  ///
  /// It runs until 4 ms after the deadline. The 4 ms are then waited out, because OpenSSL gives up at
  /// the 13th expiry.
  private func setRest(at now: Instant) {
    guard let deadline, clock == .machine else {
      unsafe io.pointee.rest = 115_000
      return
    }
    unsafe io.pointee.rest = UInt32(clamping: max(0, (deadline - now).count) * 1_000 + 19_000)
  }

  private static func microseconds(_ time: Milliseconds) -> UInt32 {
    UInt32(clamping: time.count * 998 + 12_000)
  }

  private enum Retransmission {
    case sent
    case early(Milliseconds)
    case failed
  }

  private func sendAgain() -> Retransmission {
    unsafe io.pointee.wantsRetransmission = true
    defer {
      unsafe io.pointee.wantsRetransmission = false
      unsafe io.pointee.isRetransmitting = false
    }
    if let timer = unsafe io.pointee.heldTimer { unsafe nbiot_expire(timer) }
    // Wait out up to 5 ms, or 100 ms with a test's clock, beyond the 15 ms that OpenSSL treats as
    // expired.
    let longest: Int64 = clock == .virtual ? 120_000 : 20_000
    var left: Int64 = 0
    while true {
      guard unsafe nbiot_time_left(ssl, &left) == 1 else { return .failed }
      if left == 0 { break }
      guard left < longest else { return .early(Milliseconds(left / 1_000)) }
    }
    OpenSSLError.emptyQueue()
    // conformance: 6347-4.2.5-a
    let result = unsafe nbiot_handle_timeout(ssl)
    OpenSSLError.emptyQueue()
    return result == 1 ? .sent : .failed
  }

  private mutating func end(_ failure: DTLSFailure) {
    state = .ended(failure)
    deadline = nil
  }

  /// Determines what the result of a call means.
  private mutating func end(after result: Int32) {
    switch unsafe SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: break
    case SSL_ERROR_ZERO_RETURN: end(.closed)
    default:
      let code = OpenSSLError.emptyQueue()
      let reason = Int(ERR_GET_REASON(code))
      if reason == Int(SSL_R_CERTIFICATE_VERIFY_FAILED) {
        end(.certificate(Int32(truncatingIfNeeded: unsafe SSL_get_verify_result(ssl))))
      } else if reason > 1_000, reason < 1_256 {
        end(.alert(UInt8(truncatingIfNeeded: reason - 1_000)))
      } else {
        end(.library(code: code))
      }
    }
  }
}

extension Milliseconds {
  /// The next timeout of a flight: doubled, up to 60 seconds (RFC 6347 Section 4.2.4.1).
  fileprivate var doubled: Milliseconds { min(max(self, Milliseconds(60_000)), self * 2) }
}
