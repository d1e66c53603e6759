// SPDX-License-Identifier: Apache-2.0
internal import CPaho
public import ConstrainedCore
public import MQTTLayer

#if LEDGER
package import StreamTraffic
#endif

/// An MQTT client over Eclipse Paho, whose threads a `poll` loop sees as one descriptor.
///
/// Nothing here blocks: what the library is asked for is asked by a thread of the channel's own, because the library
/// holds its one lock while it looks a name up. What its threads tell goes into a queue of a fixed size. Each
/// connection has a fresh client of the library, and the library never reconnects. TLS is 1.2 or later, with name
/// and certificate verified; nothing turns that off.
///
/// A message for which there is no room waits up to a second for the owner, with the library at a stand; then it is
/// dropped, and so is each one after it until the owner takes something. All drops are counted, and told of once a second
/// for each reason. The library acknowledges a message of quality 1 in either case, once it was taken or dropped.
///
/// Memory: the settings' limits and 30 KB, in the heap, and the library's own. Where that has more than its limit it reads
/// no further, and the connection is cut within a second: the memory that is used is beyond the limit by 256 KB at most.
@safe
public struct MQTTChannel: ~Copyable {
  private let state: StatePointer
  #if LEDGER
  /// What was sent and received.
  package let traffic: StreamTraffic
  #endif
  private var topicCount = 0
  private var payloadCount = 0

  /// A channel to a server; nothing is connected yet.
  ///
  /// `authorities`, in PEM, are needed for TLS.
  public init(_ settings: ChannelSettings, authorities: Span<UInt8>) throws(ChannelError) {
    try Self.check(settings)
    if settings.transport.isSecure, authorities.isEmpty { throw .authorities }
    var file: Int32 = -1
    if settings.transport.isSecure {
      // SAFETY: the pointer covers exactly the authorities and does not outlive the call.
      file = unsafe authorities.withUnsafeBufferPointer {
        unsafe nbiot_paho_file($0.baseAddress, $0.count)
      }
      guard file >= 0 else { throw .system(code: nbiot_paho_errno()) }
    }
    guard let state = unsafe StatePointer.make(settings, authorities: file) else {
      if file >= 0 { close(file) }
      throw .system(code: ENOMEM)
    }
    #if LEDGER
    guard let traffic = StreamTraffic(queues: true) else {
      unsafe state.end()
      throw .system(code: ENOMEM)
    }
    unsafe state.pointee.traffic = traffic
    self.traffic = traffic
    #endif
    unsafe self.state = state
  }

  deinit { unsafe state.end() }

  /// What is readable while `pollEvent` has something.
  public var descriptor: Int32 { unsafe state.pointee.descriptor }

  /// What the channel has done.
  public var counters: ChannelCounters {
    unsafe state.lock()
    defer { unsafe state.unlock() }
    return unsafe state.pointee.counters
  }

  /// How many bytes the library holds, in all connections of the process.
  public static var libraryMemory: Int { Int(nbiot_paho_memory()) }

  private static func check(_ settings: ChannelSettings) throws(ChannelError) {
    guard isHost(settings.host.bytes) else { throw .host }
    let path = settings.path.bytes
    guard !path.isEmpty, path[0] == UInt8(ascii: "/") else { throw .path }
    for index in path.indices where path[index] <= 0x20 || path[index] >= 0x7F { throw .path }
    guard settings.messageLimit >= 1_024,
      settings.incomingBytes >= settings.messageLimit + reservedBytes + 1_024,
      settings.outgoingBytes >= 2_048, settings.memoryLimit >= 4 * settings.messageLimit,
      settings.connectTimeout > 0
    else { throw .limits }
  }
}

extension MQTTChannel: AddressedLayer {
  /// Connects to that server from now on.
  public mutating func setAddress(host: Span<UInt8>, port: UInt16) -> Bool {
    guard port > 0, Self.isHost(host) else { return false }
    var name = FixedBytes<255>()
    do throws(CapacityError) { try name.replace(with: host) } catch { return false }
    unsafe state.lock()
    unsafe state.pointee.settings.host = name
    unsafe state.pointee.settings.port = port
    unsafe state.unlock()
    return true
  }

