// SPDX-License-Identifier: Apache-2.0
#if LEDGER
internal import CPaho
internal import MQTTLayer
internal import StreamTraffic
internal import TrafficLedger

// What counts a channel's bytes: the kernel, of the socket that the library connects for it, and of the packets in them
// those that the channel asks for and is told of. The library tells of its sockets by their numbers.

/// The states that have a socket; the lock is held for moments, and by the library's threads with its own lock held.
nonisolated(unsafe) private var followed: StatePointer?
nonisolated(unsafe) private var followedLock = unsafe pthread_mutex_t()

extension UnsafeMutablePointer where Pointee == ChannelState {
  /// Has the next socket of the library be this channel's; channels take turns.
  func expectSocket() {
    unsafe nbiot_paho_expect(
      { context, descriptor in
        // SAFETY: the worker whose state it is waits, and takes the expectation back before it goes on.
        guard let state = unsafe context?.assumingMemoryBound(to: ChannelState.self) else { return }
        unsafe state.follow(descriptor)
      },
      self
    )
  }

  /// Waits until the library has connected a socket, or has failed to.
  ///
  /// It looks the server's name up meanwhile with its one lock held, so that nobody waits here for longer than there.
  func awaitSocket(_ isConnecting: Bool) {
    unsafe lock()
    var patience = isConnecting ? 3_000 : 0
    while unsafe patience > 0 && pointee.phase == .connecting && !pointee.isClosed,
      nbiot_paho_is_expecting() != 0
    {
      _ = unsafe nbiot_paho_wait(&pointee.work, &pointee.mutex, 10)
      patience -= 1
    }
    unsafe unlock()
    nbiot_paho_expect(nil, nil)
  }

  private func follow(_ descriptor: Int32) {
    guard let copy = unsafe pointee.traffic?.follow(descriptor), copy >= 0 else { return }
    unsafe pthread_mutex_lock(&followedLock)
    unsafe pointee.socket = descriptor
    unsafe pointee.copy = copy
    unsafe pointee.next = followed
    unsafe followed = self
    unsafe pthread_mutex_unlock(&followedLock)
  }

  /// Lets go of connections that have ended meanwhile.
  func settleSockets() { _ = unsafe pointee.traffic?.isEmpty }

  /// Waits for a second, or for work, where a connection of this channel is still ending; whether one is.
  ///
  /// The lock is held.
  func waitForEnd(_ tick: inout timespec) -> Bool {
    guard let traffic = unsafe pointee.traffic, !traffic.isEmpty else { return false }
    _ = unsafe nbiot_paho_tick(&pointee.work, &pointee.mutex, &tick)
    return true
  }

  /// Waits for a second at most until the last connection has ended, for its last segments.
  func endSockets() {
    guard let traffic = unsafe pointee.traffic else { return }
    var patience = 50
    while patience > 0, !traffic.isEmpty {
      _ = poll(nil, 0, 20)
      patience -= 1
    }
    traffic.cut()
  }

  /// Looks at the socket when the library has just closed it, or is about to.
  func glanceAtSocket() {
    unsafe pthread_mutex_lock(&followedLock)
    let copy = unsafe pointee.copy
    if copy >= 0 { unsafe pointee.traffic?.glance(copy) }
    unsafe pthread_mutex_unlock(&followedLock)
  }

  /// Lets go of the socket, once the library has closed it.
  func forgetSocket() {
    unsafe pthread_mutex_lock(&followedLock)
    let copy = unsafe pointee.copy
    if unsafe followed == self {
      unsafe followed = pointee.next
    } else if copy >= 0 {
      var before = unsafe followed
      while let one = unsafe before, unsafe one.pointee.next != self {
        unsafe before = one.pointee.next
      }
      unsafe before?.pointee.next = unsafe pointee.next
    }
    unsafe pointee.next = nil
    unsafe pointee.copy = -1
    unsafe pointee.socket = -1
    unsafe pthread_mutex_unlock(&followedLock)
    if copy >= 0 { unsafe pointee.traffic?.leave(copy) }
  }

  /// Calls `body` for each state with a socket, or for the one whose library's socket has that number.
  private static func each(
    over socket: Int32? = nil,
    _ body: (StreamTraffic, StatePointer) -> Void
  ) {
    unsafe pthread_mutex_lock(&followedLock)
    var next = unsafe followed
    while let state = unsafe next {
      if let traffic = unsafe state.pointee.traffic,
        unsafe socket == nil || socket == state.pointee.socket
      {
        unsafe body(traffic, state)
      }
      unsafe next = state.pointee.next
    }
    unsafe pthread_mutex_unlock(&followedLock)
  }

  /// A socket may have been connected.
  static func watchSockets() {
    unsafe each { traffic, state in unsafe traffic.watch(state.pointee.copy) }
  }

