// SPDX-License-Identifier: Apache-2.0
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

extension Agent {
  /// Creates the device described by the configuration; an error ends the process, and so does
  /// `--check`.
  init(_ arguments: Arguments) {
    extras = HintCommand()
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
    let fingerprint = makeFingerprint(
      configuration,
      identity,
      secret,
      mode: endpoint.isDTLS ? 1 : 0
    )
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
    #if LEDGER
    // After the directory, which one agent has.
    readLedger()
    #endif
    signals.open()
    // Last: the socket may be of another agent, which has the directory as well.
    if configuration.has(.socket) { listen(socketMode, socketGroup) }
  }
}

// MARK: - Parts, each of which ends the process on failure

#if SYMMETRIC_ONLY
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
