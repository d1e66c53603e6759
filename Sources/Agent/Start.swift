internal import CPOSIX
internal import CoAPExchange
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import OpenSSLSupport
internal import Platform
internal import PlatformCredentials
internal import SecurityLayer
internal import SymmetricSecurity
internal import SystemClocks

#if SYMMETRIC_ONLY
typealias AgentSecurity = SymmetricSecurity
#else
internal import DTLSSecurity
internal import EitherSecurity

typealias AgentSecurity = EitherSecurity
#endif

/// Runs the program with `main`'s arguments until the process ends.
public func runAgent(
  _ count: Int32,
  _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Never {
  #if !hasFeature(Embedded)
  nbiot_end_by_crashes()
  #endif
  nbiot_open_standard()
  nbiot_forbid_core()
  var arguments = unsafe Arguments(values)
  guard arguments.read(count) else {
    say(.wrongArgument, arguments.culprit, 0)
    log(helpText.word(0, by: 0x0A))
    fail(.usage, helpText.word(1, by: 0x0A))
  }
  switch arguments.request {
  case .help: finish(printing: helpText)
  case .version: finish(printing: "nbiot-agent 1.0\n")
  case .send: leave(sendLine(arguments))
  case .run, .check:
    nbiot_end_by_signals()
    var agent = Agent(arguments)
    agent.showStart()
    agent.run()
    leave(.success)
  }
}

extension Agent {
  /// Creates the device described by the configuration; an error ends the process, and so does
  /// `--check`.
  @inline(never)
  init(_ arguments: Arguments) {
    configuration = Configuration(arguments)
    configuration.read()
    configuration.require(.productKey)
    configuration.require(.deviceName)
    configuration.require(.deviceSecretFile)
    configuration.require(.stateDirectory)
    endpoint.read(configuration)
    settings.read(configuration)
    let session = DeviceSettings(configuration)
    let durableSettings = DurableSettings(configuration)
    let identity = makeIdentity(configuration)
    let secret = readSecret(configuration)
    let fingerprint = makeFingerprint(configuration, endpoint, identity, secret)
    let security = makeSecurity(
      configuration,
      endpoint,
      identity,
      secret,
      session.timing
    )
    let socketMode = configuration.mode(.socketMode, default: 0o660)
    let socketGroup = configuration.group(.socketGroup)
    if arguments.request == .check { finishCheck(configuration) }
    driver = DeviceDriver(
      reports: DurableReports(
        identity: identity,
        secret: secret,
        settings: durableSettings,
        session: session,
        security: security,
        randomness: SystemRandom(),
        boot: WallClock.boot()
      ),
      host: endpoint.host,
      port: endpoint.port
    )
    open(fingerprint)
    signals.open()
    // Last: the socket may be of another agent, which has the directory, too.
    if configuration.has(.socket) { listen(socketMode, socketGroup) }
  }

  // Functions that may end the process are not inlined in the initialiser, where Swift would destroy what exists first.

  @inline(never)
  private mutating func listen(_ mode: UInt32, _ group: UInt32) {
    if !datagrams.listen(at: configuration.path(.socket), mode: mode, group: group) {
      fail(.unusableSocket, configuration.bytes(.socket))
    }
  }

  /// Reads the state directory.
  @inline(never)
  private mutating func open(_ fingerprint: FixedBytes<32>) {
    do throws(StoreError) {
      try driver.reports.open(
        try StateDirectory(path: configuration.bytes(.stateDirectory)),
        fingerprint: fingerprint,
        at: MonotonicClock.now(),
        date: WallClock.now()
      )
    } catch {
      giveUp(error)
    }
  }

  /// Ends or restarts the process because the state directory cannot be used.
  @inline(never)
  private mutating func giveUp(_ error: StoreError) {
    line.start(.stateDirectory)
    error.describe(in: &line)
    line.add(.colonAndSpace)
    line.add(configuration.bytes(.stateDirectory))
    log(&line)
    // A disk that refuses may be well again: the program starts over, and takes no line until then.
    if !configuration.arguments.isOnce, error.mayPass {
      // A signal ends the program meanwhile.
      _ = poll(nil, 0, 5_000)
      configuration.arguments.startOver()
    }
    nbiot_exit(AgentStatus.store.rawValue)
  }
}

// MARK: - Parts, each of which ends the process on failure

@inline(never)
private func makeIdentity(_ configuration: borrowing Configuration) -> DeviceIdentity {
  do throws(IdentityError) {
    return try DeviceIdentity(
      productKey: configuration.bytes(.productKey),
      deviceName: configuration.bytes(.deviceName),
      clientID: configuration.has(.clientID) ? configuration.bytes(.clientID) : nil
    )
  } catch {
    switch error {
    case .productKey: configuration.refuse(.productKey)
    case .deviceNameLength, .deviceNameCharacter: configuration.refuse(.deviceName)
    case .clientIDLength, .clientIDCharacter: configuration.refuse(.clientID)
    }
  }
}

/// Ends the process with what `--check` finds beyond a start, which makes the socket and runs the command later.
///
/// It is not declared `Never`, which would make its caller destroy its values first.
@inline(never)
private func finishCheck(_ configuration: borrowing Configuration) {
  let socket = configuration.path(.socket)
  let command = configuration.path(.hintCommand)
  // SAFETY: both end with a zero byte.
  let code = unsafe socket.withUnsafeBytes {
    unsafe nbiot_check_unix($0.bindMemory(to: CChar.self).baseAddress, $0.count)
  }
  let isCommand = unsafe command.withUnsafeBytes {
    unsafe nbiot_is_command($0.bindMemory(to: CChar.self).baseAddress)
  }
  if configuration.has(.socket), code != 0 {
    fail(.unusableSocket, configuration.bytes(.socket), code: code)
  }
  if configuration.has(.hintCommand), isCommand == 0 {
    configuration.refuse(.hintCommand, .notExecutable)
  }
  finish(printing: "the configuration is good\n")
}

/// The first line of the secret's file, trimmed.
@inline(never)
private func readSecret(_ configuration: borrowing Configuration) -> SecretBytes {
  var text = InlineArray<256, UInt8>(repeating: 0)
  var room = text.mutableSpan
  defer { wipe(&room) }
  let path = configuration.path(.deviceSecretFile)
  let length = PrivateInput.read(path, into: &room, .unusableSecret)
  let line = room.span.firstLine(of: 0..<length)
  let isTrimmed =
    line.lowerBound > 0 || line.upperBound < length && !room[line.upperBound].isLineEnd
  if !line.isEmpty, isTrimmed { log(Phrase.secretTrimmed.text) }
  guard let secret = SecretBytes(copying: room.span.extracting(line)) else {
    fail(.unusableSecret, configuration.bytes(.deviceSecretFile), code: 0)
  }
  return secret
}

@inline(never)
private func makeFingerprint(
  _ configuration: borrowing Configuration,
  _ endpoint: borrowing ServerAddress,
  _ identity: borrowing DeviceIdentity,
  _ secret: borrowing SecretBytes
) -> FixedBytes<32> {
  do throws(OpenSSLError) {
    return try DeviceFingerprint.make(
      identity,
      secret: secret,
      endpoint: configuration.bytes(.endpoint),
      mode: endpoint.isDTLS ? 1 : 0
    )
  } catch {
    fail(.usage, Phrase.noHash.text)
  }
}

#if SYMMETRIC_ONLY
@inline(never)
private func makeSecurity(
  _ configuration: borrowing Configuration,
  _ endpoint: borrowing ServerAddress,
  _ identity: borrowing DeviceIdentity,
  _ secret: borrowing SecretBytes,
  _ timing: TransmissionParameters
) -> AgentSecurity {
  if endpoint.isDTLS {
    fail(.usage, Span("error this program was built without DTLS: build it with `make agent`"))
  }
  return SymmetricSecurity()
}
#else
@inline(never)
private func makeSecurity(
  _ configuration: borrowing Configuration,
  _ endpoint: borrowing ServerAddress,
  _ identity: borrowing DeviceIdentity,
  _ secret: borrowing SecretBytes,
  _ timing: TransmissionParameters
) -> AgentSecurity {
  guard endpoint.isDTLS else {
    return EitherSecurity(SymmetricSecurity())
  }
  var dtls = DTLSSettings()
  dtls.timing = timing
  dtls.allowsCommonName = configuration.choice(.allowCommonName) == 1
  let isKey = configuration.choice(.dtlsKey) == 1
  do throws(DTLSConfigurationError) {
    // One value of two would be moved field by field.
    if isKey {
      return EitherSecurity(try DTLSSecurity(identity, secret: secret.bytes, settings: dtls))
    }
    return EitherSecurity(try makeCertificateLayer(configuration, endpoint, dtls))
  } catch {
    switch error {
    case .authorities: configuration.refuse(.caFile)
    case .serverName: configuration.refuse(configuration.has(.serverName) ? .serverName : .endpoint)
    default: fail(.usage, Span("error OpenSSL cannot be set up for DTLS"))
    }
  }
}

@inline(never)
private func makeCertificateLayer(
  _ configuration: borrowing Configuration,
  _ endpoint: borrowing ServerAddress,
  _ dtls: DTLSSettings
) throws(DTLSConfigurationError) -> DTLSSecurity {
  configuration.require(.caFile)
  var text = InlineArray<32_768, UInt8>(repeating: 0)
  var room = text.mutableSpan
  let path = configuration.path(.caFile)
  let length = PrivateInput.read(path, into: &room, .unreadableAuthorities)
  if length == room.count { configuration.refuse(.caFile) }
  return try DTLSSecurity(
    host: endpoint.host,
    serverName: configuration.bytes(.serverName),
    authorities: room.span.extracting(0..<length),
    settings: dtls
  )
}
#endif
