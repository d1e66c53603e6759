// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceStore
internal import DurableReports
internal import GatewayLink
internal import HTTPSChannel
internal import MQTTAuthentication
internal import MQTTChannel
internal import MQTTLayer
internal import MQTTLink
internal import OpenSSLSupport
internal import Platform
internal import PlatformCredentials
internal import PlatformMQTT
internal import SecurityLayer
internal import SystemClocks
internal import UDPTransport

extension DeviceClient {
  /// The client id that a device got which was not known beforehand; `nil` without one, and over CoAP.
  public var registeredClientID: String? {
    guard let core = core as? MQTTCore else { return nil }
    let id = core.registeredClientID
    return id.isEmpty ? nil : id
  }

  static func makeCore(
    _ configuration: DeviceClientConfiguration,
    _ settings: MQTTClientSettings,
    _ identity: DeviceIdentity,
    _ secret: consuming sending SecretBytes,
    _ keeper: sending SessionKeeper?,
    _ gateway: GatewayClientSettings?
  ) throws(DeviceClientError) -> any ClientCore {
    let directory = try gateway?.outbox.map { path throws(DeviceClientError) in
      (path, try fingerprint(configuration, identity, secret))
    }
    let meter = PacketMeter()
    let channel = try makeChannel(configuration, settings)
    #if LEDGER
    meter.add(mqtt: channel.traffic)
    #endif
    let source = try makeSource(settings, identity, secret, meter)
    var device: MQTTLink<MQTTCore.Layer, SystemRandom>
    do throws(MQTTSettingsError) {
      device = try MQTTLink(
        identity: identity,
        secret: secret,
        settings: MQTTLinkSettings(settings),
        layer: TokenLayer(MeteredLayer(channel, meter, show: settings.onPacket), source),
        randomness: SystemRandom()
      )
    } catch {
      throw .mqttSettings(error)
    }
    for filter in settings.topicFilters {
      let bytes = Array(filter.utf8)
      do throws(SubscriptionError) {
        try device.subscribe(to: bytes.span)
        device.unsubscribe(from: bytes.span)
      } catch {
        throw .subscription(error)
      }
    }
    var bridge = gateway?.link ?? GatewaySettings()
    bridge.servesSubDevices = gateway != nil
    var link = MQTTCore.Link(
      identity: identity,
      device: device,
      settings: bridge,
      firstRequestID: RequestIDs.first(),
      randomness: SystemRandom()
    )
    link.isObserved = directory != nil
    var reports = DurableReports(
      link: link,
      settings: gateway?.durable ?? DurableSettings(),
      boot: WallClock.boot()
    )
    if let (path, fingerprint) = directory {
      do throws(StoreError) {
        let bytes = Array(path.utf8)
        try reports.open(
          StateDirectory(path: bytes.span),
          fingerprint: fingerprint,
          at: MonotonicClock.now(),
          date: WallClock.now()
        )
      } catch {
        throw .outbox(error)
      }
    }
    do throws(TransportError) {
      return MQTTCore(
        reports: reports,
        isDurable: directory != nil,
        gateway: gateway,
        keeper: keeper,
        identity: identity,
        signal: try WakeSignal(),
        meter: meter,
        settings: settings,
        requestID: configuration.settings.firstRequestID ?? RequestIDs.first(),
        thingModel: configuration.thingModel,
        thingModelRules: configuration.thingModelRules
      )
    } catch {
      throw .transport(error)
    }
  }

  /// What a gateway's outbox belongs to.
  private static func fingerprint(
    _ configuration: DeviceClientConfiguration,
    _ identity: DeviceIdentity,
    _ secret: borrowing SecretBytes
  ) throws(DeviceClientError) -> FixedBytes<32> {
    let endpoint = Array("\(configuration.host):\(configuration.port ?? 0)".utf8)
    do throws(OpenSSLError) {
      return try DeviceFingerprint.make(
        identity,
        secret: secret,
        endpoint: endpoint.span,
        mode: 6
      )
    } catch {
      throw .authentication(.security(.library(code: error.code)))
    }
  }

