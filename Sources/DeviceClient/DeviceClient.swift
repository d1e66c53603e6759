// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CBORPayload
public import CoAPLink
public import CoAPMessage
internal import ConstrainedCore
internal import DTLSSecurity
internal import DeviceDriver
public import DeviceStore
internal import OpenSSLSupport
public import Platform
internal import PlatformCoAP
internal import PlatformCredentials
internal import SecurityLayer
internal import SymmetricSecurity
public import TrafficLedger
internal import UDPTransport

/// A device on the platform, for Swift programs with concurrency.
///
/// ```
/// let client = try DeviceClient(configuration, secret: secret)
/// let receipt = try await client.publish(Array(#"{"value":1}"#.utf8), to: "/PK/DN/user/update")
/// await client.close()
/// ```
///
/// Reports are delivered one after the other, in the order of the calls; over MQTT several at a time where
/// `MQTTClientSettings.reportsInFlight` says so. Cancelling the task stops the retransmissions of its report. The
/// client has one socket and one thread that waits for it, and over MQTT those of Eclipse Paho. Over HTTPS it has one
/// connection, which stays open between reports.
public final class DeviceClient: Sendable {
  let core: any ClientCore
  /// Whether the core ends with this client.
  private let ownsCore: Bool
  let identity: DeviceIdentity
  let thingModel: [UInt8]?
  let thingModelRules: ThingModelRules
  /// The models of sub-devices' products, including the gateway's own.
  let subDeviceModels: [String: [UInt8]]
  let deviceNames: DeviceNameRule
  private let canRegister: Bool
  /// Whether it speaks MQTT.
  let isMQTT: Bool
  /// Whether it speaks HTTPS.
  let isHTTPS: Bool
  let maxWait: Milliseconds
  let onPutOff: (@Sendable (Milliseconds) -> Void)?

  /// The state of the session file when it was opened; `nil` if the configuration names none.
  ///
  /// With `found` the client continues that session; otherwise it authenticates again.
  public let sessionFinding: SessionFinding?

  /// The random of the continued session, from which its key is derived; empty if there is none.
  package let keptRandom: [UInt8]

  /// Checks the names without sending anything; the host is resolved when the first call needs it.
  ///
  /// The secret is copied; wipe your own. White space and byte order marks at its ends, and at
  /// those of names and host, are removed, because files and consoles leave them there.
  public convenience init(
    _ configuration: DeviceClientConfiguration,
    secret: [UInt8]
  ) throws(DeviceClientError) {
    try self.init(configuration, secret: secret, gateway: nil)
  }

  /// The client of a sub-device, over the connection of its gateway; that one closes it.
  init(subDevice identity: DeviceIdentity, of gateway: DeviceClient) {
    core = gateway.core
    ownsCore = false
    self.identity = identity
    thingModel = nil
    thingModelRules = gateway.thingModelRules
    subDeviceModels = [:]
    deviceNames = gateway.deviceNames
    canRegister = false
    isMQTT = true
    isHTTPS = false
    maxWait = gateway.maxWait
    onPutOff = gateway.onPutOff
    sessionFinding = nil
    keptRandom = []
  }

