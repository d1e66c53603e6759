// SPDX-License-Identifier: Apache-2.0
internal import CPaho
internal import ConstrainedCore
internal import MQTTLayer

// What the library calls, on its own threads and with its one lock held, and on the worker's where an operation fails
// at once. Each takes the channel's lock, copies what it was told, and returns; none calls the library but to free.

func connected(
  _ context: UnsafeMutableRawPointer?,
  _ data: UnsafeMutablePointer<MQTTAsync_successData>?
) {
  guard let state = unsafe state(context) else { return }
  unsafe state.lock()
  if unsafe state.pointee.phase == .connecting {
    unsafe state.pointee.phase = .connected
    unsafe state.pointee.receiver = pthread_self()
    unsafe state.pointee.acknowledged = -1
    #if LEDGER
    unsafe state.countConnack()
    #endif
    unsafe state.wipeScratch()
    let hasSession = unsafe data?.pointee.alt.connect.sessionPresent ?? 0
    unsafe state.tell(.connected, detail: hasSession != 0 ? 1 : 0)
    unsafe state.wakeWorker()
  }
  unsafe state.unlock()
}

func connectFailed(
  _ context: UnsafeMutableRawPointer?,
  _ data: UnsafeMutablePointer<MQTTAsync_failureData>?
) {
  guard let state = unsafe state(context) else { return }
  var code = unsafe data?.pointee.code ?? 0
  let problem = unsafe certificateProblem
  unsafe certificateProblem = 0
  let wasMalformed = takeMalformed()
  let isTimeout = unsafe has(data?.pointee.message, "timeout")
  unsafe state.lock()
  if unsafe state.pointee.phase == .connecting {
    unsafe state.pointee.phase = .ended
    var reason = FailureCode.unreachable
    if code > 0 {
      reason = .refused
      #if LEDGER
      unsafe state.countConnack()
      #endif
    } else if wasMalformed {
      reason = .malformed
    } else if isTimeout {
      reason = .timedOut
    } else if unsafe !state.pointee.settings.transport.isSecure {
      reason = .unreachable
    } else if problem != 0 {
      reason = .certificate
      code = problem
    } else if unsafe isTooOld {
      reason = .oldVersion
    } else if unsafe state.pointee.hasHandshakeError {
      reason = .handshake
    }
    // The next try is at another address; where nothing came about at all it is made at once.
    let isAnother = unsafe reason != .refused && state.turnOver()
    unsafe state.pointee.isRetrying = isAnother && reason == .unreachable
    if unsafe !state.pointee.isRetrying {
      unsafe state.tell(.failed, detail: reason.rawValue, number: UInt32(bitPattern: code))
    }
    unsafe state.wakeWorker()
  }
  unsafe state.unlock()
}

func connectionLost(_ context: UnsafeMutableRawPointer?, _ cause: UnsafeMutablePointer<CChar>?) {
  guard let state = unsafe state(context) else { return }
  #if LEDGER
  unsafe state.glanceAtSocket()
  #endif
  let wasMalformed = takeMalformed()
  unsafe state.lock()
  if unsafe state.pointee.phase == .connected {
    unsafe state.pointee.phase = .ended
    // The thread that receives finds the end of the stream or an error, and then sends DISCONNECT, which only the
    // former lets through; the other thread ends a connection when nothing is answered or a write fails.
    let receiver = unsafe state.pointee.receiver
    let isReceiver = receiver.map { pthread_equal($0, pthread_self()) != 0 } ?? false
    let isOrderly = unsafe isReceiver && hasToldGoodbye
    let loss: MQTTLoss = !isOrderly ? .broken : wasMalformed ? .malformed : .closed
    unsafe hasToldGoodbye = false
    unsafe isSilent = false
    unsafe state.tell(.lost, detail: loss.rawValue)
    unsafe state.wakeWorker()
  }
  unsafe state.unlock()
}

func disconnected(
  _ context: UnsafeMutableRawPointer?,
  _ data: UnsafeMutablePointer<MQTTAsync_successData>?
) {
  unsafe endDisconnecting(context)
}

func disconnectFailed(
  _ context: UnsafeMutableRawPointer?,
  _ data: UnsafeMutablePointer<MQTTAsync_failureData>?
) {
  unsafe endDisconnecting(context)
}

