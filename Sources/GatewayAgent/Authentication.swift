// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import HTTPSChannel
internal import HTTPSLayer
internal import MQTTAuthentication
internal import MQTTLayer
internal import OpenSSLSupport
internal import Platform
internal import PlatformHTTPS

/// Where a device authenticates over HTTPS for its connections (device guide 3.2).
struct AuthenticationServer {
  private var count = 0
  private var storage = InlineArray<256, UInt8>(repeating: 0)
  private(set) var port: UInt16 = 443

  /// Reads the address, or takes the platform's own; an error ends the process.
  @inline(never)
  init(_ configuration: borrowing Configuration) {
    let isWanted = configuration.choice(.authentication) == 1
    var text = configuration.bytes(.authEndpoint)
    if !text.isEmpty, !isWanted { configuration.require(.authentication, for: .authEndpoint) }
    if let scheme = HTTPSScheme(text) {
      text = text.extracting(scheme.endpoint)
      if text.isEmpty { configuration.refuse(.authEndpoint, .noHost) }
    }
    var host = Span("iot-auth.cn-shanghai.aliyuncs.com" as StaticString)
    if !text.isEmpty {
      do throws(EndpointError) {
        let endpoint = try EndpointText(text)
        if endpoint.scheme != .none { configuration.refuse(.authEndpoint, .notHTTPS) }
        host = text.extracting(endpoint.host)
        if endpoint.port > 0 { port = endpoint.port }
      } catch {
        configuration.refuse(.authEndpoint, error == .scheme ? .notHTTPS : error.phrase)
      }
    }
    var writer = ByteWriter(storage.mutableSpan)
    // Of 255 bytes at most, which the reader of endpoints has checked.
    try? writer.append(host)
    count = writer.count
  }

  /// The host name or address.
  var host: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(0..<count) }
  }
}

/// Makes what authenticates over HTTPS, where the configuration wants that; an error ends the process.
@inline(never)
func makeSource(
  _ configuration: borrowing Configuration,
  _ server: borrowing AuthenticationServer,
  _ identity: DeviceIdentity,
  _ secret: borrowing SecretBytes
) -> TokenSource<HTTPSChannel>? {
  guard configuration.choice(.authentication) == 1 else { return nil }
  var token = TokenSettings()
  token.signMethod = configuration.signMethod
  // An address of the user's own stands.
  token.takesAddress = !configuration.has(.endpoint)
  // As many reports as may be under way, each of which has 1,024 bytes and a topic, and requests for subscriptions.
  token.heldBytes = 65_536
  guard let own = SecretBytes(copying: secret.bytes) else {
    fail(.usage, Span("error no memory for the secret" as StaticString))
  }
  var settings = makeHTTPSSettings(configuration, server.host, server.port)
  settings.connectTimeout = token.answerTimeout
  return TokenSource(
    identity: identity,
    secret: own,
    settings: token,
    requests: makeHTTPSChannel(configuration, settings, .authEndpoint)
  )
}

/// Makes what fetches configurations, where somebody takes them; an error ends the process.
@inline(never)
func makeFileChannel(_ configuration: borrowing Configuration) -> HTTPSChannel? {
  _ = configuration.choice(.fetchConfiguration)
  _ = configuration.number(.configurationTime, default: 1)
  _ = configuration.number(.configurationLimit, default: 1_024)
  guard configuration.has(.onConfiguration) else {
    let keys: [3 of ConfigurationKey] = [
      .fetchConfiguration, .configurationTime, .configurationLimit,
    ]
    for index in keys.indices where configuration.has(keys[index]) {
      configuration.require(.onConfiguration, for: keys[index])
    }
    return nil
  }
  _ = configuration.path(.onConfiguration)
  // Files come from wherever their addresses say; this one is asked for nothing else.
  let settings = makeHTTPSSettings(configuration, Span("localhost" as StaticString), 443)
  return makeHTTPSChannel(configuration, settings, .caFile)
}

private func makeHTTPSSettings(
  _ configuration: borrowing Configuration,
  _ host: Span<UInt8>,
  _ port: UInt16
) -> HTTPSChannelSettings {
  do throws(HTTPSChannelError) {
    return try HTTPSChannelSettings(host: host, port: port)
  } catch {
    configuration.refuse(.authEndpoint)
  }
}

private func makeHTTPSChannel(
  _ configuration: borrowing Configuration,
  _ settings: HTTPSChannelSettings,
  _ key: ConfigurationKey
) -> HTTPSChannel {
  var text = InlineArray<32_768, UInt8>(repeating: 0)
  var room = text.mutableSpan
  let length = readAuthorities(configuration, into: &room)
  do throws(HTTPSChannelError) {
    return try HTTPSChannel(settings, authorities: room.span.extracting(0..<length))
  } catch {
    switch error {
    case .host: configuration.refuse(key)
    case .authorities: configuration.refuse(.caFile)
    case .limits, .library, .system:
      fail(.usage, Span("error libcurl cannot be set up for HTTPS" as StaticString))
    }
  }
}

extension Agent {
  /// Appends why an authentication brought no token.
  mutating func addAuthentication(_ failure: MQTTAuthenticationFailure) {
    line.add("authentication ")
    switch failure {
    case .code(let code):
      line.add("code=")
      line.add(UInt64(widening: code))
    case .status(let status):
      line.add("status=")
      line.add(UInt64(widening: status))
    case .transfer(let reason): line.add(reason.word)
    case .answer: line.add("unusable-answer")
    case .address: line.add("bad-address")
    case .signing: line.add("signing-failed")
    case .memory: line.add("no-memory")
    }
  }
}
