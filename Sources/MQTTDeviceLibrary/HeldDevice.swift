// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CDevice
internal import ConstrainedCore
internal import DeviceDownlinks
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import MQTTChannel
internal import MQTTLink
internal import OpenSSLSupport
internal import Platform
internal import PlatformMQTT
internal import ReportLink
internal import SystemClocks

#if LEDGER
internal import StreamTraffic
#endif

/// The contents of the caller's memory: a durable device over MQTT, and what the platform asks of it.
@safe
struct HeldDevice: ~Copyable {
  var driver: DescriptorDriver<MQTTLink<MQTTChannel, SystemRandom>>
  /// The platform's requests and their answers.
  var exchange: DownlinkExchange<16, 8_192>
  /// The upgrade that was pushed.
  var firmware: FirmwarePush
  /// What the last event is about, if it is a message of the platform.
  var message = CurrentMessage()
  let topic: Topic?
  #if LEDGER
  private let traffic: StreamTraffic
  #endif
  let identity: DeviceIdentity
  /// The firmware that runs; empty where the platform is not told.
  let version: FixedBytes<128>
  /// The properties whose desired values are asked for after each connect, with commas between them.
  let desired: FixedBytes<1_024>
  /// What the platform's requests are checked by; empty for nothing.
  let model: ModelText
  /// Numbers of the device's own requests.
  var random = SystemRandom()
  /// Until when the last rest is that was told of.
  private var toldRest = Instant(milliseconds: .min)

  /// Creates a device from C's configuration.
  init(_ config: nbiot_config) throws(LibraryError) {
    try unsafe Self.refuseOthers(config)
    let identity = unsafe try Self.makeIdentity(config)
    let secret = unsafe try Self.makeSecret(config)
    let topic = try Self.makeTopic(unsafe text(config.topic))
    let version: FixedBytes<128> = try Self.copy(unsafe text(config.firmware_version))
    let desired: FixedBytes<1_024> = try Self.copy(unsafe text(config.desired))
    try Self.check(desired.bytes, of: identity)
    let firmware = unsafe try Self.makeFirmware(config)
    let model = unsafe try ModelText(config.thing_model)
    let transport = unsafe Self.transport(config)
    var host = FixedBytes<256>()
    var port = unsafe config.port
    let scheme = unsafe MQTTScheme(text(config.host))
    guard scheme == nil || scheme?.transport == transport else { throw .argument }
    try unsafe Self.readHost(
      config,
      identity,
      within: scheme?.endpoint,
      scheme: .none,
      domain: ".iot-as-mqtt.cn-shanghai.aliyuncs.com",
      &host,
      &port
    )
    if port == 0 { port = transport.port }
    let durable = unsafe try Self.durableSettings(config)
    let fingerprint = try Self.makeFingerprint(identity, secret, host, port, mode: 3)
    let settings = unsafe try Self.linkSettings(config, transport)
    let channel = unsafe try Self.makeChannel(config, transport, host.bytes, port)
    #if LEDGER
    let traffic = channel.traffic
    #endif
    let link = try Self.makeLink(identity, secret, settings, channel)
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
    self.version = version
    self.desired = desired
    self.firmware = firmware
    self.model = model
    self.identity = identity
    var random = SystemRandom()
    exchange = DownlinkExchange(
      identity,
      settings: unsafe Self.downlinkSettings(config),
      // None of an earlier life.
      firstNumber: UInt32(truncatingIfNeeded: random.next() % 900_000_000) + 100_000_000
    )
    // Each filter is valid with these names, and the link has room for twice as many.
    if settings.staysConnected { _ = exchange.listen(over: &driver.reports) }
  }

  #if LEDGER
  /// Reads where the bytes went.
  func read(_ ledger: inout nbiot_ledger) { ledger = nbiot_ledger(traffic.ledger) }
  #endif

  // MARK: - What C asks for

  /// What to wait for.
  var descriptor: Int32 { driver.descriptor }

