// SPDX-License-Identifier: Apache-2.0
internal import CPaho
internal import ConstrainedCore
internal import MQTTLayer

// The library's clients are made, connected and destroyed one at a time: it stops its threads with the last client,
// and would not start them for one that is made meanwhile.
nonisolated(unsafe) private var lifecycle = unsafe pthread_mutex_t()
nonisolated(unsafe) private var isStarted = false
/// What the library may hold for all channels with a client of it together; changed behind `lifecycle`.
nonisolated(unsafe) private var allowance = 0

extension UnsafeMutablePointer where Pointee == ChannelState {
  /// The state of a channel; `nil` without memory or descriptor.
  static func make(_ settings: ChannelSettings, authorities: Int32) -> Self? {
    let descriptor = nbiot_paho_eventfd()
    guard descriptor >= 0 else { return nil }
    guard let incoming = RecordQueue(capacity: settings.incomingBytes),
      let commands = RecordQueue(capacity: settings.outgoingBytes),
      let scratch = unsafe malloc(settings.outgoingBytes),
      let current = unsafe malloc(settings.messageLimit + RecordQueue.size(0, 0)),
      let places = unsafe malloc(operationCount * MemoryLayout<ChannelOperation>.stride),
      let memory = unsafe malloc(MemoryLayout<ChannelState>.size)
    else {
      // Out of some 130 KB: the process will not go on for long, and what was taken stays taken.
      close(descriptor)
      return nil
    }
    let operations = unsafe places.bindMemory(to: ChannelOperation.self, capacity: operationCount)
    unsafe operations.initialize(repeating: ChannelOperation(), count: operationCount)
    let state = unsafe memory.bindMemory(to: ChannelState.self, capacity: 1)
    unsafe state.initialize(
      to: ChannelState(
        settings,
        descriptor: descriptor,
        authorities: authorities,
        incoming: incoming,
        commands: commands,
        scratch: scratch,
        current: current,
        operations: operations
      )
    )
    unsafe pthread_mutex_init(&state.pointee.mutex, nil)
    unsafe nbiot_paho_condition(&state.pointee.work)
    unsafe nbiot_paho_condition(&state.pointee.room)
    return unsafe state
  }

  /// Gives the state up: the worker frees it where there is one.
  func end() {
    unsafe lock()
    unsafe pointee.isClosed = true
    unsafe pointee.generation &+= 1
    let isRunning = unsafe pointee.isWorkerRunning
    unsafe wakeWorker()
    unsafe pthread_cond_signal(&pointee.room)
    unsafe unlock()
    if !isRunning { unsafe release() }
  }

  private func release() {
    unsafe pthread_mutex_destroy(&pointee.mutex)
    unsafe pthread_cond_destroy(&pointee.work)
    unsafe pthread_cond_destroy(&pointee.room)
    unsafe pointee.commands.removeAll()
    // The CONNECT of a connection that did not come about.
    unsafe wipeScratch()
    unsafe deinitialize(count: 1)
    unsafe free(self)
  }

  /// Forgets what was asked for and told in an older connection; the lock is held.
  func forgetConnection() {
    unsafe pointee.generation &+= 1
    unsafe pointee.commands.removeAll()
    unsafe pointee.incoming.removeAll()
    unsafe pointee.hasDropRecord = false
    unsafe pointee.isOwnerStalled = false
  }

  /// Hands a CONNECT to the worker; the lock is held.
  ///
  /// The topic of the record is the client id, the payload user name
  /// and password, each with a zero byte at its end, and four bytes.
  func ask(connect request: borrowing @_addressable MQTTConnect) -> Bool {
    var payload = FixedBytes<400>()
    defer { payload.withStorage { wipe(&$0) } }
    do throws(CapacityError) {
      try payload.write { (writer: inout ByteWriter) throws(CapacityError) in
        try writer.append(UInt8(truncatingIfNeeded: request.keepAlive &>> 8))
        try writer.append(UInt8(truncatingIfNeeded: request.keepAlive))
        try writer.append(request.isClean ? 1 : 0)
        try writer.append(request.version.rawValue)
        try writer.append(request.userName.bytes)
        try writer.append(0)
        try writer.append(request.password.bytes)
        try writer.append(0)
      }
    } catch {
      return false
    }
    let head = unsafe RecordHead(.connect, generation: pointee.generation)
    // SAFETY: both pointers cover exactly their spans, and do not outlive the call.
    return unsafe request.clientID.bytes.withUnsafeBufferPointer { clientID in
      unsafe payload.bytes.withUnsafeBufferPointer { payload in
        unsafe pointee.commands.append(
          head,
          UnsafeRawBufferPointer(clientID),
          UnsafeRawBufferPointer(payload)
        )
      }
    }
  }