  /// What authenticates over HTTPS; `nil` where connections are signed.
  private static func makeSource(
    _ settings: MQTTClientSettings,
    _ identity: DeviceIdentity,
    _ secret: borrowing SecretBytes,
    _ meter: PacketMeter
  ) throws(DeviceClientError) -> sending TokenSource<MeteredHTTPSLayer<HTTPSChannel>>? {
    guard case .https(let wanted) = settings.authentication else { return nil }
    let host = Array(wanted.host.utf8)
    let authorities = wanted.authorities.isEmpty ? settings.authorities : wanted.authorities
    let field = host.count + (wanted.port == httpsPort ? 0 : "\(wanted.port)".utf8.count + 1)
    var token = TokenSettings()
    token.signMethod = settings.signMethod
    token.timestamp = settings.timestamp
    token.answerTimeout = wanted.answerTimeout
    token.takesAddress = wanted.takesAddress
    let reports = min(max(settings.reportsInFlight, 1), 16)
    token.heldBytes = (reports + 1) * (MQTTClientSettings.maxPayload + 512)
    // The longest secret fits.
    guard let own = SecretBytes(copying: secret.bytes) else { throw .secretLength(0) }
    do throws(HTTPSChannelError) {
      var channel = try HTTPSChannelSettings(host: host.span, port: wanted.port)
      channel.connectTimeout = wanted.answerTimeout
      channel.usesProxy = wanted.usesProxy
      let requests = try HTTPSChannel(channel, authorities: authorities.span)
      #if LEDGER
      meter.add(https: requests.traffic)
      #endif
      return TokenSource(
        identity: identity,
        secret: own,
        settings: token,
        requests: MeteredHTTPSLayer(
          requests,
          meter,
          host: field,
          authentication: .token,
          mask: AnswerMask(secret: secret),
          show: settings.onPacket
        )
      )
    } catch {
      throw .httpsChannel(error)
    }
  }

  private static func makeChannel(
    _ configuration: DeviceClientConfiguration,
    _ settings: MQTTClientSettings
  ) throws(DeviceClientError) -> sending MQTTChannel {
    let transport: ChannelTransport =
      switch settings.transport {
      case .tcp: .tcp
      case .tls: .tls
      case .webSocket: .webSocket
      case .secureWebSocket: .secureWebSocket
      }
    let (host, path) = (Array(configuration.host.utf8), Array(settings.webSocketPath.utf8))
    do throws(ChannelError) {
      var channel = try ChannelSettings(
        transport,
        host: host.span,
        port: configuration.port ?? settings.transport.port
      )
      do throws(CapacityError) { try channel.path.replace(with: path.span) } catch { throw .path }
      let seconds = (settings.connectTimeout.count + 999) / 1_000
      channel.connectTimeout = UInt16(clamping: max(seconds, 1))
      // Topics have 128 bytes at most, and the system gives pages as they are used.
      channel.messageLimit = MQTTClientSettings.maxPayload + 256
      channel.incomingBytes = 2 * channel.messageLimit + 16_384
      let reports = min(max(settings.reportsInFlight, 1), 16)
      channel.outgoingBytes = (reports + 1) * channel.messageLimit + 16_384
      channel.memoryLimit = (reports + 4) * channel.messageLimit
      return try MQTTChannel(channel, authorities: settings.authorities.span)
    } catch {
      throw .channel(error)
    }
  }
}

extension MQTTLinkSettings {
  fileprivate init(_ settings: MQTTClientSettings) {
    self.init()
    connect = MQTTConnectRequest(
      signMethod: settings.signMethod,
      transport: settings.transport,
      timestamp: settings.timestamp
    )
    connect.wantsNotices = settings.wantsNotices
    keepAlive = settings.keepAlive
    isClean = settings.isClean
    version = settings.version
    reportsInFlight = settings.reportsInFlight
    idleTime = settings.idleTime
    // The channel's own limit comes first.
    connectTimeout = settings.connectTimeout + Milliseconds(10_000)
    if case .https(let token) = settings.authentication {
      // Twice of each: the platform may refuse a token.
      connectTimeout = connectTimeout + settings.connectTimeout + token.answerTimeout
      connectTimeout = connectTimeout + token.answerTimeout
    }
    answerTimeout = settings.answerTimeout
    reconnecting = settings.reconnecting
  }
}
