internal import CDevice
internal import CoAPExchange
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DTLSSecurity
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import EitherSecurity
internal import OpenSSLSupport
internal import Platform
internal import PlatformCredentials
internal import SecurityLayer
internal import SymmetricSecurity
internal import SystemClocks
internal import UDPTransport

/// Why a call of the library failed.
enum LibraryError: Error {
  case argument, full, tooLong, security
  case disk(StoreError)

  /// The code returned to C.
  var code: Int32 {
    switch self {
    case .argument: NBIOT_ARGUMENT.rawValue
    case .full: NBIOT_FULL.rawValue
    case .tooLong: NBIOT_TOO_LONG.rawValue
    case .security: NBIOT_SECURITY.rawValue
    case .disk(.inUse): NBIOT_IN_USE.rawValue
    case .disk: NBIOT_DISK.rawValue
    }
  }
}

/// An event in the form reported to C.
struct Happening {
  let kind: nbiot_event_kind
  var code: Int32 = 0
  var id: UInt64 = 0
  var sequence: UInt64 = 0
  var bytesUp: UInt32 = 0
  var bytesDown: UInt32 = 0
  var transmissions: UInt32 = 0
  var milliseconds: UInt32 = 0
  var replyCode: UInt32 = 0
  var extent: nbiot_answer = NBIOT_ANSWER_WHOLE
  var hasAnswer = false
  var reason = NBIOT_REASON_NONE
  var detail: UInt64 = 0

  init(_ kind: nbiot_event_kind, code: Code? = nil) {
    self.kind = kind
    // The class times 100, plus the detail.
    if let code { self.code = Int32(code.rawValue >> 5) * 100 + Int32(code.rawValue & 0x1F) }
  }

  init(_ kind: nbiot_event_kind, _ id: UInt64) {
    self.init(kind)
    self.id = id
  }

  init(_ kind: nbiot_event_kind, _ id: UInt64, _ result: ReportResult) {
    self.init(kind, code: result.code)
    self.id = id
    sequence = result.sequence ?? 0
    bytesUp = UInt32(clamping: result.bytesUp)
    bytesDown = UInt32(clamping: result.bytesDown)
    transmissions = UInt32(clamping: result.transmissions)
    milliseconds = UInt32(clamping: result.duration.count)
    replyCode = result.replyCode ?? 0
    extent =
      switch result.extent {
      case .whole: NBIOT_ANSWER_WHOLE
      case .cut, .incomplete, .inBlocks: NBIOT_ANSWER_CUT
      case .unreadable: NBIOT_ANSWER_UNREADABLE
      }
    explain(result.outcome)
  }
}

/// The contents of the caller's memory: a durable device with its socket.
///
/// Its two pointers are the caller's, and are only passed back.
@safe
struct HeldDevice: ~Copyable {
  var driver: DeviceDriver<EitherSecurity, SystemRandom>
  private let topic: Topic?
  private let radioHint: (@convention(c) (Int32, UnsafeMutableRawPointer?) -> Void)?
  private let context: UnsafeMutableRawPointer?

  /// Creates a device from C's configuration.
  init(_ config: nbiot_config) throws(LibraryError) {
    guard (unsafe config.security) <= 2, (unsafe config.timing) <= 3 else { throw .argument }
    let isDTLS = (unsafe config.security) != 0
    let identity = unsafe try Self.makeIdentity(config)
    guard let secret = unsafe SecretBytes(copying: text(config.device_secret).trimmed) else {
      throw .argument
    }
    var host = FixedBytes<256>()
    var port = unsafe config.port
    try unsafe Self.read(config, identity, &host, &port)
    if port == 0 { port = isDTLS ? PlatformAddress.dtlsPort : PlatformAddress.symmetricPort }
    let topic = try Self.makeTopic(unsafe text(config.topic))

    var durable = DurableSettings()
    var session = DeviceSettings()
    session.timing =
      switch (unsafe config.timing) {
      case 1: .standard
      case 2: .lteM
      case 3: .nbIoTDeep
      default: .nbIoT
      }
    if (unsafe config.token_lifetime) > 0 {
      durable.tokenLifetime = UInt64((unsafe config.token_lifetime))
    }
    guard (unsafe config.max_attempts) <= 255 else { throw .argument }
    durable.maxAttempts = UInt8(truncatingIfNeeded: (unsafe config.max_attempts))
    durable.maxAge = unsafe config.max_age
    if (unsafe config.outbox_bytes) > 0 {
      durable.outbox.maxBytes = max(4_096, Int((unsafe config.outbox_bytes)))
    }
    let fingerprint: FixedBytes<32>
    var endpoint = host
    do throws(OpenSSLError) {
      let number: InlineArray<2, UInt8> = [UInt8(port >> 8), UInt8(port & 0xFF)]
      try? endpoint.append(number.span)
      fingerprint = try DeviceFingerprint.make(
        identity,
        secret: secret,
        endpoint: endpoint.bytes,
        mode: (unsafe config.security)
      )
    } catch {
      throw .security
    }
    let security = unsafe try Self.makeSecurity(
      config,
      identity,
      secret,
      host,
      session.timing
    )
    let path = unsafe text(config.state_directory).trimmed
    guard !path.isEmpty else { throw .argument }
    do throws(StoreError) {
      driver = DeviceDriver(
        reports: try DurableReports(
          identity: identity,
          secret: secret,
          settings: durable,
          session: session,
          security: security,
          randomness: SystemRandom(),
          directory: try StateDirectory(path: path),
          fingerprint: fingerprint,
          now: TimeStamp(
            boot: WallClock.boot(),
            instant: MonotonicClock.now(),
            date: WallClock.now()
          )
        ),
        host: host.bytes,
        port: port
      )
    } catch {
      throw .disk(error)
    }
    self.topic = topic
    unsafe radioHint = config.radio_hint
    unsafe context = config.context
  }
}