private func endDisconnecting(_ context: UnsafeMutableRawPointer?) {
  guard let state = unsafe state(context) else { return }
  #if LEDGER
  unsafe state.glanceAtSocket()
  #endif
  // The DISCONNECT before was asked for, and says nothing of the server.
  _ = takeMalformed()
  unsafe state.lock()
  if unsafe state.pointee.phase == .disconnecting {
    unsafe state.pointee.phase = .ended
    unsafe state.wakeWorker()
  }
  unsafe state.unlock()
}

func operationSucceeded(
  _ context: UnsafeMutableRawPointer?,
  _ data: UnsafeMutablePointer<MQTTAsync_successData>?
) {
  unsafe endOperation(context, data, isDone: true, detail: 0x80)
}

/// Told of each PUBACK, right before the operation that it ends, if there is one.
func acknowledged(_ context: UnsafeMutableRawPointer?, _ packetID: MQTTAsync_token) {
  guard let state = unsafe state(context) else { return }
  unsafe state.lock()
  unsafe state.dropAcknowledgement()
  unsafe state.pointee.acknowledged = packetID
  unsafe state.unlock()
}

#if !SMALL || GATEWAY
/// The quality that was granted to all filters of a subscription; 0x80 where one was refused.
private func worstQuality(
  _ operation: UnsafeMutablePointer<ChannelOperation>,
  _ data: UnsafeMutablePointer<MQTTAsync_successData>
) -> Int32 {
  let count = unsafe operation.pointee.filterCount
  guard count > 1 else { return unsafe data.pointee.alt.qos }
  // A server may send fewer codes than there were filters. With one code the library has it in place of the list; the
  // low half of a list's address is none, because its heap gives out places 8 bytes behind a multiple of 16.
  let single = unsafe data.pointee.alt.qos
  guard single < 0 || single > 0xFF, let list = unsafe data.pointee.alt.qosList else { return 0x80 }
  var worst: Int32 = 0
  for index in 0..<count {
    // SAFETY: a list of several codes is followed by at most 12 bytes of its own block, then by the mark of the
    // library's heap, 0x88888888 twice, where this ends.
    let code = unsafe list[index]
    guard code >= 0, code < 0x80 else { return 0x80 }
    worst = max(worst, code)
  }
  return worst
}
#endif

func operationFailed(
  _ context: UnsafeMutableRawPointer?,
  _ data: UnsafeMutablePointer<MQTTAsync_failureData>?
) {
  // A SUBACK that refuses has that code; the end of the connection gives up what is under way with another one.
  let isRefused = unsafe data?.pointee.code == 0x80
  unsafe endOperation(context, nil, isDone: false, detail: isRefused ? 0x80 : 0)
}

@inline(never)
private func endOperation(
  _ context: UnsafeMutableRawPointer?,
  _ data: UnsafeMutablePointer<MQTTAsync_successData>?,
  isDone: Bool,
  detail: Int32
) {
  // SAFETY: the context is a place in a channel's state, which outlives the library's client.
  guard let operation = unsafe context?.assumingMemoryBound(to: ChannelOperation.self),
    let state = unsafe operation.pointee.state
  else { return }
  unsafe state.lock()
  if unsafe operation.pointee.state != nil {
    var detail = detail
    if let data = unsafe data {
      // The library looks the id of a PUBACK up among all operations: a subscription has no quality then, and counts as
      // refused. Nobody looks at that of another operation.
      if unsafe state.pointee.acknowledged == data.pointee.token {
        unsafe state.pointee.acknowledged = -1
      } else {
        #if !SMALL || GATEWAY
        detail = unsafe worstQuality(operation, data)
        #else
        detail = unsafe data.pointee.alt.qos
        #endif
      }
    }
    #if LEDGER
    unsafe state.countAnswer(operation, isDone: isDone, detail: detail)
    #endif
    unsafe state.endOperation(
      operation - state.pointee.operations,
      isDone: isDone,
      detail: UInt8(truncatingIfNeeded: detail)
    )
  }
  unsafe state.unlock()
}

