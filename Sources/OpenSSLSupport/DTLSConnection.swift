internal import COpenSSL
public import ConstrainedCore

/// One end of a DTLS 1.2 association (RFC 6347), without a socket and without a clock.
///
/// Datagrams go in by `receive`, those of the handshake come out by `pollDatagram`; messages go
/// through `seal` and `receive`. Order of calls: `start` or, as a server, `receive`; then
/// `pollDatagram` until it gives `false`; `handleTimeout` at `pollTimeout`.
/// Memory: 54 to 59 KB while it is established, nearly all OpenSSL's buffers, and 4 of them a queue of
/// handshake datagrams, which has 16 KB at an end with a certificate. No call allocates then, but for
/// suites with CBC, for which OpenSSL allocates some 50 times a message.
@safe
public struct DTLSConnection: ~Copyable {
  /// Where the association stands.
  public enum State: Equatable, Sendable {
    /// Not both ends have proved who they are.
    case handshaking
    /// Messages can be sent.
    case established
    /// It is over: closed by the peer in a way that only the peer can have done, or failed.
    case ended(DTLSFailure)
  }

  /// How patiently a flight is sent again.
  public struct Patience: Sendable {
    /// The time to the first retransmission; it doubles each time.
    public var timeout: Milliseconds
    /// How often a flight is sent again.
    public var limit: Int

    /// Waits so long, and so often.
    public init(timeout: Milliseconds, limit: Int) {
      self.timeout = timeout
      self.limit = limit
    }

    /// The time from a flight's first transmission to the end of the wait behind that of the number.
    public func span(of transmissions: Int) -> Milliseconds {
      var (sum, next) = (Milliseconds(0), timeout)
      for _ in 0..<transmissions {
        sum = sum + next
        next = next.doubled
      }
      return sum
    }
  }

  /// Whose time the caller's instants are.
  public enum Clock: Sendable {
    /// The machine's own.
    case machine
    /// A test's.
    case virtual
  }

  /// The most flights of a client: a hello without a cookie, one with, the key, and two to spare.
  ///
  /// Anybody can ask for another cookie, and be given a hello each time (RFC 6347 Section 4.2.1); a
  /// server may do so when it has just changed its secret. When one is left, no request is heeded any more.
  private static let mostFlights = 5  // conformance: 6347-4.2.1-b

  /// The messages of a handshake that a server sends in the clear, by the bits of their types, and a client's.
  ///
  /// RFC 5246 Section 7.4, RFC 6347 Section 4.3.2. HelloRequest is no use amid a handshake.
  private static let ofServer: UInt32 =
    // conformance: 6347-4.2.1-a
    1 << 2 | 1 << 3 | 1 << 4 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 22
  private static let ofClient: UInt32 = 1 << 1 | 1 << 11 | 1 << 15 | 1 << 16

  /// The bytes that a record adds to its message, at most: the header, a block of vector, HMAC-SHA-384
  /// and padding.
  public static let maxOverhead = 13 + 16 + 48 + 16  // conformance: 6347-4.1.1-b

  let ssl: OpaquePointer
  let io: UnsafeMutablePointer<DatagramBIO>
  private let role: DTLSContext.Role
  private let patience: Patience
  private let clock: Clock
  private var timeout: Milliseconds
  private var retransmissions = 0
  private var flights = 0
  private var deadline: Instant?
  private var clearAlert: UInt8?
  private var isClosing = false
  /// When the last flight of the handshake was sent.
  private var lastFlight = Instant(milliseconds: 0)

  /// Whether the peer has answered a flight with the next one.
  public private(set) var hasAnswer = false

  /// Whether the message that came last was longer than the room for it, so that its end is missing; always
  /// `false` for a server, which loses such a message.
  public private(set) var hasCutMessage = false

  /// Where the association stands.
  public private(set) var state = State.handshaking

  /// Whether both ends had proved who they are before it ended.
  public private(set) var hasBeenEstablished = false