  /// Starts the worker, or wakes it; `false` without a thread.
  ///
  /// The lock is held.
  func startWorker() -> Bool {
    if unsafe pointee.isWorkerRunning {
      unsafe wakeWorker()
      return true
    }
    unsafe pointee.isWorkerRunning = true
    let run: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
      if let context = unsafe context {
        unsafe context.assumingMemoryBound(to: ChannelState.self).work()
      }
      return nil
    }
    guard unsafe nbiot_paho_thread(run, self) == 0 else {
      unsafe pointee.isWorkerRunning = false
      return false
    }
    return true
  }

  /// What the worker does as long as the channel lives.
  private func work() {
    nbiot_paho_enter()
    #if !SMALL || LEDGER
    nbiot_paho_enter_several()
    #endif
    var tick = timespec()
    unsafe lock()
    while unsafe !pointee.isClosed {
      if unsafe pointee.phase == .ended {
        unsafe destroyHandle()
        if unsafe pointee.isRetrying {
          unsafe runConnect(pointee.connecting)
        } else {
          unsafe wipeScratch()
        }
      } else if let head = unsafe pointee.commands.first, unsafe mayRun(head) {
        unsafe pointee.commands.removeFirst(into: pointee.scratch)
        unsafe run(head)
      } else if unsafe pointee.handle == nil {
        #if LEDGER
        if unsafe waitForEnd(&tick) { continue }
        #endif
        unsafe pthread_cond_wait(&pointee.work, &pointee.mutex)
      } else if unsafe nbiot_paho_tick(&pointee.work, &pointee.mutex, &tick) != 0 {
        #if LEDGER
        unsafe settleSockets()
        #endif
        unsafe settleDrops()
        unsafe watchMemory()
      }
    }
    unsafe destroyHandle()
    unsafe unlock()
    #if LEDGER
    unsafe endSockets()
    #endif
    unsafe release()
  }

  /// Cuts the connection where the library holds too much; the lock is held.
  ///
  /// The library makes room for what a packet's head announces, up to 256 MB, before it has come, and keeps each
  /// message of quality 2 until it is released. Its memory is counted for all connections together, so that the limit
  /// is as well.
  private func watchMemory() {
    guard unsafe pointee.phase == .connecting || pointee.phase == .connected else { return }
    // Not behind its lock, because whoever has that may wait for a callback that waits for ours.
    guard unsafe Int(nbiot_paho_memory()) > allowance else { return }
    unsafe pointee.counters.cuts += 1
    let isMade = unsafe pointee.phase == .connected
    unsafe pointee.phase = .ended
    if isMade {
      unsafe tell(.lost, detail: MQTTLoss.oversized.rawValue)
    } else {
      unsafe tell(.failed, detail: FailureCode.oversized.rawValue)
    }
  }

  /// Whether a command can be run now; the lock is held.
  private func mayRun(_ head: RecordHead) -> Bool {
    switch head.kind {
    case .connect: return true
    case .disconnect: return unsafe pointee.phase != .disconnecting
    default:
      switch unsafe pointee.phase {
      case .connecting, .disconnecting: return false
      case .none, .ended: return true
      case .connected: return unsafe freeOperation() != nil
      }
    }
  }

  private func freeOperation() -> Int? {
    for index in 0..<operationCount where unsafe pointee.operations[index].state == nil {
      return index
    }
    return nil
  }

  /// Runs the command that lies in `scratch`; the lock is held, and let go while the library is called.
  private func run(_ head: RecordHead) {
    switch head.kind {
    case .connect:
      unsafe pointee.tries = 0
      unsafe runConnect(head)
    case .disconnect: unsafe runDisconnect(head)
    default: unsafe runOperation(head)
    }
  }

  private func runOperation(_ head: RecordHead) {
    guard unsafe pointee.phase == .connected, let handle = unsafe pointee.handle,
      unsafe head.generation == pointee.handleGeneration, let index = unsafe freeOperation()
    else { return }
    unsafe pointee.operations[index] = ChannelOperation(
      state: self,
      number: head.number,
      kind: head.kind
    )
    #if LEDGER
    unsafe pointee.operations[index].isAnswered = head.detail == MQTTQuality.atLeastOnce.rawValue
    #endif
    let context = unsafe UnsafeMutableRawPointer(pointee.operations + index)
    let topic = unsafe pointee.scratch.assumingMemoryBound(to: CChar.self)
    let payload = unsafe pointee.scratch + Int(head.topicCount) + 1
    #if !SMALL || GATEWAY
    if head.kind == .subscribe {
      // SAFETY: the record has that many bytes.
      let others = unsafe UnsafeRawBufferPointer(start: payload, count: Int(head.payloadCount))
      for place in 0..<Int(head.payloadCount) where unsafe others[place] == 0 {
        unsafe pointee.operations[index].filterCount += 1
      }
    }
    #endif
    unsafe unlock()
    let code: Int32
    switch head.kind {
    case .publish:
      code = unsafe nbiot_paho_publish(
        handle,
        topic,
        payload,
        Int32(truncatingIfNeeded: head.payloadCount),
        Int32(head.detail),
        context,
        operationSucceeded,
        operationFailed
      )
    #if !SMALL || GATEWAY
    case .subscribe where head.payloadCount > 0:
      code = unsafe nbiot_paho_subscribe_all(
        handle,
        topic,
        payload.assumingMemoryBound(to: CChar.self),
        Int(head.payloadCount),
        Int32(head.detail),
        context,
        operationSucceeded,
        operationFailed
      )
    #endif
    case .subscribe:
      code = unsafe nbiot_paho_subscribe(
        handle,
        topic,
        Int32(head.detail),
        context,
        operationSucceeded,
        operationFailed
      )
    default:
      code = unsafe nbiot_paho_unsubscribe(
        handle,
        topic,
        context,
        operationSucceeded,
        operationFailed
      )
    }
    #if LEDGER
    if code == MQTTASYNC_SUCCESS { unsafe countOperation(head) }
    #endif
    unsafe lock()
    // No callback comes for what the library has not taken.
    if code != MQTTASYNC_SUCCESS { unsafe endOperation(index, isDone: false, detail: 1) }
  }

  /// Ends an operation and tells the owner; the lock is held.
  func endOperation(_ index: Int, isDone: Bool, detail: UInt8) {
    let operation = unsafe pointee.operations[index]
    unsafe pointee.operations[index].state = nil
    switch operation.kind {
    case .publish:
      // What the library had taken ends with the connection: it gives that up first, and only then tells of the end.
      if isDone || detail == 1 {
        unsafe tell(isDone ? .delivered : .undelivered, number: operation.number)
      }
    case .subscribe:
      // Only the server refuses: what failed otherwise ends with the connection, or with the owner's patience.
      if isDone || detail == 0x80 {
        unsafe tell(.subscribed, detail: detail, number: operation.number)
      }
    default: unsafe tell(.unsubscribed, number: operation.number)
    }
    // Its place is free again for what waits; most often nothing does.
    if unsafe !pointee.commands.isEmpty { unsafe wakeWorker() }
  }

  private func runDisconnect(_ head: RecordHead) {
    let isWanted = unsafe head.generation == pointee.generation
    if unsafe pointee.phase == .connected, let handle = unsafe pointee.handle {
      unsafe pointee.phase = .disconnecting
      unsafe unlock()
      let code = unsafe nbiot_paho_disconnect(handle, 1_000, self, disconnected, disconnectFailed)
      unsafe lock()
      // The library looks at its time limits every three seconds.
      var patience = code == MQTTASYNC_SUCCESS ? 50 : 0
      while unsafe pointee.phase == .disconnecting, patience > 0, unsafe !pointee.isClosed {
        _ = unsafe nbiot_paho_wait(&pointee.work, &pointee.mutex, 100)
        patience -= 1
      }
    }
    unsafe destroyHandle()
    unsafe wipeScratch()
    if isWanted {
      unsafe pointee.handleGeneration = pointee.generation
      unsafe tell(.disconnected)
    }
  }

  /// Connects as the record says that lies in `scratch`.
  private func runConnect(_ head: RecordHead) {
    unsafe destroyHandle()
    unsafe pointee.isRetrying = false
    unsafe pointee.connecting = head
    unsafe pointee.tries += 1
    guard unsafe head.generation == pointee.generation else {
      return unsafe wipeScratch()
    }
    unsafe pointee.handleGeneration = head.generation
    unsafe pointee.phase = .connecting
    unsafe pointee.hasHandshakeError = false
    unsafe pointee.receiver = nil
    var address = FixedBytes<352>()
    address.write { (writer: inout ByteWriter) in
      // All that `ChannelSettings` has fits; without an address the library refuses.
      try? unsafe pointee.settings.writeAddress(into: &writer)
    }
    unsafe unlock()
    var handle: MQTTAsync?
    unsafe pthread_mutex_lock(&lifecycle)
    unsafe startLibrary()
    unsafe allow(pointee.settings.memoryLimit)
    #if LEDGER
    unsafe expectSocket()
    #endif
    let code = unsafe makeClient(head, address, &handle)
    #if LEDGER
    unsafe awaitSocket(code == MQTTASYNC_SUCCESS && nbiot_paho_is_standing() != 0)
    #elseif !SMALL
    // An agent has one channel: no other takes its turn. With a ledger the socket comes after the lookup.
    if code == MQTTASYNC_SUCCESS { nbiot_paho_await_lookup() }
    #endif
    unsafe pthread_mutex_unlock(&lifecycle)
    unsafe lock()
    unsafe pointee.handle = handle
    if code != MQTTASYNC_SUCCESS {
      unsafe tell(
        .failed,
        detail: FailureCode.library.rawValue,
        number: UInt32(bitPattern: code)
      )
      unsafe pointee.phase = .ended
    }
  }

  /// Changes what the library may hold.
  private func allow(_ memory: Int) {
    unsafe allowance += memory
    unsafe nbiot_paho_allow(allowance)
  }

  private func startLibrary() {
    if unsafe isStarted { return }
    unsafe isStarted = true
    startTracing()
  }

  /// Makes a client of the library from the CONNECT in `scratch`, and has it connect.
  private func makeClient(
    _ head: RecordHead,
    _ uri: borrowing @_addressable FixedBytes<352>,
    _ handle: inout MQTTAsync?
  ) -> Int32 {
    var file = FixedBytes<32>()
    do throws(CapacityError) {
      try file.write { (writer: inout ByteWriter) throws(CapacityError) in
        try writer.append("/proc/self/fd/")
        try writer.append(decimal: UInt64(max(unsafe pointee.authorities, 0)))
        try writer.append(0)
      }
    } catch {
      return MQTTASYNC_FAILURE
    }
    let isSecure = unsafe pointee.settings.transport.isSecure
    let timeout = unsafe Int32(pointee.settings.connectTimeout)
    let clientID = unsafe pointee.scratch.assumingMemoryBound(to: CChar.self)
    let options = unsafe (pointee.scratch + Int(head.topicCount) + 1)
      .assumingMemoryBound(to: UInt8.self)
    let user = unsafe UnsafeRawPointer(options + 4).assumingMemoryBound(to: CChar.self)
    let password = unsafe user + strlen(user) + 1
    let version = unsafe Int32(options[3])
    // SAFETY: the texts end with a zero byte, and the library copies them.
    return unsafe uri.bytes.withUnsafeBytes { uri in
      unsafe file.bytes.withUnsafeBytes { file in
        let code = unsafe nbiot_paho_create(
          &handle,
          uri.bindMemory(to: CChar.self).baseAddress,
          clientID,
          version,
          self,
          connectionLost,
          messageArrived,
          acknowledged
        )
        guard code == MQTTASYNC_SUCCESS else { return code }
        unsafe nbiot_paho_ask(&pointee.turn)
        return unsafe nbiot_paho_connect(
          handle,
          user,
          password,
          Int32(options[0]) &<< 8 | Int32(options[1]),
          Int32(options[2]),
          version,
          timeout,
          isSecure ? file.bindMemory(to: CChar.self).baseAddress : nil,
          self,
          connected,
          connectFailed,
          tlsFailed
        )
      }
    }
  }

  func wipeScratch() {
    unsafe explicit_bzero(pointee.scratch, 1_024)
  }

  /// Ends the library's client, if there is one; the lock is held, and let go meanwhile.
  private func destroyHandle() {
    if unsafe pointee.phase == .none { return }
    // What the library tells from here on is of no interest.
    unsafe pointee.phase = .ended
    unsafe tellDrops()
    var handle = unsafe pointee.handle
    unsafe pointee.handle = nil
    unsafe pointee.handleGeneration &-= 1
    unsafe unlock()
    unsafe pthread_mutex_lock(&lifecycle)
    nbiot_paho_ask(nil)
    if unsafe handle != nil { unsafe MQTTAsync_destroy(&handle) }
    #if LEDGER
    unsafe forgetSocket()
    #endif
    unsafe allow(-pointee.settings.memoryLimit)
    unsafe pthread_mutex_unlock(&lifecycle)
    unsafe lock()
    for index in 0..<operationCount { unsafe pointee.operations[index].state = nil }
    unsafe pointee.phase = .none
  }
}

/// Overwrites bytes that held a secret.
private func wipe(_ bytes: inout MutableSpan<UInt8>) {
  // SAFETY: the pointer covers exactly the span and does not outlive the call.
  unsafe bytes.withUnsafeMutableBytes {
    if let start = $0.baseAddress { unsafe explicit_bzero(start, $0.count) }
  }
}