func messageArrived(
  _ context: UnsafeMutableRawPointer?,
  _ name: UnsafeMutablePointer<CChar>?,
  _ count: Int32,
  _ message: UnsafeMutablePointer<MQTTAsync_message>?
) -> Int32 {
  if let state = unsafe state(context), let name = unsafe name, let message = unsafe message {
    let length = unsafe count > 0 ? Int(count) : strlen(name)
    let topic = unsafe UnsafeRawBufferPointer(start: name, count: length)
    let payload = unsafe UnsafeRawBufferPointer(
      start: message.pointee.payload,
      count: Int(max(message.pointee.payloadlen, 0))
    )
    #if LEDGER
    unsafe state.countMessage(topic.count, payload.count, message.pointee.qos)
    #endif
    unsafe state.take(
      topic,
      payload,
      quality: message.pointee.qos,
      isRepeated: message.pointee.dup != 0
    )
  }
  var taken = unsafe message
  unsafe MQTTAsync_freeMessage(&taken)
  unsafe MQTTAsync_free(name)
  // It was taken or dropped: the library would otherwise tell it again with the next packet.
  return 1
}

extension UnsafeMutablePointer where Pointee == ChannelState {
  /// Tells the owner of a message, or drops it.
  fileprivate func take(
    _ topic: UnsafeRawBufferPointer,
    _ payload: UnsafeRawBufferPointer,
    quality: Int32,
    isRepeated: Bool
  ) {
    unsafe lock()
    defer { unsafe unlock() }
    guard unsafe pointee.phase == .connected else { return }
    guard quality == 0 || quality == 1 else { return unsafe drop(.quality) }
    guard unsafe topic.count + payload.count <= pointee.settings.messageLimit else {
      return unsafe drop(.tooLong)
    }
    guard unsafe isTopic(topic) else { return unsafe drop(.topic) }
    let head = unsafe RecordHead(
      .message,
      detail: UInt8(truncatingIfNeeded: quality) | (isRepeated ? 2 : 0),
      generation: pointee.handleGeneration
    )
    var patience = unsafe pointee.isOwnerStalled ? 0 : 10
    while unsafe !tell(head, topic, payload, reserve: reservedBytes) {
      guard patience > 0, unsafe !pointee.isClosed else {
        unsafe pointee.isOwnerStalled = true
        return unsafe drop(.noRoom)
      }
      patience -= 1
      _ = unsafe nbiot_paho_wait(&pointee.room, &pointee.mutex, 100)
    }
    unsafe pointee.counters.received += 1
  }
}

/// Whether a server may publish to a topic of that name (MQTT 3.1.1 Sections 1.5.3, 3.3.2.1 and 4.7).
private func isTopic(_ name: UnsafeRawBufferPointer) -> Bool {
  guard name.count > 0, name.count <= 512 else { return false }
  for index in 0..<name.count {
    switch unsafe name[index] {
    case UInt8(ascii: "+"), UInt8(ascii: "#"), 0..<0x20, 0x7F: return false
    default: continue
    }
  }
  // SAFETY: the span covers exactly the name and does not outlive it.
  return unsafe Span<UInt8>(_unsafeBytes: name).isUTF8
}

func tlsFailed(
  _ text: UnsafePointer<CChar>?,
  _ count: Int,
  _ context: UnsafeMutableRawPointer?
) -> Int32 {
  guard let state = unsafe state(context) else { return 1 }
  unsafe state.lock()
  unsafe state.pointee.hasHandshakeError = true
  unsafe state.unlock()
  return 1
}

/// Whether the server of the TLS handshake that the library is at speaks none of its versions.
///
/// The library tells its steps without saying for which client; the end of a handshake is told on the same thread
/// before it is at another one.
nonisolated(unsafe) private var isTooOld = false

/// Why the certificate of that handshake is refused, an `X509_V_ERR_…`; 0 while it is not.
nonisolated(unsafe) private var certificateProblem: Int32 = 0

/// The newest TLS connection of each thread, until its handshake starts: the library's own have theirs traced.
nonisolated(unsafe) private var madeConnection = pthread_key_t()

/// Has the library and OpenSSL tell what goes on.
func startTracing() {
  unsafe pthread_key_create(&madeConnection, nil)
  unsafe pthread_key_create(&malformed, nil)
  unsafe nbiot_paho_start(traced) { connection, _, _, _, _, _ in
    unsafe pthread_setspecific(madeConnection, connection)
  }
}

