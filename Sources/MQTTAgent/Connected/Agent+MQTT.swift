// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import DeviceDownlinks
internal import DeviceDriver
internal import DurableReports
internal import MQTTChannel
internal import MQTTLink
internal import OpenSSLSupport
internal import Platform
internal import PlatformMQTT
internal import SystemClocks

// Embedded Swift wants the conformances of what the driver is made of.
#if GATEWAY
internal import GatewayLink
internal import GatewaySessions
internal import HTTPSChannel
internal import MQTTAuthentication
#endif

#if GATEWAY
/// What moves the packets: connections with the device's own sign, or with a token got over HTTPS.
typealias AgentLayer = TokenLayer<MQTTChannel, HTTPSChannel>
#else
/// What moves the packets.
typealias AgentLayer = MQTTChannel
#endif

#if !GATEWAY
/// The link of a device.
typealias AgentLink = MQTTLink<AgentLayer, SystemRandom>
#endif

/// What moves the reports, over MQTT.
typealias AgentDriver = DescriptorDriver<AgentLink>

extension Agent {
  /// Creates the device described by the configuration; an error ends the process, and so does
  /// `--check`.
  init(_ arguments: Arguments) {
    configuration = Configuration(arguments)
    configuration.read()
    configuration.require(.productKey)
    configuration.require(.deviceName)
    configuration.require(.deviceSecretFile)
    configuration.require(.stateDirectory)
    endpoint.read(configuration)
    settings.read(configuration)
    let linkSettings = MQTTLinkSettings(configuration, endpoint.transport)
    let durableSettings = DurableSettings(configuration)
    let downlinkSettings = DownlinkSettings(configuration)
    let identity = makeIdentity(configuration)
    checkDesired(configuration, identity)
    // One of the names alone has no bar.
    if (try? MQTTConnectRequest.check(identity)) == nil { configuration.refuse(.clientID) }
    let secret = readSecret(configuration)
    let fingerprint = makeFingerprint(configuration, identity, secret, mode: 2)
    #if GATEWAY
    let authentication = AuthenticationServer(configuration)
    if configuration.choice(.authentication) == 1, !endpoint.channel.isSecure {
      configuration.refuse(.authentication, .needsTLS)
    }
    let files = makeFileChannel(configuration)
    let channel = TokenLayer(
      makeChannel(configuration, endpoint),
      makeSource(configuration, authentication, identity, secret)
    )
    #else
    let channel = makeChannel(configuration, endpoint)
    #endif
    let model = readModel(configuration)
    let socketMode = configuration.mode(.socketMode, default: 0o660)
    let socketGroup = configuration.group(.socketGroup)
    #if GATEWAY
    let link = makeGatewayLink(
      configuration,
      identity,
      makeLink(configuration, identity, secret, linkSettings, channel)
    )
    #endif
    if !endpoint.channel.isSecure { log(Span("warning not-encrypted tls=no" as StaticString)) }
    if arguments.request == .check { finishCheck(configuration) }
    var random = SystemRandom()
    extras = AgentExtras(
      identity,
      exchange: DownlinkExchange(
        identity,
        settings: downlinkSettings,
        // Small enough to be typed, and none of an earlier life.
        firstNumber: UInt32(truncatingIfNeeded: random.next() % 900_000_000) + 100_000_000
      ),
      model: model
    )
    #if GATEWAY
    extras.configurations.channel = files
    driver = AgentDriver(
      reports: DurableReports(link: link, settings: durableSettings, boot: WallClock.boot())
    )
    #else
    driver = AgentDriver(
      reports: DurableReports(
        link: makeLink(configuration, identity, secret, linkSettings, channel),
        settings: durableSettings,
        boot: WallClock.boot()
      )
    )
    #endif
    open(fingerprint)
    signals.open()
    if !arguments.isOnce { _ = extras.exchange.listen(over: &driver.reports) }
    #if GATEWAY
    if !arguments.isOnce, configuration.choice(.fetchConfiguration) == 1 {
      var filter = FixedBytes<160>()
      filter.write { writeConfigurationReplyTopic(into: &$0) }
      _ = driver.reports.listen(to: filter.bytes)
    }
    #endif
    // Last: the socket may be of another agent, which has the directory as well.
    if configuration.has(.socket) { listen(socketMode, socketGroup) }
  }
}

// MARK: - Parts, each of which ends the process on failure

private func makeLink(
  _ configuration: borrowing Configuration,
  _ identity: DeviceIdentity,
  _ secret: consuming SecretBytes,
  _ settings: MQTTLinkSettings,
  _ channel: consuming AgentLayer
) -> MQTTLink<AgentLayer, SystemRandom> {
  do throws(MQTTSettingsError) {
    return try MQTTLink(
      identity: identity,
      secret: secret,
      settings: settings,
      layer: channel,
      randomness: SystemRandom()
    )
  } catch {
    // A default one, of the names, has no bar.
    configuration.refuse(.clientID)
  }
}

private func makeChannel(
  _ configuration: borrowing Configuration,
  _ endpoint: borrowing ServerAddress
) -> MQTTChannel {
  var text = InlineArray<32_768, UInt8>(repeating: 0)
  var room = text.mutableSpan
  var length = 0
  if endpoint.channel.isSecure { length = readAuthorities(configuration, into: &room) }
  do throws(ChannelError) {
    var settings = try ChannelSettings(endpoint.channel, host: endpoint.host, port: endpoint.port)
    if configuration.has(.webSocketPath) {
      do throws(CapacityError) {
        try settings.path.replace(with: configuration.bytes(.webSocketPath))
      } catch {
        configuration.refuse(.webSocketPath)
      }
    }
    return try MQTTChannel(settings, authorities: room.span.extracting(0..<length))
  } catch {
    switch error {
    case .path: configuration.refuse(.webSocketPath)
    case .host: configuration.refuse(.endpoint)
    case .authorities: configuration.refuse(.caFile)
    case .limits, .system: fail(.usage, Span("error no memory for the connection" as StaticString))
    }
  }
}

/// Reads the authorities, which there have to be; their length.
func readAuthorities(
  _ configuration: borrowing Configuration,
  into room: inout MutableSpan<UInt8>
) -> Int {
  configuration.require(.caFile)
  let length = PrivateInput.read(configuration.path(.caFile), into: &room, .unreadableAuthorities)
  if length == 0 || length == room.count { configuration.refuse(.caFile) }
  let count = certificateCount(in: room.span.extracting(0..<length)) ?? 0
  if count == 0 { configuration.refuse(.caFile) }
  return length
}

/// Ends the process where `desired` has what is no name of a property.
private func checkDesired(_ configuration: borrowing Configuration, _ identity: DeviceIdentity) {
  let names = configuration.bytes(.desired)
  if names.isEmpty { return }
  var storage = InlineArray<2_048, UInt8>(repeating: 0)
  var topic = Topic()
  if writeDesired(names, of: identity, id: 1, into: storage.mutableSpan, &topic) == 0 {
    configuration.refuse(.desired)
  }
}