  /// An association that has sent nothing yet.
  ///
  /// `linkMTU` is what fits the link with the headers of IP and UDP, 256 bytes or more; handshake
  /// flights are cut so.
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
    role = context.role
    self.patience = patience
    self.clock = clock
    timeout = patience.timeout
    unsafe io = .allocate(capacity: 1)
    let mtu = max(256, linkMTU)
    // A flight with a chain of certificates is the longest.
    let hasCertificate = unsafe SSL_CTX_get0_certificate(context.handle) != nil
    unsafe io.initialize(
      to: DatagramBIO(queueCapacity: hasCertificate ? 16_384 : 4_096, linkMTU: mtu)
    )
    unsafe BIO_set_data(bio, io)
    unsafe SSL_set_bio(ssl, bio, bio)
    unsafe SSL_set_ex_data(ssl, 0, io)
    unsafe io.pointee.ssl = ssl
    unsafe io.pointee.expected = role == .client ? Self.ofServer : Self.ofClient
    // conformance: 6347-4.1.1-a 6347-4.2.3-a
    unsafe nbiot_set_link_mtu(ssl, mtu)
    unsafe DTLS_set_timer_cb(ssl) { ssl, previous in
      // SAFETY: the value lives as long as the association.
      guard let io = unsafe DatagramBIO.of(ssl) else { return 1_000_000 }
      unsafe io.pointee.isRetransmitting = previous != 0
      // Too early it ran out: it is not to run for a whole timeout more, else the flight could not be
      // sent again when the caller's clock asks for it.
      let isEarly = unsafe previous != 0 && !io.pointee.wantsRetransmission
      return unsafe isEarly ? io.pointee.rest : io.pointee.timer
    }
    if role == .client {
      unsafe SSL_set_connect_state(ssl)
    } else {
      unsafe SSL_set_accept_state(ssl)
    }
    setTimer()
  }

  deinit {
    // An association that just ends, as a sleeping device's does, or by the peer's goodbye, keeps its
    // session resumable; OpenSSL would take it out of a server's cache.
    switch state {
    case .established, .ended(.closed):
      unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    default: break
    }
    // SAFETY: both belong to this value alone; the BIO goes with the association.
    unsafe SSL_free(ssl)
    unsafe io.pointee.key.withStorage { wipe(&$0) }
    unsafe io.pointee.queue.deallocate()
    unsafe io.deinitialize(count: 1)
    unsafe io.deallocate()
  }
}

// MARK: - Handshake and messages

extension DTLSConnection {
  /// When `handleTimeout` is to be called next.
  public var pollTimeout: Instant? { deadline }

  /// Says hello.
  public mutating func start(at now: Instant) {
    advance(at: now)
  }

  /// Takes in a datagram, and appends the first message in it to `output`: a server if it has room for all of
  /// it, a client as much as it has room for, see `hasCutMessage`.
  ///
  /// What is not the peer's is dropped without a trace.
  public mutating func receive(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) {
    guard state == .handshaking, role == .client else {
      return take(datagram, into: &output, at: now)
    }
    // RFC 6347 Section 4.1.2.7: anybody can send an alert in the clear. It is kept in mind until the
    // flight would be sent again, and counts for nothing when the server answers before that.
    let start = output.count
    var offset = 0
    while offset < datagram.count, output.count == start {
      let alert = findClearAlert(in: datagram, from: offset)
      take(datagram.extracting(offset..<alert.lowerBound), into: &output, at: now)
      offset = alert.upperBound
    }
  }