// MARK: - The functions behind the C interface

extension HeldDevice {
  /// Accepts a report; returns its id.
  mutating func publish(
    topic name: Span<UInt8>,
    payload: Span<UInt8>,
    lifetime: UInt32,
    isCBOR: Bool
  ) throws(LibraryError) -> UInt64 {
    guard let topic = try Self.makeTopic(name) ?? self.topic else { throw .argument }
    do throws(OutboxError) {
      return try driver.reports.accept(
        topic: topic,
        payload: payload,
        format: (isCBOR ? ContentFormat.cbor : .json).rawValue,
        lifetime: lifetime,
        at: MonotonicClock.now(),
        date: WallClock.now()
      )
    } catch {
      switch error {
      case .full: throw .full
      case .tooLong: throw .tooLong
      case .store(let failure): throw .disk(failure)
      }
    }
  }

  /// Performs pending work; returns the next event, if any.
  mutating func drive() -> Happening? {
    while true {
      let now = MonotonicClock.now()
      do throws(TransportError) {
        try driver.receive(at: now)
        driver.reports.handleTimeout(at: now)
        if let event = driver.reports.pollEvent(at: now, date: WallClock.now()) {
          driver.note(event)
          if let happened = happening(event) { return happened }
          continue
        }
        if driver.wantsLink { try transmit(at: now) }
        return nil
      } catch {
        if driver.fail(at: now) { continue }
        return Happening(error)
      }
    }
  }

  private mutating func transmit(at now: Instant) throws(TransportError) {
    let hint = unsafe radioHint
    let context = unsafe context
    try driver.transmit(at: now) { known in
      let number: Int32 =
        switch known {
        case .lastUplink: 0
        case .oneAnswer: 1
        case .moreToCome: 2
        }
      unsafe hint?(number, context)
    }
  }

  /// The C form of an event; `nil` for one that cannot be reported yet.
  private borrowing func happening(_ event: DurableEvent) -> Happening? {
    switch event {
    case .delivered(let id):
      return withAnswer(Happening(NBIOT_DELIVERED, id, result))
    case .rejected(let id): return withAnswer(Happening(NBIOT_REJECTED, id, result))
    case .postponed(let id): return Happening(NBIOT_POSTPONED, id, result)
    case .givenUp(let id, .maxAttempts): return Happening(NBIOT_GIVEN_UP, id, result)
    case .givenUp(let id, .maxAge): return Happening(NBIOT_TOO_OLD, id)
    case .expired(let id): return Happening(NBIOT_EXPIRED, id)
    case .dropped(let id): return Happening(NBIOT_DROPPED, id)
    case .superseded(let id): return Happening(NBIOT_SUPERSEDED, id)
    case .authenticated: return Happening(NBIOT_AUTHENTICATED)
    case .authenticationFailed:
      var happened = Happening(driver.reports.link.failure)
      happened.hasAnswer = happened.reason == NBIOT_REASON_REFUSED
      return happened
    case .downlink: return nil
    case .storeFailed: return Happening(NBIOT_DISK_REFUSES)
    }
  }

  /// Adds the platform's answer, or its reason for a refusal.
  private borrowing func withAnswer(_ happening: Happening) -> Happening {
    var happening = happening
    happening.hasAnswer = result.extent == .whole
    return happening
  }

  private var result: ReportResult { driver.reports.link.result }

