// SPDX-License-Identifier: Apache-2.0
internal import CDevice
internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import HTTPSChannel
internal import HTTPSLink
internal import OpenSSLSupport
internal import Platform
internal import PlatformHTTPS
internal import ReportLink
internal import SystemClocks

#if LEDGER
internal import StreamTraffic
#endif

/// The contents of the caller's memory: a durable device over HTTPS.
@safe
struct HeldDevice: ~Copyable {
  var driver: DescriptorDriver<HTTPSLink<HTTPSChannel, SystemRandom>>
  let topic: Topic?
  #if LEDGER
  private let traffic: StreamTraffic
  #endif
  /// By how many seconds the platform's clock was ahead when that was told of last.
  private var toldDifference: Int64 = 0
  /// Whether `answer` is the platform's id of the report, and not its text.
  private var answersWithID = false

  /// Creates a device from C's configuration.
  init(_ config: nbiot_config) throws(LibraryError) {
    try unsafe Self.refuseOthers(config)
    let identity = unsafe try Self.makeIdentity(config)
    let secret = unsafe try Self.makeSecret(config)
    let topic = try Self.makeTopic(unsafe text(config.topic))
    var host = FixedBytes<256>()
    var port = unsafe config.port
    try unsafe Self.readEndpoint(config, identity, &host, &port)
    let durable = unsafe try Self.reportSettings(config)
    let fingerprint = try Self.makeFingerprint(identity, secret, host, port, mode: 3)
    let channel = unsafe try Self.makeChannel(config, host.bytes, port)
    #if LEDGER
    let traffic = channel.traffic
    #endif
    let link = try Self.makeLink(identity, secret, unsafe Self.linkSettings(config), channel)
    let path = unsafe text(config.state_directory).trimmed
    guard !path.isEmpty else { throw .argument }
    do throws(StoreError) {
      driver = DescriptorDriver(
        reports: try DurableReports(
          link: link,
          settings: durable,
          directory: try StateDirectory(path: path),
          fingerprint: fingerprint,
          now: TimeStamp(
            boot: WallClock.boot(),
            instant: MonotonicClock.now(),
            date: WallClock.now()
          )
        )
      )
    } catch {
      throw .disk(error)
    }
    self.topic = topic
    #if LEDGER
    self.traffic = traffic
    #endif
  }
}

// MARK: - The functions behind the C interface

extension HeldDevice {
  /// What to wait for.
  var descriptor: Int32 { driver.descriptor }

  /// How long to wait at most, in milliseconds.
  mutating func timeout() -> Int32 { driver.timeout() }

  /// Performs pending work; returns the next event, if any.
  mutating func drive() -> Happening? {
    let now = MonotonicClock.now()
    let date = WallClock.now()
    // Whatever the kernel thinks of it: a clock that nobody sets is the one that is wrong.
    driver.reports.setClock(WallClock.milliseconds() / 1_000, at: now)
    while let event = driver.pollEvent(at: now, date: date) {
      if let happened = happening(event) { return happened }
    }
    return wrongClock()
  }

  /// The C form of an event; `nil` for one that is not told.
  private mutating func happening(_ event: DurableEvent) -> Happening? {
    switch event {
    case .authenticated: return Happening(NBIOT_AUTHENTICATED)
    case .authenticationFailed: return withText(Happening(driver.reports.link.failure))
    case .delivered(let id):
      var happened = Happening(NBIOT_DELIVERED, id)
      if case .code(_, let status) = driver.reports.link.failure { happened.code = Int32(status) }
      happened.hasAnswer = true
      answersWithID = true
      return happened
    case .rejected, .postponed, .givenUp(_, .maxAttempts):
      var happened = Happening(ending: event)
      happened?.explain(driver.reports.link.failure)
      return happened.map { withText($0) }
    default: return Happening(ending: event)
    }
  }

  /// Adds the text in the platform's answer, which is for people.
  private mutating func withText(_ happening: Happening) -> Happening {
    var happening = happening
    happening.hasAnswer = happening.reason == NBIOT_REASON_REFUSED
    answersWithID = false
    return happening
  }

  /// The clocks differ, or differ by another time than was told of; `nil` where that is no news.
  private mutating func wrongClock() -> Happening? {
    let difference = driver.reports.link.clockError
    if (difference &- toldDifference).magnitude <= 60 { return nil }
    toldDifference = difference
    if difference == 0 { return nil }
    var happened = Happening(NBIOT_WRONG_CLOCK)
    happened.code = difference > 0 ? 1 : -1
    happened.detail = UInt64(difference.magnitude)
    return happened
  }

  /// The platform's id of the report that was delivered, or its text about a refusal; it stays in place until the next
  /// request.
  var answer: (UnsafePointer<UInt8>?, Int) {
    @_addressableSelf
    get {
      // SAFETY: the values are in the caller's memory, and do not move.
      if answersWithID {
        return unsafe driver.reports.link.messageID.bytes.withUnsafeBufferPointer {
          ($0.baseAddress, $0.count)
        }
      }
      return unsafe driver.reports.link.message.bytes.withUnsafeBufferPointer {
        ($0.baseAddress, $0.count)
      }
    }
  }

