// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import ConstrainedCore

/// The BIO of an association: one datagram in, datagrams out, no socket.
///
/// OpenSSL 3.0 has no such BIO. It is on the heap, because OpenSSL keeps its address.
@safe
struct DatagramBIO {
  /// Queued handshake datagrams, each after a length of 2 bytes.
  ///
  /// Datagrams that do not fit are lost, as on the network; the flight's retransmission repeats
  /// them.
  var queue: UnsafeMutableRawBufferPointer
  var queueStart = 0
  var queueEnd = 0
  /// The offset of the last datagram, to which records are added while it is queued.
  private var lastStart = 0

  /// The datagram for OpenSSL to read, set during a call.
  var input: UnsafePointer<UInt8>?
  var inputCount = 0

  /// The destination of a message's record, set during a call; otherwise records go into the queue.
  var target: UnsafeMutablePointer<UInt8>?
  var targetCount = 0
  var targetCapacity = 0

  /// Whether OpenSSL is retransmitting its last flight, and whether the caller wants that.
  ///
  /// OpenSSL checks a clock of its own before it reads, and would retransmit before the caller's
  /// clock asks for it.
  var isRetransmitting = false
  var wantsRetransmission = false

  /// Whether to suppress the last flight, which OpenSSL retransmits for each repetition of the
  /// peer's.
  var keepsBack = false

  /// The duration of OpenSSL's own timer in microseconds: `timer` after a new flight, `rest` after
  /// it has expired before the caller's clock.
  var timer: UInt32 = 0
  var rest: UInt32 = 0

  /// The association, and its timer if OpenSSL lets it be held.
  var ssl: OpaquePointer?
  var heldTimer: UnsafeMutableRawPointer?

  /// The handshake messages in the clear that are passed to OpenSSL, one bit per type; 0 passes
  /// everything, once the association is established.
  var expected: UInt32 = 0
  /// The minimum length of a protected record's body: the overhead of its cipher.
  ///
  /// OpenSSL ends the association on a shorter one. During a handshake the minimum is 24: a
  /// Finished has at least 40 bytes.
  var shortestProtected = 24
  /// The number of the next record in the clear; during `listen` a server's records keep their own.
  private var clearSequence: UInt32 = 0x1_0000
  /// The number of records under future keys passed to OpenSSL since the last flight; OpenSSL
  /// buffers each in 16 KB.
  var earlyRecords = 0

  /// A hash of the last cookie in a HelloVerifyRequest, and whether an earlier one was different:
  /// one of the two may be forged, and OpenSSL takes the first.
  private var cookie: UInt32 = 0
  var hasTwoCookies = false

  /// The number of handshake records written.
  var writes = 0

  /// The size of the IP and UDP headers in bytes: 28 over IPv4, 48 over IPv6.
  var overhead = 48
  /// The maximum length of a datagram without these headers.
  var maxDatagram: Int

  /// Whether the server has requested a certificate that the device does not have.
  var lacksCertificate = false

  /// The peer that the cookie is for (server only).
  var peer = FixedBytes<64>()
  /// The pre-shared key's identity and the key (client only).
  var identity = FixedBytes<256>()
  var key = FixedBytes<128>()
  #if !hasFeature(Embedded)
  /// Looks up the key of an identity (server only).
  var findKey: (([UInt8]) -> [UInt8]?)?
  #endif

  init(queueCapacity: Int, linkMTU: Int) {
    maxDatagram = linkMTU - overhead
    unsafe queue = .allocate(byteCount: queueCapacity, alignment: 1)
  }

  /// The BIO of an association, for use in its callbacks.
  static func of(_ ssl: OpaquePointer?) -> UnsafeMutablePointer<DatagramBIO>? {
    // SAFETY: every association reads from a BIO of this kind, whose data is the address of its own value.
    unsafe BIO_get_data(SSL_get_rbio(ssl))?.assumingMemoryBound(to: DatagramBIO.self)
  }