  /// As the public one; `gateway` makes it that of a gateway, over MQTT alone.
  init(
    _ configuration: DeviceClientConfiguration,
    secret: [UInt8],
    gateway: GatewayClientSettings?
  ) throws(DeviceClientError) {
    ownsCore = true
    let configuration = try configuration.normalized()
    let identity: DeviceIdentity
    do throws(IdentityError) {
      let clientID = configuration.clientID.map { Array($0.utf8) }
      if let clientID {
        identity = try DeviceIdentity(
          productKey: Array(configuration.productKey.utf8).span,
          deviceName: Array(configuration.deviceName.utf8).span,
          clientID: clientID.span,
          deviceNames: configuration.deviceNames
        )
      } else {
        identity = try DeviceIdentity(
          productKey: Array(configuration.productKey.utf8).span,
          deviceName: Array(configuration.deviceName.utf8).span,
          deviceNames: configuration.deviceNames
        )
      }
    } catch {
      throw .identity(error)
    }
    self.identity = identity
    thingModel = configuration.thingModel
    thingModelRules = configuration.thingModelRules
    deviceNames = configuration.deviceNames
    subDeviceModels = configuration.allSubDeviceModels
    maxWait = configuration.maxWait
    onPutOff = configuration.onPutOff
    if case .certificate = configuration.security {
      canRegister = true
    } else {
      canRegister = false
    }
    let mqtt: MQTTClientSettings?
    if case .mqtt(let settings) = configuration.transport { mqtt = settings } else { mqtt = nil }
    isMQTT = mqtt != nil
    let https: HTTPSClientSettings?
    if case .https(let settings) = configuration.transport { https = settings } else { https = nil }
    isHTTPS = https != nil
    let models = [configuration.thingModel].compactMap { $0 } + configuration.subDeviceModels.values
    for model in models {
      do throws(ThingModelError) { _ = try ThingModelView(model.span) } catch {
        throw .thingModel(error, at: "")
      }
    }
    guard secret.span.isUTF8 else { throw .secretEncoding }
    guard let bytes = SecretBytes(copying: secret.span.trimmed) else {
      throw .secretLength(secret.count)
    }
    let keeper = try Self.makeKeeper(configuration, identity, bytes)
    sessionFinding = keeper?.finding
    if let mqtt {
      keptRandom = []
      core = try Self.makeCore(configuration, mqtt, identity, bytes, keeper, gateway)
      core.start()
      return
    }
    guard gateway == nil else { throw .needsMQTT }
    keptRandom = keeper?.random ?? []
    if let https {
      core = try Self.makeCore(configuration, https, identity, bytes, keeper)
      core.start()
      return
    }
    switch configuration.security {
    case .symmetric:
      core = try Self.makeCore(configuration, identity, bytes, SymmetricSecurity(), keeper)
    case .certificate, .preSharedKey, .ownKey:
      let channel = try Self.makeDTLS(configuration, identity, secret)
      if let onMessage = configuration.onMessage {
        let observed = ObservedChannel(channel, onMessage)
        core = try Self.makeCore(configuration, identity, bytes, observed, keeper) {
          $0.withChannel { Self.export(&$0) }
        }
      } else {
        core = try Self.makeCore(configuration, identity, bytes, channel, keeper) {
          Self.export(&$0)
        }
      }
    }
    core.start()
  }

  private static func makeCore<Security: SecurityLayer & SendableMetatype & ~Copyable>(
    _ configuration: DeviceClientConfiguration,
    _ identity: DeviceIdentity,
    _ secret: consuming sending SecretBytes,
    _ security: consuming sending Security,
    _ keeper: sending SessionKeeper?,
    export: @escaping @Sendable (inout Security) -> [UInt8]? = { _ in nil }
  ) throws(DeviceClientError) -> any ClientCore {
    do throws(TransportError) {
      let link = ServerLink(
        host: Array(configuration.host.utf8).span,
        addresses: configuration.addresses,
        port: configuration.port ?? defaultPort(configuration.security)
      )
      var settings = configuration.settings
      settings.firstRequestID = settings.firstRequestID ?? RequestIDs.first()
      settings.isKept = keeper != nil
      var session = CoAPLink(
        identity: identity,
        secret: secret,
        settings: settings,
        security: security,
        randomness: SystemRandom()
      )
      if configuration.maxAnswer > 0 {
        session.takeAnswersInBlocks(upTo: configuration.maxAnswer)
      }
      if configuration.authenticationFormat == .cbor {
        session.authenticate(as: CBORWriter.self, reading: CBORReader.self)
      }
      return DeviceCore(
        session: session,
        link: link,
        signal: try WakeSignal(),
        keeper: keeper,
        onTransmission: configuration.onTransmission,
        onMessage: configuration.onMessage,
        export: export
      )
    } catch {
      throw .transport(error)
    }
  }