  /// The answer to the last delivered or refused report, or to a refused `/auth`; it stays in place
  /// until the next report.
  var answer: (UnsafePointer<UInt8>?, Int) {
    // SAFETY: the value is in the caller's memory, and does not move.
    unsafe driver.reports.link.answer.withUnsafeBufferPointer { ($0.baseAddress, $0.count) }
  }

  /// Sends close_notify, if configured.
  mutating func close() { driver.close() }

  /// Reads the counters so far.
  func read(_ counters: inout nbiot_counters) {
    let session = driver.reports.link.counters
    let outbox = driver.reports.outboxCounters
    counters.accepted = UInt64(outbox.accepted)
    counters.delivered = UInt64(driver.reports.deliveredReports)
    counters.rejected = UInt64(driver.reports.rejectedReports)
    counters.given_up = UInt64(outbox.givenUp)
    counters.dropped = UInt64(outbox.dropped)
    counters.expired = UInt64(outbox.expired)
    counters.superseded = UInt64(outbox.superseded)
    counters.authentications = UInt64(session.authentications)
    counters.handshakes = UInt64(session.handshakes)
    counters.resumptions = UInt64(session.resumptions)
    counters.requests = UInt64(session.requests)
    counters.transmissions = UInt64(session.transmissions)
    counters.datagrams_up = UInt64(session.datagramsUp)
    counters.bytes_up = UInt64(session.bytesUp)
    counters.datagrams_down = UInt64(session.datagramsDown)
    counters.bytes_down = UInt64(session.bytesDown)
    counters.disk_syncs = UInt64(
      driver.reports.sessionWrites.syncs + driver.reports.outboxWrites.syncs
    )
    counters.disk_bytes = UInt64(
      driver.reports.sessionWrites.bytes + driver.reports.outboxWrites.bytes
    )
  }
}

// MARK: - Parts

extension HeldDevice {
  private static func makeIdentity(_ config: nbiot_config) throws(LibraryError) -> DeviceIdentity {
    do throws(IdentityError) {
      return try DeviceIdentity(
        productKey: unsafe text(config.product_key).trimmed,
        deviceName: unsafe text(config.device_name).trimmed,
        clientID: unsafe config.client_id != nil ? text(config.client_id).trimmed : nil
      )
    } catch {
      throw .argument
    }
  }

  /// The host of an endpoint, and its port unless the configuration sets one.
  private static func read(
    _ config: nbiot_config,
    _ identity: DeviceIdentity,
    _ host: inout FixedBytes<256>,
    _ port: inout UInt16
  ) throws(LibraryError) {
    let name = unsafe text(config.host)
    do throws(EndpointError) {
      let given = unsafe config.host != nil
      let endpoint = given ? try EndpointText(name) : nil
      try? host.write { (writer: inout ByteWriter) throws(CapacityError) in
        if let endpoint { return try writer.append(name.extracting(endpoint.host)) }
        try writer.append(identity.productKey.bytes)
        try writer.append(".coap.cn-shanghai.link.aliyuncs.com")
      }
      guard let endpoint else { return }
      let isDTLS = (unsafe config.security) != 0
      guard endpoint.scheme == .none || (endpoint.scheme == .coaps) == isDTLS else {
        throw .scheme
      }
      guard endpoint.port == 0 || port == 0 || port == endpoint.port else { throw .port }
      if endpoint.port != 0 { port = endpoint.port }
    } catch {
      throw .argument
    }
  }

  private static func makeTopic(_ name: Span<UInt8>) throws(LibraryError) -> Topic? {
    if name.isEmpty { return nil }
    do throws(TopicError) { return try Topic(name.trimmed) } catch { throw .argument }
  }

  private static func makeSecurity(
    _ config: nbiot_config,
    _ identity: DeviceIdentity,
    _ secret: borrowing SecretBytes,
    _ host: FixedBytes<256>,
    _ timing: TransmissionParameters
  ) throws(LibraryError) -> EitherSecurity {
    if (unsafe config.security) == 0 { return EitherSecurity(SymmetricSecurity()) }
    var dtls = DTLSSettings()
    dtls.timing = timing
    dtls.allowsCommonName = (unsafe config.allow_common_name) != 0
    do throws(DTLSConfigurationError) {
      if (unsafe config.security) == 2 {
        return EitherSecurity(try DTLSSecurity(identity, secret: secret.bytes, settings: dtls))
      }
      return EitherSecurity(
        try DTLSSecurity(
          host: host.bytes,
          serverName: unsafe text(config.server_name).trimmed,
          authorities: unsafe text(config.ca_pem),
          settings: dtls
        )
      )
    } catch {
      switch error {
      case .authorities, .serverName: throw .argument
      default: throw .security
      }
    }
  }
}