  /// Appends the record that carries `message`, in one datagram.
  public mutating func seal(
    _ message: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    precondition(state == .established, "messages are sent on an established association only")
    guard message.count <= 16_384, output.remaining >= message.count + Self.maxOverhead else {
      throw CapacityError()
    }
    var result: Int32 = 0
    ERR_clear_error()
    unsafe output.appendUnchecked { room in
      // SAFETY: the room is the BIO's target during this call alone.
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

  /// Says goodbye, or answers the peer's; the datagram waits in the queue, and what was on its way still
  /// comes.
  public mutating func close() {
    guard state == .established || state == .ended(.closed) && hasBeenEstablished, !isClosing else {
      return
    }
    isClosing = true
    _ = unsafe SSL_shutdown(ssl)
    ERR_clear_error()
    state = .ended(.closed)
    deadline = nil
  }

  /// Appends the next datagram of the handshake to an empty `output`; `false` when there is none.
  public mutating func pollDatagram(
    into output: inout ByteWriter
  ) throws(CapacityError) -> Bool {
    guard unsafe io.pointee.nextCount > 0 else { return false }
    try unsafe io.pointee.removeFirst(into: &output)
    return true
  }

  /// Sends the last flight again when it is time, or gives up.
  public mutating func handleTimeout(at now: Instant) {
    guard let deadline, deadline <= now, state == .handshaking else { return }
    if let clearAlert { return end(.alert(clearAlert)) }
    guard retransmissions < patience.limit else { return end(.timedOut(hasAnswer: hasAnswer)) }
    retransmissions += 1
    // conformance: 6347-4.2.4-c
    timeout = timeout.doubled
    // Forged ones may have taken the room of the peer's.
    unsafe io.pointee.earlyRecords = 0
    setTimer()
    self.deadline = now + timeout
    switch sendAgain() {
    case .sent: break
    // Somebody has set the machine's clock back, and the timer is out of reach. The attempt counts, for else it
    // might never end.
    case .early(let left): self.deadline = now + min(left, timeout)
    case .failed: end(.timedOut(hasAnswer: hasAnswer))
    }
  }

  // MARK: Private

  private mutating func advance(at now: Instant) {
    let writes = unsafe io.pointee.writes
    setRest(at: now)
    // conformance: 6347-4.2.6-a
    let result = unsafe SSL_do_handshake(ssl)
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
    ERR_clear_error()
    guard unsafe io.pointee.writes != writes else { return }
    // A flight of its own has been answered by the peer's, and the next one is under way.
    if deadline != nil { hasAnswer = true }
    flights += 1
    guard role == .server || flights <= Self.mostFlights else {
      return end(.timedOut(hasAnswer: true))
    }
    // Another cookie is asked for no more: type 3 is HelloVerifyRequest.
    if flights == Self.mostFlights - 1, role == .client { unsafe io.pointee.expected &= ~(1 << 3) }
    clearAlert = nil
    retransmissions = 0
    // conformance: 6347-4.2.4-d
    timeout = patience.timeout
    setTimer()
    deadline = now + timeout
  }

  /// Appends a message whole; where there is no room for it a server loses it, and a client keeps its beginning.
  private mutating func read(into output: inout ByteWriter, at now: Instant) {
    let start = output.count
    var result: Int32 = 0
    hasCutMessage = false
    // RFC 6347 Section 4.2.4: the last flight is sent again when the peer repeats its own. A server whose
    // timer is shorter than the way does so before it can have the flight, and more than once: the same
    // patience as with every flight.
    let writes = unsafe io.pointee.writes
    // conformance: 6347-4.2.4-a
    unsafe io.pointee.keepsBack = role == .client && now - lastFlight < patience.timeout
    defer {
      unsafe io.pointee.keepsBack = false
      if unsafe io.pointee.writes != writes { lastFlight = now }
    }
    ERR_clear_error()
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

  /// Reads what nobody wants, 256 bytes or less; `SSL_read` must have room for a byte.
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

  /// Lets OpenSSL read a datagram, or what it has kept of the last one.
  private mutating func take(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) {
    unsafe datagram.withUnsafeBufferPointer { bytes in
      // SAFETY: the pointer is taken back below, before the span ends.
      unsafe io.pointee.input = bytes.baseAddress
      unsafe io.pointee.inputCount = bytes.count
      // A server's connection that has listened has the hello inside already.
      if state == .handshaking, bytes.count > 0 || role == .server { advance(at: now) }
      if state == .established || isClosing { read(into: &output, at: now) }
      unsafe io.pointee.input = nil
      unsafe io.pointee.inputCount = 0
    }
  }

  /// How long OpenSSL's own timer runs behind a flight, where it cannot be held (OpenSSL 3.2).
  ///
  /// It looks at the timer whenever it reads, and what it would then send is kept back: early is of no
  /// use. But it sends nothing for `handleTimeout` before the timer has run out, for which it takes the
  /// last 15 ms. So it runs as long as the caller's clock, less 2 per thousand by which the two may
  /// differ; with a test's clock it runs out at once.
  private func setTimer() {
    unsafe io.pointee.timer = clock == .virtual ? 16_000 : Self.microseconds(timeout)
  }

  /// How long it runs on when it has run out before the caller's clock has: until 4 ms behind that, which
  /// are then waited out, because OpenSSL gives up at the thirteenth time.
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
    // 5 ms are waited out, with a test's clock 100, less than the 15 that OpenSSL takes for none.
    let longest: Int64 = clock == .virtual ? 120_000 : 20_000
    var left: Int64 = 0
    while true {
      guard unsafe nbiot_time_left(ssl, &left) == 1 else { return .failed }
      if left == 0 { break }
      guard left < longest else { return .early(Milliseconds(left / 1_000)) }
    }
    ERR_clear_error()
    // conformance: 6347-4.2.5-a
    let result = unsafe nbiot_handle_timeout(ssl)
    ERR_clear_error()
    return result == 1 ? .sent : .failed
  }

  /// Where the next alert in the clear stands; behind the end when there is none.
  private mutating func findClearAlert(in datagram: Span<UInt8>, from start: Int) -> Range<Int> {
    var offset = start
    while offset + 13 <= datagram.count {
      let length = Int(datagram[offset + 11]) << 8 | Int(datagram[offset + 12])
      let isClear = datagram[offset + 3] == 0 && datagram[offset + 4] == 0
      let end = min(offset + 13 + length, datagram.count)
      if datagram[offset] == 21, isClear {
        // RFC 5246 Section 7.2: 2 is fatal; of the warnings only close_notify ends anything.
        if length == 2, end == offset + 15, datagram[offset + 13] == 2 || datagram[offset + 14] == 0
        {
          clearAlert = datagram[offset + 14]
          // RFC 6347 Section 4.1: who answers in records of 1.0 has not agreed to 1.2; a server that has
          // refuses the suites in records of 1.2.
          let isOld = datagram[offset + 1] == 0xFE && datagram[offset + 2] == 0xFF
          if isOld, clearAlert == 40 { clearAlert = 70 }
        }
        return offset..<end
      }
      offset = end
    }
    return datagram.count..<datagram.count
  }

  private mutating func end(_ failure: DTLSFailure) {
    state = .ended(failure)
    deadline = nil
  }

  /// Finds out what a call that gave `result` means.
  private mutating func end(after result: Int32) {
    switch unsafe SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: break
    case SSL_ERROR_ZERO_RETURN: end(.closed)
    default:
      // The last error is the handshake's own; those before it are of what it called.
      let code = ERR_peek_last_error()
      let reason = Int(ERR_GET_REASON(code))
      if reason == Int(SSL_R_CERTIFICATE_VERIFY_FAILED) {
        end(.certificate(Int32(truncatingIfNeeded: unsafe SSL_get_verify_result(ssl))))
      } else if reason > 1_000, reason < 1_256 {
        end(.alert(UInt8(truncatingIfNeeded: reason - 1_000)))
      } else {
        end(.library(code: UInt(code)))
      }
    }
    ERR_clear_error()
  }
}

extension Milliseconds {
  /// The next timeout of a flight: twice as long, up to 60 seconds (RFC 6347 Section 4.2.4.1).
  fileprivate var doubled: Milliseconds { min(max(self, Milliseconds(60_000)), self * 2) }
}