  /// Opens and locks the session's file, if there is one and something to be kept in it.
  private static func makeKeeper(
    _ configuration: DeviceClientConfiguration,
    _ identity: DeviceIdentity,
    _ secret: borrowing SecretBytes
  ) throws(DeviceClientError) -> sending SessionKeeper? {
    guard let path = configuration.sessionFile else { return nil }
    let (host, mode): (String, UInt8)
    var (port, usual) = (configuration.port, httpsPort)
    switch configuration.transport {
    case .https: (host, mode) = (configuration.host, 4)
    case .mqtt(let settings):
      // A connection that is signed leaves nothing behind.
      guard case .https(let token) = settings.authentication else { return nil }
      (host, mode) = (token.host, 5)
      port = token.port
    case .coap:
      host = configuration.host
      usual = defaultPort(configuration.security)
      mode =
        switch configuration.security {
        case .symmetric: 0
        case .certificate: 1
        case .preSharedKey: 2
        case .ownKey: 3
        }
    }
    let endpoint = Array("\(host):\(port ?? usual)".utf8)
    let fingerprint: FixedBytes<32>
    do throws(OpenSSLError) {
      fingerprint = try DeviceFingerprint.make(
        identity,
        secret: secret,
        endpoint: endpoint.span,
        mode: mode
      )
    } catch {
      throw .authentication(.security(.library(code: error.code)))
    }
    do throws(SessionFileError) {
      return try SessionKeeper(path: Array(path.utf8), fingerprint: fingerprint)
    } catch {
      throw .sessionFile(error)
    }
  }

  private static func defaultPort(_ security: ClientSecurity) -> UInt16 {
    switch security {
    case .symmetric: PlatformAddress.symmetricPort
    case .certificate, .preSharedKey, .ownKey: PlatformAddress.dtlsPort
    }
  }

  private static func makeDTLS(
    _ configuration: DeviceClientConfiguration,
    _ identity: DeviceIdentity,
    _ secret: [UInt8]
  ) throws(DeviceClientError) -> DTLSSecurity {
    var settings = configuration.dtls
    settings.timing = configuration.settings.timing
    do throws(DTLSConfigurationError) {
      var security: DTLSSecurity
      switch configuration.security {
      case .certificate(let trust):
        let name = Array((trust.serverName ?? configuration.host).utf8)
        guard EndpointText.isHost(name.span) else { throw .serverName }
        if let certificate = trust.certificate, let key = trust.key {
          security = try DTLSSecurity(
            serverName: name.span,
            authorities: trust.authorities.span,
            certificate: certificate.span,
            key: key.span,
            settings: settings
          )
        } else {
          guard trust.certificate == nil, trust.key == nil else { throw .deviceCertificate }
          security = try DTLSSecurity(
            host: name.span,
            serverName: Span(),
            authorities: trust.authorities.span,
            settings: settings
          )
        }
      case .preSharedKey(let request):
        security = try DTLSSecurity(
          identity,
          secret: secret.span.trimmed,
          request: request,
          settings: settings
        )
      case .ownKey(let identity, let key):
        security = try DTLSSecurity(identity: identity.span, key: key.span, settings: settings)
      case .symmetric: preconditionFailure("the symmetric mode has no DTLS")
      }
      if let session = configuration.dtlsSession {
        do throws(DTLSConfigurationError) {
          try security.importSession(session.span)
        } catch {
          // A session of another server: the handshake is a full one.
        }
      }
      return security
    } catch {
      throw .dtls(error)
    }
  }