  /// Whether bytes are a name, or an address in digits, by their characters.
  private static func isHost(_ host: Span<UInt8>) -> Bool {
    for index in host.indices {
      switch host[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
        UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "%"):
        continue
      default: return false
      }
    }
    return !host.isEmpty
  }
}

extension MQTTChannel: MQTTLayer {
  /// Makes a connection with a fresh client of the library.
  public mutating func connect(_ request: borrowing @_addressable MQTTConnect, at now: Instant) {
    unsafe state.lock()
    unsafe state.forgetConnection()
    unsafe state.pointee.counters.connects += 1
    #if LEDGER
    unsafe state.expectConnect(PacketSize.connect(request))
    #endif
    let isAsked = unsafe state.ask(connect: request)
    let isRunning = unsafe isAsked && state.startWorker()
    if !isRunning {
      // Without memory or a thread there is no connection; the owner tries again later.
      unsafe state.pointee.handleGeneration = state.pointee.generation
      unsafe state.tell(.failed, detail: FailureCode.library.rawValue)
    }
    unsafe state.unlock()
  }

  /// Publishes a message.
  public mutating func publish(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool {
    ask(.publish, quality.rawValue, number, topic, payload)
  }

  /// Asks for the messages of a topic filter.
  public mutating func subscribe(
    to filter: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool {
    ask(.subscribe, quality.rawValue, number, filter, Span())
  }

  #if !SMALL || GATEWAY
  /// Asks for the messages of several topic filters, each with a zero byte behind it.
  public mutating func subscribe(
    toAll filters: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool {
    var end = 0
    while end < filters.count, filters[end] != 0 { end += 1 }
    guard end > 0, filters[filters.count - 1] == 0 else { return false }
    // The first one is the record's topic, the others its payload.
    let others = filters.extracting(end + 1..<filters.count)
    return ask(.subscribe, quality.rawValue, number, filters.extracting(0..<end), others)
  }
  #endif

  /// Asks for them no more.
  public mutating func unsubscribe(from filter: Span<UInt8>, number: UInt32) -> Bool {
    ask(.unsubscribe, 0, number, filter, Span())
  }

  /// Ends the connection in order.
  public mutating func disconnect() { _ = ask(.disconnect, 0, 0, Span(), Span()) }

  /// What happened since the last call; `nil` when that is all, and then the descriptor is not readable.
  public mutating func pollEvent() -> MQTTLayerEvent? {
    topicCount = 0
    payloadCount = 0
    unsafe state.lock()
    defer { unsafe state.unlock() }
    while var head = unsafe state.pointee.incoming.first {
      unsafe state.pointee.incoming.removeFirst(into: state.pointee.current)
      unsafe state.pointee.isOwnerStalled = false
      unsafe pthread_cond_signal(&state.pointee.room)
      if head.kind == .dropped { unsafe state.takeDrops(&head) }
      guard unsafe head.generation == state.pointee.generation,
        let event = MQTTLayerEvent(head)
      else { continue }
      if head.kind == .message {
        topicCount = Int(head.topicCount)
        payloadCount = Int(head.payloadCount)
      }
      return event
    }
    guard unsafe state.pointee.isSignalled else { return nil }
    unsafe state.pointee.isSignalled = false
    var count: UInt64 = 0
    // SAFETY: an event counter gives exactly 8 bytes; it does not block when it is not set.
    _ = unsafe read(state.pointee.descriptor, &count, 8)
    return nil
  }

  /// The topic of the last event `message`.
  public var topic: Span<UInt8> {
    @_lifetime(borrow self)
    get { bytes(from: 0, count: topicCount) }
  }

  /// The payload of the last event `message`.
  public var payload: Span<UInt8> {
    @_lifetime(borrow self)
    get { bytes(from: topicCount + 1, count: payloadCount) }
  }

  @_lifetime(borrow self)
  private func bytes(from offset: Int, count: Int) -> Span<UInt8> {
    // SAFETY: the record has those bytes, and only a mutating call changes them.
    let start = unsafe (state.pointee.current + offset).assumingMemoryBound(to: UInt8.self)
    let bytes = unsafe Span(_unsafeStart: start, count: count)
    return unsafe _overrideLifetime(bytes, borrowing: self)
  }

  private mutating func ask(
    _ kind: RecordKind,
    _ detail: UInt8,
    _ number: UInt32,
    _ topic: Span<UInt8>,
    _ payload: Span<UInt8>
  ) -> Bool {
    for index in topic.indices where topic[index] == 0 { return false }
    unsafe state.lock()
    defer { unsafe state.unlock() }
    let head = unsafe RecordHead(
      kind,
      detail: detail,
      number: number,
      generation: state.pointee.generation
    )
    // SAFETY: both pointers cover exactly their spans, and do not outlive the call.
    let isAsked = unsafe topic.withUnsafeBufferPointer { topic in
      unsafe payload.withUnsafeBufferPointer { payload in
        unsafe state.pointee.commands.append(
          head,
          UnsafeRawBufferPointer(topic),
          UnsafeRawBufferPointer(payload),
          // What ends a connection always fits.
          reserve: kind == .disconnect ? 0 : RecordQueue.size(0, 0)
        )
      }
    }
    unsafe state.wakeWorker()
    return isAsked
  }
}

extension MQTTLayerEvent {
  /// The event that a record tells of.
  fileprivate init?(_ head: RecordHead) {
    switch head.kind {
    case .connected: self = .connected(hasSession: head.detail != 0)
    case .failed:
      switch FailureCode(rawValue: head.detail) {
      case .refused: self = .failed(.refused(UInt8(truncatingIfNeeded: head.number)))
      case .unreachable: self = .failed(.unreachable)
      case .timedOut: self = .failed(.timedOut)
      case .certificate: self = .failed(MQTTFailure(certificate: Int32(bitPattern: head.number)))
      case .oldVersion: self = .failed(.oldVersion)
      case .handshake: self = .failed(.handshake)
      case .malformed: self = .failed(.malformed)
      case .oversized: self = .failed(.oversized)
      case .library, nil: self = .failed(.library(Int32(bitPattern: head.number)))
      }
    case .lost:
      guard let loss = MQTTLoss(rawValue: head.detail) else { return nil }
      self = .lost(loss)
    case .disconnected: self = .disconnected
    case .delivered: self = .delivered(head.number)
    case .undelivered: self = .undelivered(head.number)
    case .subscribed: self = .subscribed(head.number, MQTTQuality(rawValue: head.detail))
    case .unsubscribed: self = .unsubscribed(head.number)
    case .message:
      self = .message(
        head.detail & 1 == 0 ? .atMostOnce : .atLeastOnce,
        isRepeated: head.detail & 2 != 0
      )
    case .dropped:
      guard head.number > 0, let reason = MQTTDrop(rawValue: head.detail) else { return nil }
      self = .dropped(reason, count: head.number)
    case .connect, .publish, .subscribe, .unsubscribe, .disconnect: return nil
    }
  }
}

/// Why a connection did not come about, as a record has it.
enum FailureCode: UInt8 {
  case refused, unreachable, timedOut, certificate, oldVersion, handshake, malformed, oversized
  case library
}

extension MQTTFailure {
  /// Why a certificate was refused, by OpenSSL's number (x509_vfy.h); the cases are those of a DTLS handshake.
  fileprivate init(certificate code: Int32) {
    switch code {
    // An issuer that is not known, another one of that name, or none but the certificate itself.
    case 2, 7, 18, 19, 20, 21, 27: self = .unknownAuthority
    case 9, 11: self = .notYetValid
    case 10, 12: self = .expired
    case 24, 32, 79: self = .invalidAuthority
    case 26: self = .wrongPurpose
    case 62, 64: self = .serverName
    case 66, 67: self = .weakKey
    case 68: self = .weakSignature
    default: self = .certificate(code: code)
    }
  }
}