  mutating func write(_ bytes: UnsafePointer<CChar>, _ count: Int) {
    // SAFETY: OpenSSL passes `count` bytes; each copy is made after checking for room.
    if let target = unsafe target {
      guard count <= targetCapacity - targetCount else { return }
      unsafe UnsafeMutableRawPointer(target + targetCount).copyMemory(from: bytes, byteCount: count)
      targetCount += count
      return
    }
    // An alert (RFC 5246 Section 6.2.1: 21) is never part of a flight.
    let isAlert = unsafe count > 0 && bytes[0] == 21
    if isRetransmitting && !wantsRetransmission || keepsBack, !isAlert { return }
    writes &+= 1
    if queueStart == queueEnd {
      queueStart = 0
      queueEnd = 0
    }
    // OpenSSL retransmits a flight record by record; one datagram costs less than three.
    // conformance: 6347-4.1.1-d
    let isAppended = queueEnd > 0 && queueEnd - lastStart - 2 + count <= maxDatagram
    let start = isAppended ? queueEnd : queueEnd + 2
    guard let memory = unsafe queue.baseAddress, unsafe count <= queue.count - start,
      count <= Int(UInt16.max)
    else { return }
    if !isAppended { lastStart = queueEnd }
    unsafe (memory + start).copyMemory(from: bytes, byteCount: count)
    queueEnd = start + count
    let length = queueEnd - lastStart - 2
    unsafe queue[lastStart] = UInt8(truncatingIfNeeded: length >> 8)
    unsafe queue[lastStart + 1] = UInt8(truncatingIfNeeded: length)
  }

  /// Passes on the datagram; bytes beyond `capacity` are lost.
  mutating func read(_ room: UnsafeMutablePointer<CChar>, _ capacity: Int) -> Int {
    isRetransmitting = false
    guard let source = unsafe input else { return 0 }
    let target = unsafe UnsafeMutableRawPointer(room).assumingMemoryBound(to: UInt8.self)
    let count = unsafe copyRecords(of: source, min(inputCount, capacity), to: target)
    unsafe input = nil
    inputCount = 0
    return count
  }

  /// Copies the records that OpenSSL can read without ending the handshake or the association;
  /// returns their total length.
  ///
  /// RFC 6347 Section 4.1.2.7: invalid records are to be discarded silently, and before there are
  /// keys anybody can send some. During the handshake records are renumbered: otherwise a forged
  /// one with a high number would make all later ones look too old. Handshake messages have a
  /// sequence number of their own, so none is confused.
  @inline(never)
  private mutating func copyRecords(
    of source: UnsafePointer<UInt8>,
    _ count: Int,
    to room: UnsafeMutablePointer<UInt8>
  ) -> Int {
    var (start, written) = (0, 0)
    while start + 13 <= count {
      // SAFETY: every index is below `count`, and no more is written than was read.
      let record = unsafe source + start
      let length = unsafe Int(record[11]) << 8 | Int(record[12])
      let end = start + 13 + length
      if end > count { break }
      start = end
      // conformance: 6347-4.1.2-c
      guard unsafe isExpected(record, length) else { continue }
      let copy = unsafe room + written
      unsafe UnsafeMutableRawPointer(copy).copyMemory(from: record, byteCount: 13 + length)
      if unsafe expected != 0 && record[4] == 0 {
        for index in 0..<4 {
          unsafe copy[7 + index] = UInt8(
            truncatingIfNeeded: clearSequence >> UInt32(24 - 8 * index)
          )
        }
        unsafe copy[5] = 0
        unsafe copy[6] = 0
        clearSequence &+= 1
      }
      written += 13 + length
    }
    return written
  }

  /// Whether the peer can have sent this record.
  private mutating func isExpected(_ record: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    // SAFETY: the record has 13 bytes and `length` more.
    if unsafe record[3] | record[4] != 0, length < shortestProtected { return false }
    if expected == 0 { return true }
    // conformance: 6347-4.2.1-c
    guard unsafe record[1] == 0xFE, unsafe record[2] == 0xFD || record[2] == 0xFF,
      unsafe record[3] == 0
    else { return false }
    if unsafe record[4] == 1 {
      earlyRecords += 1
      // conformance: 6347-4.2.4-b
      return earlyRecords <= 16
    }
    guard unsafe record[4] == 0 else { return false }
    switch unsafe record[0] {
    case 20: return unsafe length == 1 && record[13] == 1
    // A client has already removed its alerts.
    case 21: return length == 2
    // conformance: 6347-4.2.2-a
    case 22:
      guard unsafe holdsMessages(record + 13, length) else { return false }
      // HelloVerifyRequest: the header of 12 bytes, then version and cookie.
      if unsafe record[13] == 3 { unsafe note(cookie: record + 25, length - 12) }
      return true
    default: return false
    }
  }

  private mutating func note(cookie bytes: UnsafePointer<UInt8>, _ count: Int) {
    var hash: UInt32 = 1
    // SAFETY: the caller has checked the length.
    for index in 0..<count { unsafe hash = hash &* 31 &+ UInt32(bytes[index]) }
    if cookie != 0, cookie != hash { hasTwoCookies = true }
    cookie = hash
  }

