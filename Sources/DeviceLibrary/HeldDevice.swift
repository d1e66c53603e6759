// SPDX-License-Identifier: Apache-2.0
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

/// The contents of the caller's memory: a durable device with its socket.
///
/// Its two pointers are the caller's, and are only passed back.
@safe
struct HeldDevice: ~Copyable {
  var driver: DeviceDriver<EitherSecurity, SystemRandom>
  let topic: Topic?
  private let radioHint: (@convention(c) (Int32, UnsafeMutableRawPointer?) -> Void)?
  private let context: UnsafeMutableRawPointer?

  /// Creates a device from C's configuration.
  init(_ config: nbiot_config) throws(LibraryError) {
    guard (unsafe config.security) <= 2, (unsafe config.timing) <= 3 else { throw .argument }
    try unsafe Self.refuseOthers(config)
    let isDTLS = (unsafe config.security) != 0
    let identity = unsafe try Self.makeIdentity(config)
    let secret = unsafe try Self.makeSecret(config)
    var host = FixedBytes<256>()
    var port = unsafe config.port
    try unsafe Self.readHost(
      config,
      identity,
      scheme: isDTLS ? .coaps : .coap,
      domain: ".coap.cn-shanghai.link.aliyuncs.com",
      &host,
      &port
    )
    if port == 0 { port = isDTLS ? PlatformAddress.dtlsPort : PlatformAddress.symmetricPort }
    let topic = try Self.makeTopic(unsafe text(config.topic))

    let durable = unsafe try Self.durableSettings(config)
    var session = DeviceSettings()
    session.timing =
      switch (unsafe config.timing) {
      case 1: .standard
      case 2: .lteM
      case 3: .nbIoTDeep
      default: .nbIoT
      }
    let fingerprint = try Self.makeFingerprint(
      identity,
      secret,
      host,
      port,
      mode: (unsafe config.security)
    )
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
  /// What to wait for.
  var descriptor: Int32 { driver.server.descriptor }

  /// How long to wait at most, in milliseconds; without end while a name is looked up, whose end the descriptor tells.
  mutating func timeout() -> Int32 {
    driver.server.isResolving ? -1 : MonotonicClock.timeout(until: driver.reports.pollTimeout())
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
    case .authenticated: return Happening(NBIOT_AUTHENTICATED)
    case .authenticationFailed:
      var happened = Happening(driver.reports.link.failure)
      happened.hasAnswer = happened.reason == NBIOT_REASON_REFUSED
      return happened
    default: return Happening(ending: event)
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

  /// Reads the counters that this transport has.
  func readLink(_ counters: inout nbiot_counters) {
    let session = driver.reports.link.counters
    counters.authentications = UInt64(session.authentications)
    counters.handshakes = UInt64(session.handshakes)
    counters.resumptions = UInt64(session.resumptions)
    counters.requests = UInt64(session.requests)
    counters.transmissions = UInt64(session.transmissions)
    counters.datagrams_up = UInt64(session.datagramsUp)
    counters.bytes_up = UInt64(session.bytesUp)
    counters.datagrams_down = UInt64(session.datagramsDown)
    counters.bytes_down = UInt64(session.bytesDown)
  }

  #if LEDGER
  /// Reads where the bytes went.
  func read(_ ledger: inout nbiot_ledger) {
    ledger = nbiot_ledger(driver.ledger)
  }
  #endif
}

// MARK: - Parts

extension HeldDevice {
  /// Refuses what belongs to MQTT or HTTPS.
  private static func refuseOthers(_ config: nbiot_config) throws(LibraryError) {
    guard (unsafe config.websocket) == 0, (unsafe config.plain) == 0,
      (unsafe config.keep_session) == 0, (unsafe config.notices) == 0,
      (unsafe config.reports_only) == 0, (unsafe config.ignore_replies) == 0,
      (unsafe config.sign_method) == 0,
      (unsafe config.in_flight) == 0, (unsafe config.keep_alive) == 0,
      (unsafe config.answer_time) == 0, unsafe config.websocket_path == nil,
      unsafe config.firmware_version == nil, unsafe config.desired == nil,
      unsafe config.interrupted_version == nil, unsafe config.thing_model == nil,
      unsafe config.interrupted_digest == nil, (unsafe config.payload_limit) == 0,
      (unsafe config.proxy) == 0, (unsafe config.timestamp) == 0
    else { throw .argument }
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
