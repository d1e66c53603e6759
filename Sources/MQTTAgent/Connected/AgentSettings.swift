// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import MQTTChannel
internal import MQTTLink
internal import Platform
internal import PlatformMQTT

/// The platform's address.
package struct ServerAddress {
  private var count = 0
  private var storage = InlineArray<256, UInt8>(repeating: 0)
  private(set) var port: UInt16 = 0
  /// How it is reached.
  private(set) var transport = MQTTTransport.tls

  /// Starts empty.
  package init() {}

  /// The host name or address.
  var host: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(0..<count) }
  }

  /// Reads the endpoint, an `EndpointText` or a URI that names the transport, or nothing for the platform's own, and the
  /// transport.
  @inline(never)
  package mutating func read(_ configuration: borrowing Configuration) {
    _ = configuration.choice(.transport)
    let isPlain = configuration.choice(.tls) == 1
    if configuration.choice(.webSocket) == 1 {
      transport = isPlain ? .webSocket : .secureWebSocket
    } else {
      transport = isPlain ? .tcp : .tls
    }
    var text = configuration.bytes(.endpoint)
    if let scheme = MQTTScheme(text) {
      let isOther =
        configuration.has(.tls) && isPlain == scheme.transport.isSecure
        || configuration.has(.webSocket)
          && (configuration.choice(.webSocket) == 1) != scheme.transport.isWebSocket
      if isOther { configuration.refuse(.endpoint, .otherSecurity) }
      transport = scheme.transport
      text = text.extracting(scheme.endpoint)
      if text.isEmpty { configuration.refuse(.endpoint, .noHost) }
    }
    var name = configuration.bytes(.productKey)
    var domain = Span(".iot-as-mqtt.cn-shanghai.aliyuncs.com" as StaticString)
    if !text.isEmpty {
      do throws(EndpointError) {
        let endpoint = try EndpointText(text)
        if endpoint.scheme != .none { configuration.refuse(.endpoint, .badScheme) }
        name = text.extracting(endpoint.host)
        domain = Span()
        port = endpoint.port
      } catch {
        configuration.refuse(.endpoint, error.phrase)
      }
    }
    if port == 0 { port = transport.port }
    var writer = ByteWriter(storage.mutableSpan)
    try? writer.append(name)
    try? writer.append(domain)
    count = writer.count
  }

  /// How the channel calls the transport.
  var channel: ChannelTransport {
    switch transport {
    case .tcp: .tcp
    case .tls: .tls
    case .webSocket: .webSocket
    case .secureWebSocket: .secureWebSocket
    }
  }
}

extension LineSettings {
  /// Reads the settings, and checks all values that are otherwise read only when they are used.
  @inline(never)
  mutating func read(_ configuration: borrowing Configuration) {
    if configuration.has(.topic) {
      do throws(TopicError) {
        _ = try Topic(configuration.bytes(.topic))
      } catch {
        configuration.refuse(.topic)
      }
    }
    priority = UInt8(truncatingIfNeeded: configuration.number(.priority, default: 0))
    ttl = configuration.number(.ttl, default: 0)
    coalescing =
      Coalescing(rawValue: UInt8(truncatingIfNeeded: configuration.choice(.coalesce))) ?? .off
    if configuration.bytes(.idPlaceholder).count > 32 { configuration.refuse(.idPlaceholder) }
    if configuration.bytes(.firmwareVersion).count > 128 { configuration.refuse(.firmwareVersion) }
    _ = configuration.path(.onRequest)
    // Quotation marks would become part of the path.
    if configuration.bytes(.stateDirectory)[0] == UInt8(ascii: "\"") {
      configuration.refuse(.stateDirectory)
    }
  }
}

extension Configuration {
  /// What the device signs with.
  var signMethod: SignMethod {
    switch choice(.signMethod) {
    case 1: .hmacSHA1
    case 2: .hmacMD5
    default: .hmacSHA256
    }
  }
}

extension MQTTLinkSettings {
  /// The settings of the link.
  @inline(never)
  init(_ configuration: borrowing Configuration, _ transport: MQTTTransport) {
    self.init()
    connect = MQTTConnectRequest(signMethod: configuration.signMethod, transport: transport)
    connect.wantsNotices = configuration.choice(.notices) == 1
    let seconds = configuration.number(.keepAlive, default: 300)
    do throws(MQTTSettingsError) {
      keepAlive = try MQTTKeepAlive(seconds: Int(seconds))
    } catch {
      configuration.refuse(.keepAlive)
    }
    isClean = configuration.choice(.cleanSession) == 0
    reportsInFlight = Int(configuration.number(.inFlight, default: 1))
    readsReplies = configuration.choice(.replies) == 0
    staysConnected = !configuration.arguments.isOnce
    #if GATEWAY
    // Two tries each of the connection and, for a token that is refused, of the authentication.
    if configuration.choice(.authentication) == 1 { connectTimeout = Milliseconds(180_000) }
    #endif
  }
}

extension DownlinkSettings {
  /// What the agent takes.
  init(_ configuration: borrowing Configuration) {
    self.init()
    taken = .all
    timeToAnswer = Milliseconds(Int64(configuration.number(.answerTime, default: 30)) * 1_000)
  }
}
