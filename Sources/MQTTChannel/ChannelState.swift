// SPDX-License-Identifier: Apache-2.0
internal import CPaho
internal import ConstrainedCore
internal import MQTTLayer

#if LEDGER
internal import StreamTraffic
#endif

/// What a channel's owner, its worker and the library's threads share, behind one lock that is never held while the
/// library is called.
///
/// It lies at one address from `make` to `end`. The worker is the last to use it: `MQTTAsync_destroy` has returned
/// then, which waits for callbacks under way, so that none comes later.
@safe
struct ChannelState: ~Copyable {
  var mutex = unsafe pthread_mutex_t()
  /// Told when there is something for the worker to do.
  var work = pthread_cond_t()
  /// Told when the owner has taken a record.
  var room = pthread_cond_t()

  /// Readable while the owner has something to take.
  let descriptor: Int32
  /// A file without a name with the authorities; -1 without TLS.
  let authorities: Int32
  /// Its address may change behind the lock, for the next connection.
  var settings: ChannelSettings

  /// What is told to the owner.
  var incoming: RecordQueue
  /// Whether the descriptor is readable.
  var isSignalled = false
  /// What the owner asks for.
  var commands: RecordQueue
  /// The command that the worker is at.
  let scratch: UnsafeMutableRawPointer
  /// The record that the owner has polled last.
  let current: UnsafeMutableRawPointer

  /// Which connection the owner wants; what belongs to an older one is dropped.
  var generation: UInt32 = 0
  /// Which connection the handle is for.
  var handleGeneration: UInt32 = 0
  var handle: MQTTAsync?
  var phase = ChannelPhase.none
  /// The CONNECT that lies in `scratch` until there is a connection.
  var connecting = RecordHead(.connect, generation: 0)
  /// Which of the server's addresses is the next one.
  var turn = nbiot_paho_turn()
  /// How many of them were tried for it.
  var tries: UInt32 = 0
  /// Whether the next one is to be.
  var isRetrying = false
  var isWorkerRunning = false
  /// The owner is gone.
  var isClosed = false
  /// The library's receiving thread, which tells what the network does.
  var receiver: pthread_t?
  /// Since the owner was waited for in vain it has taken nothing.
  var isOwnerStalled = false
  /// How many messages or acknowledgements were dropped for each reason since the owner last heard of it.
  var untoldDrops = InlineArray<6, UInt32>(repeating: 0)
  /// Whether a record that tells of them waits to be polled.
  var hasDropRecord = false
  /// Whether one was made in this second: the next one is made when it is over.
  var isDropRecent = false
  /// The packet id of the last PUBACK, until the operation has ended that it acknowledges; -1 for none.
  var acknowledged: Int32 = -1
  /// Whether there was one a second ago already: the operation ends right after the library has told of the PUBACK.
  var isUnsolicited = false
  /// What the library said of TLS errors of this connection.
  var hasHandshakeError = false

  #if LEDGER
  /// What counts its bytes.
  var traffic: StreamTraffic?
  /// The size of the CONNECT that goes out next; behind the lock of all states with a socket, as those below.
  var connectSize = 0
  /// The library's socket and the channel's own descriptor of it, and the next state that has one; -1 and `nil` for none.
  var socket: Int32 = -1
  var copy: Int32 = -1
  var next: StatePointer?
  #endif

  /// Places for `operationCount` of them.
  let operations: UnsafeMutablePointer<ChannelOperation>
  var counters = ChannelCounters()

  init(
    _ settings: consuming ChannelSettings,
    descriptor: Int32,
    authorities: Int32,
    incoming: consuming RecordQueue,
    commands: consuming RecordQueue,
    scratch: UnsafeMutableRawPointer,
    current: UnsafeMutableRawPointer,
    operations: UnsafeMutablePointer<ChannelOperation>
  ) {
    self.settings = settings
    self.descriptor = descriptor
    self.authorities = authorities
    self.incoming = incoming
    self.commands = commands
    unsafe self.scratch = scratch
    unsafe self.current = current
    unsafe self.operations = operations
  }

  deinit {
    close(descriptor)
    if authorities >= 0 { close(authorities) }
    unsafe free(scratch)
    unsafe free(current)
    unsafe free(operations)
  }
}

/// Where the connection stands, for the worker.
enum ChannelPhase {
  /// There is no handle, or one that is to be destroyed.
  case none
  /// The library is at it.
  case connecting
  /// It stands.
  case connected
  /// DISCONNECT is on its way.
  case disconnecting
  /// It has ended, and the owner knows.
  case ended
}