private func certificateJudged(_ isGood: Int32, _ chain: OpaquePointer?) -> Int32 {
  if isGood != 1 { unsafe certificateProblem = X509_STORE_CTX_get_error(chain) }
  return isGood
}

/// Whether the DISCONNECT that the library sends as it ends a connection went out; told on the same thread right before.
nonisolated(unsafe) private var hasToldGoodbye = false

/// Whether the library ends the connection for lack of an answer; told on the same thread before that.
nonisolated(unsafe) private var isSilent = false

/// Whether the library ends a connection because of what the server sent; set where it is so.
///
/// It is told on the same thread right before, while other threads end others.
nonisolated(unsafe) private var malformed = pthread_key_t()

/// Says whether it is so on this thread, and forgets it.
private func takeMalformed() -> Bool {
  let isSet = unsafe pthread_getspecific(malformed) != nil
  if isSet { unsafe pthread_setspecific(malformed, nil) }
  return isSet
}

private func setMalformed() {
  // SAFETY: any pointer but nil; nobody follows it.
  unsafe pthread_setspecific(malformed, &hasClosedTLS)
}

/// Whether the connection whose CONNECT goes out next on the same thread is a WebSocket; told right before.
nonisolated(unsafe) private var isUpgraded: Int32 = 0

/// Whether the server has said the end of TLS; told on the same thread before the connection ends.
nonisolated(unsafe) private var hasClosedTLS = false

func traced(_ level: MQTTASYNC_TRACE_LEVELS, _ text: UnsafeMutablePointer<CChar>?) {
  guard let text = unsafe text else { return }
  #if LEDGER
  unsafe countLine(text)
  #endif
  switch unsafe nbiot_paho_line(text) {
  case nbiot_line_disconnect:
    unsafe hasToldGoodbye = has(text, "(0)") && !isSilent
    // The server has not ended it, and has not been silent: the library does not understand it.
    if unsafe hasToldGoodbye && !hasClosedTLS && nbiot_paho_is_ended(text) == 0 {
      setMalformed()
    }
    unsafe hasClosedTLS = false
    #if LEDGER
    if unsafe has(text, "(0)") {
      unsafe StatePointer.countDisconnect(over: nbiot_paho_socket(text))
    }
    #endif
  case nbiot_line_connect:
    unsafe nbiot_paho_prepare(text, isUpgraded)
    #if LEDGER
    unsafe StatePointer.countConnect(over: nbiot_paho_socket(text))
    #endif
    unsafe isUpgraded = 0
    unsafe hasClosedTLS = false
    _ = takeMalformed()
  case nbiot_line_upgraded:
    unsafe isUpgraded = 1
    #if LEDGER
    unsafe StatePointer.markSockets()
    #endif
  case nbiot_line_malformed: setMalformed()
  case nbiot_line_tls_closed: unsafe hasClosedTLS = true
  case nbiot_line_silent: unsafe isSilent = true
  case nbiot_line_handshake:
    unsafe isTooOld = false
    unsafe certificateProblem = 0
    _ = takeMalformed()
    guard let connection = unsafe pthread_getspecific(madeConnection) else { return }
    unsafe pthread_setspecific(madeConnection, nil)
    #if LEDGER
    unsafe StatePointer.watchSockets()
    #endif
    unsafe nbiot_tls_start(connection, certificateJudged)
  case nbiot_line_old_version: unsafe isTooOld = true
  default: return
  }
}

private func state(_ context: UnsafeMutableRawPointer?) -> StatePointer? {
  // SAFETY: the library hands back what it was given: a channel's state, which outlives the library's client.
  unsafe context?.assumingMemoryBound(to: ChannelState.self)
}

/// Whether a C text contains a literal.
private func has(_ text: UnsafePointer<CChar>?, _ part: StaticString) -> Bool {
  guard let text = unsafe text else { return false }
  // SAFETY: both texts end with a zero byte.
  return unsafe part.utf8Start.withMemoryRebound(to: CChar.self, capacity: part.utf8CodeUnitCount) {
    unsafe strstr(text, $0) != nil
  }
}
