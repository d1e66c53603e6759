internal import AliyunIoT
internal import CPOSIX
internal import CoAPExchange
internal import CoAPSecurity
internal import ConstrainedCore
internal import DeviceSession
internal import DeviceStore
internal import OpenSSLSupport
internal import SymmetricSecurity

#if SYMMETRIC_ONLY
typealias AgentSecurity = SymmetricSecurity
#else
internal import DTLSSecurity
internal import EitherSecurity

typealias AgentSecurity = EitherSecurity
#endif

/// Runs the program with `main`'s arguments; the exit status.
public func runAgent(
  _ count: Int32,
  _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
  guard let arguments = unsafe Arguments(count, values) else {
    log(
      TextLine(
        "usage: nbiot-agent --config FILE [--once] [--format json|cbor] [--check], or --help"
      )
    )
    return ExitStatus.usage.rawValue
  }
  switch arguments.request {
  case .help: return show(helpText)
  case .version: return show("nbiot-agent 1.0\n")
  case .run, .check: break
  }
  var text = InlineArray<8_193, UInt8>(repeating: 0)
  var room = text.mutableSpan
  guard let length = PrivateInput.read(arguments.path.bytes, into: &room, isSecret: false) else {
    return complain("the configuration file cannot be read", arguments.path.bytes)
  }
  let bytes = room.span.extracting(0..<length)
  do throws(ConfigurationError) {
    return try start(try Configuration(bytes), arguments)
  } catch {
    explain(error, bytes, arguments.path)
    return ExitStatus.usage.rawValue
  }
}

/// Makes the device that the configuration describes, and runs it.
private func start(
  _ configuration: Configuration,
  _ arguments: Arguments
) throws(ConfigurationError) -> Int32 {
  try configuration.require(.productKey)
  try configuration.require(.deviceName)
  try configuration.require(.deviceSecretFile)
  try configuration.require(.stateDirectory)
  let identity = try DeviceIdentity(configuration)
  let settings = try AgentSettings(configuration, arguments)
  let deviceSettings = try DeviceSettings(configuration)
  let durableSettings = try DurableSettings(configuration)
  let mode = UInt8(truncatingIfNeeded: try configuration.choice(.security, securityModes))
  guard let secret = readSecret(configuration.path(.deviceSecretFile)) else {
    return complain(
      "the secret file must hold the device secret in its first line",
      configuration.bytes(.deviceSecretFile)
    )
  }
  let fingerprint: FixedBytes<32>
  do throws(OpenSSLError) {
    fingerprint = try DeviceFingerprint.make(
      identity,
      secret: secret,
      endpoint: configuration.bytes(.endpoint),
      mode: mode
    )
  } catch {
    return complain("OpenSSL has no SHA-256", Span())
  }
  let security: AgentSecurity
  switch try makeSecurity(configuration, identity, secret, settings, deviceSettings.timing) {
  case .some(let layer): security = layer
  case .none: return ExitStatus.usage.rawValue
  }
  if arguments.request == .check { return show("the configuration is good\n") }
  let session = DeviceSession(
    identity: identity,
    secret: secret,
    settings: deviceSettings,
    security: security,
    randomness: SystemRandom()
  )
  return run(session, fingerprint, settings, durableSettings, configuration)
}

private func run(
  _ session: consuming DeviceSession<AgentSecurity, SystemRandom>,
  _ fingerprint: FixedBytes<32>,
  _ settings: AgentSettings,
  _ durableSettings: DurableSettings,
  _ configuration: Configuration
) -> Int32 {
  let signals = SignalInput()
  var datagrams: DatagramInput?
  if configuration.has(.socket) {
    datagrams = DatagramInput.listen(at: configuration.bytes(.socket))
    if datagrams == nil {
      return complain("the socket cannot be made", configuration.bytes(.socket))
    }
  }
  do throws(StoreError) {
    let directory = try StateDirectory(path: configuration.bytes(.stateDirectory))
    let device = try DurableDevice(
      session: session,
      fingerprint: fingerprint,
      directory: directory,
      settings: durableSettings,
      date: WallClock.now()
    )
    var agent = Agent(device: device, settings: settings, datagrams: datagrams, signals: signals)
    agent.showStart()
    return agent.run()
  } catch {
    var line = TextLine("error state-directory ")
    error.describe(in: &line)
    log(line)
    return ExitStatus.store.rawValue
  }
}

// MARK: - Parts

/// What `security` may say, in the order of the numbers that sessions on disk are bound to.
let securityModes: StaticString = "symmetric|dtls"