/// An operation that the library will call back about.
@safe
struct ChannelOperation {
  /// Whose it is; `nil` where the place is free.
  var state: UnsafeMutablePointer<ChannelState>?
  var number: UInt32 = 0
  var kind = RecordKind.publish
  #if LEDGER
  /// Whether it is a publication that a PUBACK answers.
  var isAnswered = false
  #endif
  #if !SMALL || GATEWAY
  /// How many filters a subscription has.
  var filterCount = 1
  #endif
}

typealias StatePointer = UnsafeMutablePointer<ChannelState>

extension UnsafeMutablePointer where Pointee == ChannelState {
  func lock() { unsafe pthread_mutex_lock(&pointee.mutex) }

  func unlock() { unsafe pthread_mutex_unlock(&pointee.mutex) }

  /// Tells the owner something; the lock is held.
  ///
  /// There is always room: messages leave a reserve, and the operations under way are counted.
  func tell(_ kind: RecordKind, detail: UInt8 = 0, number: UInt32 = 0) {
    let head = unsafe RecordHead(
      kind,
      detail: detail,
      number: number,
      generation: pointee.handleGeneration
    )
    let empty = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    _ = unsafe tell(head, empty, empty, reserve: 0)
  }

  /// Tells the owner something with bytes; `false` while there is no room.
  ///
  /// The lock is held.
  func tell(
    _ head: RecordHead,
    _ topic: UnsafeRawBufferPointer,
    _ payload: UnsafeRawBufferPointer,
    reserve: Int
  ) -> Bool {
    guard unsafe head.generation == pointee.generation else { return true }
    guard unsafe pointee.incoming.append(head, topic, payload, reserve: reserve) else {
      return false
    }
    if unsafe !pointee.isSignalled {
      unsafe pointee.isSignalled = true
      var one: UInt64 = 1
      _ = unsafe write(pointee.descriptor, &one, 8)
    }
    return true
  }

  /// Counts a message or an acknowledgement that was dropped, and tells the owner, once a second; the lock is held.
  func drop(_ reason: MQTTDrop) {
    unsafe pointee.counters.dropped += 1
    unsafe pointee.untoldDrops[Int(reason.rawValue)] &+= 1
    if unsafe !pointee.isDropRecent { unsafe tellDrops() }
  }

  /// Counts the last PUBACK as dropped where it has ended no operation; the lock is held.
  @inline(never)
  func dropAcknowledgement() {
    if unsafe pointee.acknowledged >= 0 { unsafe drop(.acknowledgement) }
    unsafe pointee.acknowledged = -1
    unsafe pointee.isUnsolicited = false
  }

  /// Tells of the drops of a second that is over, and of a PUBACK that has ended nothing in it; the lock is held.
  func settleDrops() {
    unsafe pointee.isDropRecent = false
    if unsafe pointee.isUnsolicited { unsafe dropAcknowledgement() }
    unsafe pointee.isUnsolicited = pointee.acknowledged >= 0
    unsafe tellDrops()
  }

  /// Tells the owner that there are drops of which it has not heard; the lock is held.
  @inline(never)
  func tellDrops() {
    var untold: UInt32 = 0
    for reason in 1...5 { unsafe untold |= pointee.untoldDrops[reason] }
    guard unsafe untold != 0 && !pointee.hasDropRecord,
      unsafe pointee.handleGeneration == pointee.generation
    else { return }
    unsafe pointee.hasDropRecord = true
    unsafe pointee.isDropRecent = true
    unsafe tell(.dropped)
  }

  /// Completes the record that tells of drops: one reason, and how many; none is left where that is 0.
  ///
  /// The lock is held.
  func takeDrops(_ head: inout RecordHead) {
    unsafe pointee.hasDropRecord = false
    var reason = 1
    while unsafe reason < 5 && pointee.untoldDrops[reason] == 0 { reason += 1 }
    head.detail = UInt8(truncatingIfNeeded: reason)
    head.number = unsafe pointee.untoldDrops[reason]
    // Those for another reason are told of in the next second.
    unsafe pointee.untoldDrops[reason] = 0
  }

  /// Has the server's next address tried from now on; whether there is one that was not, for this CONNECT.
  ///
  /// The lock is held.
  func turnOver() -> Bool {
    unsafe pointee.turn.turn &+= 1
    return unsafe pointee.tries < pointee.turn.count
  }

  /// Wakes the worker; the lock is held.
  func wakeWorker() { unsafe pthread_cond_signal(&pointee.work) }
}

/// How many operations can be under way at once.
let operationCount = 64

/// What a channel keeps free for records without bytes: each operation and drop, and what ends a connection.
let reservedBytes = 96 * RecordQueue.size(0, 0)