  /// How long to wait at most, in milliseconds.
  mutating func timeout() -> Int32 {
    var deadline = driver.reports.pollTimeout()
    if let next = exchange.pollTimeout() { deadline = min(deadline ?? next, next) }
    return MonotonicClock.timeout(until: deadline)
  }

  /// Performs pending work; returns the next event, if any.
  mutating func drive() -> Happening? {
    let now = MonotonicClock.now()
    message = CurrentMessage()
    if let expired = exchange.pollExpired(over: &driver.reports, at: now) {
      message.kind = expired.kind
      var happened = Happening(NBIOT_UNANSWERED, UInt64(widening: expired.number))
      if let answer = expired.answer { happened.code = Int32(clamping: answer.code.rawValue) }
      return happened
    }
    let date = WallClock.now()
    while let event = driver.pollEvent(at: now, date: date) {
      if let happened = happening(event, at: now) { return happened }
    }
    if let filter = driver.reports.pollRefusedFilter() {
      message.setTopic(filter.bytes)
      return Happening(NBIOT_SUBSCRIPTION_REFUSED)
    }
    let rest = driver.reports.link.rest
    if rest.until == toldRest { return nil }
    toldRest = rest.until
    return Happening(rest.reason, wait: rest.until - now)
  }

  /// Says goodbye; what is under way stays in the outbox.
  mutating func close() { driver.close(within: Milliseconds(2_000)) }

  /// Reads the counters that this transport has.
  func readLink(_ counters: inout nbiot_counters) {
    let done = driver.reports.link.counters
    counters.authentications = UInt64(done.connections)
    counters.requests = UInt64(done.reports)
    counters.transmissions = UInt64(done.reports)
    counters.downlinks = UInt64(done.downlinks)
    counters.answers = UInt64(done.sends)
    counters.lost_answers = UInt64(exchange.lostAnswers)
  }

  /// The C form of an event; `nil` for one that is not told.
  private mutating func happening(_ event: DurableEvent, at now: Instant) -> Happening? {
    switch event {
    case .authenticated:
      // A connection is what reports that wait for one were waiting for.
      driver.reports.moveOn()
      tell(at: now)
      return Happening(NBIOT_CONNECTED)
    case .authenticationFailed: return Happening(driver.reports.link.failure)
    case .downlink: return take(at: now)
    case .rejected(let id), .postponed(let id):
      var happened = Happening(ending: event)
      happened?.replyCode = UInt32(clamping: driver.reports.link.replyCode(of: id) ?? 0)
      return happened
    default: return Happening(ending: event)
    }
  }
}

// MARK: - Parts

extension HeldDevice {
  /// Refuses what belongs to CoAP or HTTPS, and values that nothing has.
  private static func refuseOthers(_ config: nbiot_config) throws(LibraryError) {
    guard (unsafe config.security) == 0, (unsafe config.timing) == 0,
      unsafe config.server_name == nil, (unsafe config.token_lifetime) == 0,
      unsafe config.radio_hint == nil, (unsafe config.allow_common_name) == 0,
      (unsafe config.websocket) <= 1, (unsafe config.plain) <= 1,
      (unsafe config.keep_session) <= 1, (unsafe config.notices) <= 1,
      (unsafe config.reports_only) <= 1, (unsafe config.ignore_replies) <= 1,
      (unsafe config.sign_method) <= 2,
      (unsafe config.in_flight) <= 16, (unsafe config.answer_time) <= 3_600,
      (unsafe config.payload_limit) == 0, (unsafe config.proxy) == 0,
      (unsafe config.timestamp) == 0
    else { throw .argument }
  }

  private static func transport(_ config: nbiot_config) -> MQTTTransport {
    if (unsafe config.websocket) != 0 {
      return (unsafe config.plain) != 0 ? .webSocket : .secureWebSocket
    }
    return (unsafe config.plain) != 0 ? .tcp : .tls
  }