  private static func export(_ security: inout DTLSSecurity) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: DTLSSecurity.maxSessionSize)
    defer {
      var span = buffer.mutableSpan
      wipe(&span)
    }
    var writer = ByteWriter(buffer.mutableSpan)
    guard (try? security.exportSession(into: &writer)) == true else { return nil }
    let count = writer.count
    return Array(buffer[..<count])
  }

  deinit {
    if ownsCore { core.stop() }
  }

  /// Authenticates unless the device has a token.
  ///
  /// `publish` authenticates by itself; call this to check the credentials early.
  public func connect() async throws {
    let id = core.makeID()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { core.connect(id, $0) }
    } onCancel: {
      core.cancel(id)
    }
  }

  /// Registers the device: the client, created with its product's secret, requests the device's own
  /// secret from the platform, returns it and uses it from then on.
  ///
  /// Store it at once where it survives power failures and is private, and wipe your copy. Throws
  /// `DeviceClientError`, or `CancellationError` if the task is cancelled; the platform may then
  /// have issued a secret, and issues another one as long as the device has not been active. Needs
  /// DTLS with a certificate.
  ///
  /// Unverified: the platform's C SDK v4 registers this way over CoAP; the device guide describes HTTPS and
  /// MQTT only. Over MQTT `MQTTClientSettings.registration` says whether the platform knows the device; for one that it
  /// does not know a token is returned, which belongs to `registeredClientID`.
  public func register(signMethod: SignMethod = .hmacSHA256) async throws -> [UInt8] {
    // A pre-shared key would have to be derived from the requested secret.
    guard !isHTTPS else { throw DeviceClientError.notOverHTTPS }
    guard isMQTT || canRegister else { throw DeviceClientError.device(.registrationNeedsDTLS) }
    let id = core.makeID()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { core.register(id, signMethod, $0) }
    } onCancel: {
      core.cancel(id)
    }
  }

  /// Reports `payload` to `topic` and waits for the platform's answer.
  ///
  /// Throws `DeviceClientError`, or `CancellationError` when the task is cancelled; the platform may
  /// have the report then. A topic that the platform has put off is not reported to before the time that it asked
  /// for is over: until then this throws `putOff` at once, or waits as long as `maxWait` of the configuration allows.
  public func publish(
    _ payload: [UInt8],
    to topic: String,
    format: ContentFormat = .json
  ) async throws -> Receipt {
    let checked: Topic
    do throws(TopicError) {
      checked = try Topic(Array(topic.utf8).span)
    } catch {
      throw DeviceClientError.topic(error)
    }
    return try await deliver(payload, .topic(checked), format: format)
  }

  /// Delivers a payload, or fails.
  func attempt(
    _ payload: [UInt8],
    _ target: Target,
    format: ContentFormat
  ) async throws -> Receipt {
    if isHTTPS {
      guard payload.count <= HTTPSClientSettings.maxPayload else {
        throw DeviceClientError.httpsPayloadTooLong(payload.count)
      }
    } else if isMQTT {
      guard payload.count <= MQTTClientSettings.maxPayload else {
        throw DeviceClientError.payloadTooLong(payload.count)
      }
    } else if payload.count > PlatformRequest.maxPayload {
      throw DeviceClientError.device(.payloadTooLong(payload.count))
    }
    let id = core.makeID()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation {
        core.publish(
          Pending(
            id: id,
            target: target,
            payload: payload,
            format: format,
            continuation: $0
          )
        )
      }
    } onCancel: {
      core.cancel(id)
    }
  }

  /// What the client has sent and received.
  public var counters: DeviceCounters { core.counters }

  /// The traffic by purpose.
  public var traffic: DeviceTraffic { core.traffic }

  /// The traffic by purpose and direction, in finer purposes than `traffic`.
  ///
  /// Over CoAP it has every byte of UDP, with the headers of IP and UDP, and is empty where the package was built
  /// without its trait `Ledger`. Over HTTPS and MQTT it has every byte of TLS, TCP and IP with that trait, as the kernel
  /// counts them, and without it only requests and answers, or packets.
  public var ledger: TrafficLedger { core.ledger }

  /// Waits, for at most a second, until a closed client's connections have ended on both sides and the ledger has their
  /// last segments.
  package func completeLedger() async {
    for _ in 0..<100 where !core.isLedgerComplete {
      try? await Task.sleep(for: .milliseconds(10))
    }
  }

  /// How many connections could not be followed: of these the ledger has packets alone, and what TLS, TCP and
  /// IP add to the others is too low by as much.
  package var missedConnections: Int { core.missedConnections }

  /// Why the last write of the DTLS session to the session file failed, which costs the next start
  /// a full handshake; `nil` after success.
  public var sessionFileFailure: StoreError? { core.keepingFailure }

  /// The DTLS session, with which a later process can resume; `nil` if there is none.
  ///
  /// It contains the channel's secret: keep it private.
  public func exportSession() -> [UInt8]? { core.exportSession() }

  /// Ends everything in flight with an error and closes the socket.
  ///
  /// Nothing is sent over CoAP, unless `dtls.saysGoodbye` is set: on a radio a close_notify costs a wake-up. Over MQTT
  /// it says goodbye, which may take up to 3 seconds.
  public func close() async {
    core.stop()
    await withCheckedContinuation { core.waitForEnd($0) }
  }
}