  /// Whether the bytes are whole fragments of expected message types (RFC 6347 Section 4.2.2).
  private func holdsMessages(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    func number(_ index: Int) -> Int {
      // SAFETY: the index lies within the 12 bytes of a header.
      unsafe Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
    }
    var start = 0
    while start + 12 <= count {
      let type = unsafe bytes[start]
      let (total, offset, length) = (number(start + 1), number(start + 6), number(start + 9))
      guard type < 32, expected >> UInt32(type) & 1 == 1, total <= 16_384, offset + length <= total
      else { return false }
      start += 12 + length
    }
    return start == count && count > 0
  }

  /// Writes the identity with a terminating zero byte, and the key, whose length it returns;
  /// returns 0 if they do not fit, which ends the handshake.
  func givePreSharedKey(
    _ name: UnsafeMutablePointer<CChar>?,
    _ maxName: Int,
    _ secret: UnsafeMutablePointer<UInt8>?,
    _ maxSecret: Int
  ) -> UInt32 {
    guard let name = unsafe name, let secret = unsafe secret, identity.count < maxName,
      key.count <= maxSecret
    else { return 0 }
    // SAFETY: the lengths were compared with the room.
    for index in 0..<identity.count {
      unsafe name[index] = CChar(bitPattern: identity.bytes[index])
    }
    unsafe name[identity.count] = 0
    for index in 0..<key.count { unsafe secret[index] = key.bytes[index] }
    return UInt32(key.count)
  }

  /// The length of the queue's first datagram in bytes; 0 if the queue is empty.
  var nextCount: Int {
    guard queueStart < queueEnd else { return 0 }
    return unsafe Int(queue[queueStart]) << 8 | Int(queue[queueStart + 1])
  }

  /// Moves the queue's first datagram to `output`, or changes nothing.
  mutating func removeFirst(into output: inout ByteWriter) throws(CapacityError) {
    let count = nextCount
    // SAFETY: the queue holds `count` bytes after their length.
    let bytes = unsafe UnsafeRawBufferPointer(queue)[(queueStart + 2)..<(queueStart + 2 + count)]
    let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
    try output.append(span)
    queueStart += count + 2
  }
}

/// The BIO's methods, created once for all associations.
@safe
struct DatagramMethod: @unchecked Sendable {
  static let shared = DatagramMethod()

  let method: OpaquePointer?

  private init() {
    // Nobody looks for a BIO by its type, so it needs no number of its own.
    let method = unsafe BIO_meth_new(BIO_TYPE_SOURCE_SINK, cString("datagrams"))
    // SAFETY: each callback gets a BIO whose data is its DatagramBIO, and memory that OpenSSL owns.
    unsafe BIO_meth_set_write(method) { bio, bytes, count in
      guard let bytes = unsafe bytes, count >= 0, let data = unsafe BIO_get_data(bio) else {
        return -1
      }
      unsafe data.assumingMemoryBound(to: DatagramBIO.self).pointee.write(bytes, Int(count))
      return count
    }
    unsafe BIO_meth_set_read(method) { bio, room, count in
      guard let room = unsafe room, count >= 0, let data = unsafe BIO_get_data(bio) else {
        return -1
      }
      let taken = unsafe data.assumingMemoryBound(to: DatagramBIO.self).pointee.read(
        room,
        Int(count)
      )
      // That it may be tried again is looked at after a failure only, so the flag stays set.
      unsafe nbiot_set_retry_read(bio)
      return taken > 0 ? Int32(taken) : -1
    }
    unsafe BIO_meth_set_ctrl(method) { bio, command, _, argument in
      guard let data = unsafe BIO_get_data(bio) else { return 0 }
      switch command {
      case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
        // OpenSSL stops its timer when the peer's flight is complete. Its next record is new, even
        // if the timer expired between two records of one datagram.
        let io = unsafe data.assumingMemoryBound(to: DatagramBIO.self)
        if unsafe nbiot_is_no_time(argument) != 0 {
          unsafe io.pointee.isRetransmitting = false
        } else if let ssl = unsafe io.pointee.ssl {
          unsafe io.pointee.heldTimer = nbiot_hold_timer(ssl, argument) == 1 ? argument : nil
        }
        return 1
      case BIO_CTRL_FLUSH: return 1
      case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
        return unsafe data.assumingMemoryBound(to: DatagramBIO.self).pointee.overhead
      default: return 0
      }
    }
    // Without a function that creates one, OpenSSL takes each BIO for complete.
    unsafe self.method = method
  }
}