  /// Closes the connection; what is under way stays in the outbox.
  mutating func close() { driver.close() }

  /// Reads the counters that this transport has.
  func readLink(_ counters: inout nbiot_counters) {
    let done = driver.reports.link.counters
    counters.authentications = UInt64(done.authentications)
    counters.requests = UInt64(done.authentications + done.reports)
    counters.transmissions = counters.requests
  }

  #if LEDGER
  /// Reads where the bytes went.
  func read(_ ledger: inout nbiot_ledger) { ledger = nbiot_ledger(traffic.ledger) }
  #endif
}

// MARK: - Parts

extension HeldDevice {
  /// Refuses what belongs to CoAP or MQTT, and values that nothing has.
  private static func refuseOthers(_ config: nbiot_config) throws(LibraryError) {
    guard (unsafe config.security) == 0, (unsafe config.timing) == 0,
      unsafe config.server_name == nil, unsafe config.radio_hint == nil,
      (unsafe config.allow_common_name) == 0, (unsafe config.websocket) == 0,
      (unsafe config.plain) == 0, (unsafe config.keep_session) == 0,
      (unsafe config.notices) == 0, (unsafe config.reports_only) == 0,
      (unsafe config.ignore_replies) == 0, (unsafe config.in_flight) == 0,
      (unsafe config.keep_alive) == 0, (unsafe config.answer_time) == 0,
      unsafe config.websocket_path == nil, unsafe config.firmware_version == nil,
      unsafe config.desired == nil, unsafe config.interrupted_version == nil,
      unsafe config.interrupted_digest == nil, unsafe config.thing_model == nil,
      (unsafe config.sign_method) <= 2, (unsafe config.proxy) <= 1,
      (unsafe config.timestamp) <= 1
    else { throw .argument }
  }

  /// Reads where the platform is; its own HTTPS address is the same for all products.
  private static func readEndpoint(
    _ config: nbiot_config,
    _ identity: DeviceIdentity,
    _ host: inout FixedBytes<256>,
    _ port: inout UInt16
  ) throws(LibraryError) {
    if unsafe config.host == nil {
      try? host.replace(with: Span("iot-as-http.cn-shanghai.aliyuncs.com" as StaticString))
    } else {
      try unsafe readHost(
        config,
        identity,
        within: HTTPSScheme(text(config.host))?.endpoint,
        scheme: .none,
        domain: "",
        &host,
        &port
      )
    }
    if port == 0 { port = 443 }
  }

  /// The outbox takes what one request takes, unless the configuration bounds it.
  private static func reportSettings(
    _ config: nbiot_config
  ) throws(LibraryError) -> DurableSettings {
    var durable = unsafe try durableSettings(config)
    if (unsafe config.payload_limit) > 0 {
      guard (unsafe config.payload_limit) <= UInt32(HTTPSReportRequest.maxBody) else {
        throw .argument
      }
      durable.outbox.maxPayload = Int(unsafe config.payload_limit)
    } else {
      durable.outbox.maxPayload = HTTPSReportRequest.maxBody
    }
    if (unsafe config.outbox_bytes) == 0 { durable.outbox.maxBytes = 1_048_576 }
    // The longest payload must have room beside its topic.
    guard durable.outbox.maxBytes >= durable.outbox.maxPayload + 1_024 else { throw .argument }
    return durable
  }

  private static func linkSettings(_ config: nbiot_config) -> HTTPSLinkSettings {
    var settings = HTTPSLinkSettings()
    settings.signMethod = (unsafe config.sign_method) == 2 ? .hmacMD5 : .hmacSHA1
    settings.sendsTimestamp = (unsafe config.timestamp) != 0
    return settings
  }

  private static func makeChannel(
    _ config: nbiot_config,
    _ host: Span<UInt8>,
    _ port: UInt16
  ) throws(LibraryError) -> HTTPSChannel {
    do throws(HTTPSChannelError) {
      var settings = try HTTPSChannelSettings(host: host, port: port)
      settings.usesProxy = (unsafe config.proxy) != 0
      return try HTTPSChannel(settings, authorities: unsafe text(config.ca_pem).trimmed)
    } catch {
      switch error {
      case .host, .authorities, .limits: throw .argument
      case .library, .system: throw .system
      }
    }
  }

  private static func makeLink(
    _ identity: DeviceIdentity,
    _ secret: consuming SecretBytes,
    _ settings: HTTPSLinkSettings,
    _ channel: consuming HTTPSChannel
  ) throws(LibraryError) -> HTTPSLink<HTTPSChannel, SystemRandom> {
    do throws(HTTPSSettingsError) {
      return try HTTPSLink(
        identity: identity,
        secret: secret,
        settings: settings,
        layer: channel,
        randomness: SystemRandom()
      )
    } catch {
      throw .argument
    }
  }
}