  /// The part of a handshake that TLS or WebSocket has is over, on one of the connections.
  ///
  /// The CONNECT of that connection is told next, before its mark could be another one's.
  static func markSockets() {
    unsafe each { traffic, state in
      unsafe traffic.watch(state.pointee.copy)
      unsafe traffic.mark(state.pointee.copy)
    }
  }

  /// A CONNECT has gone out.
  static func countConnect(over socket: Int32) {
    unsafe each(over: socket) { traffic, state in
      unsafe traffic.watch(state.pointee.copy)
      unsafe traffic.keepMark(state.pointee.copy)
      unsafe traffic.count(.authentication, .up, bytes: state.pointee.connectSize)
    }
  }

  /// Notes the size of the CONNECT that goes out next.
  func expectConnect(_ size: Int) {
    unsafe pthread_mutex_lock(&followedLock)
    unsafe pointee.connectSize = size
    unsafe pthread_mutex_unlock(&followedLock)
  }

  /// A CONNACK has come; where the connection could not be followed, nobody has counted the CONNECT either.
  func countConnack() {
    guard let traffic = unsafe pointee.traffic else { return }
    traffic.count(.authentication, .down, bytes: PacketSize.short)
    unsafe pthread_mutex_lock(&followedLock)
    let (copy, size) = unsafe (pointee.copy, pointee.connectSize)
    unsafe pthread_mutex_unlock(&followedLock)
    guard copy < 0 else { return }
    traffic.miss()
    traffic.count(.authentication, .up, bytes: size)
  }

  /// A DISCONNECT has gone out.
  static func countDisconnect(over socket: Int32) {
    unsafe each(over: socket) { traffic, _ in
      traffic.count(.authentication, .up, bytes: PacketSize.disconnect)
    }
  }

  fileprivate static func countPing(over socket: Int32, _ direction: TrafficLedger.Direction) {
    unsafe each(over: socket) { traffic, _ in
      traffic.count(.keepAlive, direction, bytes: PacketSize.ping)
    }
  }

  /// Counts what the library has taken to send, from the record in `scratch`.
  func countOperation(_ head: RecordHead) {
    let (topic, payload) = (Int(head.topicCount), Int(head.payloadCount))
    switch head.kind {
    case .publish:
      let quality = MQTTQuality(rawValue: head.detail) ?? .atMostOnce
      let size = PacketSize.publish(topic: topic, payload: payload, quality)
      unsafe pointee.traffic?.count(.report, .up, bytes: size)
    case .subscribe:
      // Of each further filter two bytes of length and one of quality, and its zero byte is not sent.
      var others = 0
      for index in 0..<payload
      where unsafe (pointee.scratch + topic + 1 + index).load(as: UInt8.self) == 0 { others += 1 }
      let size = PacketSize.subscribe(topic + payload + 2 * others)
      unsafe pointee.traffic?.count(.acknowledgement, .up, bytes: size)
    case .unsubscribe:
      unsafe pointee.traffic?.count(.acknowledgement, .up, bytes: PacketSize.unsubscribe(topic))
    default: return
    }
  }

  /// Counts what ends an operation, if that is an answer; the lock is held.
  func countAnswer(_ operation: UnsafeMutablePointer<ChannelOperation>, isDone: Bool, detail: Int32)
  {
    guard isDone || detail == 0x80, let traffic = unsafe pointee.traffic else { return }
    switch unsafe operation.pointee.kind {
    case .publish:
      if unsafe operation.pointee.isAnswered {
        traffic.count(.answer, .down, bytes: PacketSize.short)
      }
    case .subscribe:
      #if !SMALL || GATEWAY
      let filters = unsafe operation.pointee.filterCount
      #else
      let filters = 1
      #endif
      traffic.count(.acknowledgement, .down, bytes: PacketSize.suback(filters))
    default: traffic.count(.acknowledgement, .down, bytes: PacketSize.short)
    }
  }

  /// Counts a message of the platform, and the PUBACK that the library sends for it.
  func countMessage(_ topic: Int, _ payload: Int, _ quality: Int32) {
    guard let traffic = unsafe pointee.traffic else { return }
    let isAcknowledged = quality == 1
    let size = PacketSize.publish(
      topic: topic,
      payload: payload,
      isAcknowledged ? .atLeastOnce : .atMostOnce
    )
    traffic.count(.acknowledgement, .down, bytes: size)
    if isAcknowledged { traffic.count(.acknowledgement, .up, bytes: PacketSize.short) }
  }
}

/// Counts what a line of the library's trace tells that nothing else does.
func countLine(_ text: UnsafePointer<CChar>) {
  switch unsafe nbiot_paho_counted_line(text) {
  case nbiot_counted_shaken: unsafe StatePointer.markSockets()
  case nbiot_counted_ping: unsafe StatePointer.countPing(over: nbiot_paho_socket(text), .up)
  case nbiot_counted_pong: unsafe StatePointer.countPing(over: nbiot_paho_socket(text), .down)
  default: return
  }
}
#endif