  private static func linkSettings(
    _ config: nbiot_config,
    _ transport: MQTTTransport
  ) throws(LibraryError) -> MQTTLinkSettings {
    var settings = MQTTLinkSettings()
    let method: SignMethod =
      switch (unsafe config.sign_method) {
      case 1: .hmacSHA1
      case 2: .hmacMD5
      default: .hmacSHA256
      }
    settings.connect = MQTTConnectRequest(signMethod: method, transport: transport)
    settings.connect.wantsNotices = (unsafe config.notices) != 0
    if (unsafe config.keep_alive) != 0 {
      do throws(MQTTSettingsError) {
        settings.keepAlive = try MQTTKeepAlive(seconds: Int(unsafe config.keep_alive))
      } catch {
        throw .argument
      }
    }
    settings.isClean = (unsafe config.keep_session) == 0
    settings.reportsInFlight = max(1, Int(unsafe config.in_flight))
    settings.readsReplies = (unsafe config.ignore_replies) == 0
    settings.staysConnected = (unsafe config.reports_only) == 0
    return settings
  }

  private static func makeChannel(
    _ config: nbiot_config,
    _ transport: MQTTTransport,
    _ host: Span<UInt8>,
    _ port: UInt16
  ) throws(LibraryError) -> MQTTChannel {
    let way: ChannelTransport =
      switch transport {
      case .tcp: .tcp
      case .tls: .tls
      case .webSocket: .webSocket
      case .secureWebSocket: .secureWebSocket
      }
    do throws(ChannelError) {
      var settings = try ChannelSettings(way, host: host, port: port)
      let path = unsafe text(config.websocket_path).trimmed
      if !path.isEmpty {
        do throws(CapacityError) { try settings.path.replace(with: path) } catch { throw .path }
      }
      return try MQTTChannel(settings, authorities: unsafe text(config.ca_pem).trimmed)
    } catch {
      if case .system = error { throw .system }
      throw .argument
    }
  }

  private static func makeLink(
    _ identity: DeviceIdentity,
    _ secret: consuming SecretBytes,
    _ settings: MQTTLinkSettings,
    _ channel: consuming MQTTChannel
  ) throws(LibraryError) -> MQTTLink<MQTTChannel, SystemRandom> {
    do throws(MQTTSettingsError) {
      return try MQTTLink(
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

  private static func downlinkSettings(_ config: nbiot_config) -> DownlinkSettings {
    var settings = DownlinkSettings()
    settings.taken = .all
    if (unsafe config.answer_time) > 0 {
      settings.timeToAnswer = Milliseconds(Int64(unsafe config.answer_time) * 1_000)
    }
    return settings
  }

  private static func makeFirmware(_ config: nbiot_config) throws(LibraryError) -> FirmwarePush {
    let version: FixedBytes<128> = try copy(unsafe text(config.interrupted_version))
    let digits = unsafe text(config.interrupted_digest).trimmed
    if version.isEmpty, digits.isEmpty { return FirmwarePush() }
    guard !version.isEmpty, let digest = FirmwareDigest(hexadecimal: digits) else {
      throw .argument
    }
    return FirmwarePush(interrupted: version.bytes, digest: digest)
  }

  /// Copies a text without white space at its ends.
  private static func copy<let capacity: Int>(
    _ text: Span<UInt8>
  ) throws(LibraryError) -> FixedBytes<capacity> {
    guard text.isUTF8 else { throw .argument }
    do throws(CapacityError) {
      return try FixedBytes(copying: text.trimmed)
    } catch {
      throw .argument
    }
  }

  /// Refuses a list with what is no name of a property.
  private static func check(
    _ names: Span<UInt8>,
    of identity: DeviceIdentity
  ) throws(LibraryError) {
    if names.isEmpty { return }
    var storage = InlineArray<2_048, UInt8>(repeating: 0)
    do throws(AlinkError) {
      _ = try writeDesired(names, of: identity, id: 1, into: storage.mutableSpan)
    } catch {
      throw .argument
    }
  }
}