extension DeviceIdentity {
  fileprivate init(_ configuration: Configuration) throws(ConfigurationError) {
    do throws(IdentityError) {
      if configuration.has(.clientID) {
        try self.init(
          productKey: configuration.bytes(.productKey),
          deviceName: configuration.bytes(.deviceName),
          clientID: configuration.bytes(.clientID)
        )
      } else {
        try self.init(
          productKey: configuration.bytes(.productKey),
          deviceName: configuration.bytes(.deviceName)
        )
      }
    } catch {
      switch error {
      case .productKey: throw configuration.error(.productKey)
      case .deviceNameLength, .deviceNameCharacter: throw configuration.error(.deviceName)
      case .clientIDLength, .clientIDCharacter: throw configuration.error(.clientID)
      }
    }
  }
}

extension Configuration {
  /// A value as a path, with a zero byte at its end.
  func path(_ key: ConfigurationKey) -> FixedBytes<256> {
    var path = FixedBytes<256>()
    path.write { (writer: inout ByteWriter) in
      try? writer.append(bytes(key))
      try? writer.append(0)
    }
    return path
  }
}

/// The first line of the secret's file; `nil` when there is none, or none that can be one.
private func readSecret(_ path: FixedBytes<256>) -> SecretBytes? {
  var text = InlineArray<160, UInt8>(repeating: 0)
  var room = text.mutableSpan
  defer { wipe(&room) }
  guard let length = PrivateInput.read(path.bytes, into: &room, isSecret: true) else { return nil }
  var end = 0
  while end < length, room[end] != 0x0A, room[end] != 0x0D { end += 1 }
  guard end > 0 else { return nil }
  return SecretBytes(copying: room.span.extracting(0..<end))
}

#if SYMMETRIC_ONLY
private func makeSecurity(
  _ configuration: Configuration,
  _ identity: DeviceIdentity,
  _ secret: borrowing SecretBytes,
  _ settings: AgentSettings,
  _ timing: TransmissionParameters
) throws(ConfigurationError) -> AgentSecurity? {
  if try configuration.choice(.security, securityModes) == 1 {
    _ = complain("this program was built without DTLS: build it with `make agent`", Span())
    return nil
  }
  return SymmetricSecurity()
}
#else
private func makeSecurity(
  _ configuration: Configuration,
  _ identity: DeviceIdentity,
  _ secret: borrowing SecretBytes,
  _ settings: AgentSettings,
  _ timing: TransmissionParameters
) throws(ConfigurationError) -> AgentSecurity? {
  guard try configuration.choice(.security, securityModes) == 1 else {
    return EitherSecurity(SymmetricSecurity())
  }
  var dtls = DTLSSettings()
  dtls.timing = timing
  let usesKey = try configuration.choice(.dtlsKey, "certificate|psk") == 1
  if !usesKey { try configuration.require(.caFile) }
  let failure: DTLSConfigurationError
  do throws(DTLSConfigurationError) {
    if usesKey { return EitherSecurity(try makeKeySecurity(identity, secret, dtls)) }
    var text = InlineArray<32_768, UInt8>(repeating: 0)
    var room = text.mutableSpan
    let path = configuration.path(.caFile)
    guard let length = PrivateInput.read(path.bytes, into: &room, isSecret: false) else {
      _ = complain("the CA file cannot be read", configuration.bytes(.caFile))
      return nil
    }
    let name =
      configuration.has(.serverName) ? configuration.bytes(.serverName) : settings.host.bytes
    return EitherSecurity(
      try DTLSSecurity(
        serverName: name,
        authorities: room.span.extracting(0..<length),
        settings: dtls
      )
    )
  } catch {
    failure = error
  }
  switch failure {
  case .authorities: throw configuration.error(.caFile)
  case .serverName:
    throw configuration.error(configuration.has(.serverName) ? .serverName : .endpoint)
  default:
    _ = complain("OpenSSL cannot be set up for DTLS", Span())
    return nil
  }
}

private func makeKeySecurity(
  _ identity: DeviceIdentity,
  _ secret: borrowing SecretBytes,
  _ settings: DTLSSettings
) throws(DTLSConfigurationError) -> DTLSSecurity {
  do throws(SecurityError) {
    return try makeKeySecurity(try PreSharedKey(identity, secret: secret.bytes), settings)
  } catch {
    throw .preSharedKey
  }
}

private func makeKeySecurity(
  _ key: borrowing PreSharedKey,
  _ settings: DTLSSettings
) throws(SecurityError) -> DTLSSecurity {
  let name = key.identity
  do throws(DTLSConfigurationError) {
    return try DTLSSecurity(identity: name.bytes, key: key.key.bytes, settings: settings)
  } catch {
    throw .capacity
  }
}
#endif
