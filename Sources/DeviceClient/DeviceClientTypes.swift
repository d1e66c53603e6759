// SPDX-License-Identifier: Apache-2.0
public import Alink
public import CoAPLink
internal import CoAPMessage
public import ConstrainedCore
public import DTLSSecurity
public import DeviceStore
public import HTTPSChannel
public import HTTPSLink
public import MQTTChannel
public import MQTTLink
internal import PayloadCoding
public import Platform
internal import PlatformCoAP
public import PlatformMQTT
public import ReportLink
public import UDPTransport

/// The protection of a client's messages.
public enum ClientSecurity: Sendable {
  /// AES with a key derived from the device secret (device guide 3.6, port 5682).
  case symmetric
  /// DTLS that verifies the platform's certificate (device guide 3.6, port 5684).
  case certificate(PlatformTrust)
  /// DTLS with a key derived from the device secret, as in the platform's C SDK v4.
  case preSharedKey(PreSharedKeyRequest = PreSharedKeyRequest())
  /// DTLS with a custom key, 1 to 128 bytes, under an identity of 1 to 255 bytes.
  case ownKey(identity: [UInt8], key: [UInt8])
}

/// The criteria by which a client authenticates the platform.
public struct PlatformTrust: Sendable {
  /// The certificates of the trusted authorities, in PEM.
  public var authorities: [UInt8]
  /// The name in the platform's certificate; the host when `nil`.
  public var serverName: String?
  /// The device's own certificate in PEM, for a server that requires one.
  public var certificate: [UInt8]?
  /// The private key of that certificate in PEM, without a password.
  public var key: [UInt8]?

  /// Trusts these authorities.
  public init(authorities: [UInt8], serverName: String? = nil) {
    self.authorities = authorities
    self.serverName = serverName
  }
}

/// The configuration of a device and its connection to the platform.
public struct DeviceClientConfiguration: Sendable {
  /// The product's key.
  public var productKey: String
  /// The device's name.
  public var deviceName: String
  /// The client id; `productKey&deviceName` when `nil`.
  public var clientID: String?
  /// The platform's address, in the form of an `EndpointText`: a name or an address in digits,
  /// optionally with a port, or a CoAP URI, whose scheme must match `security`.
  public var host: String
  /// The UDP port; `nil` for the one in `host`, or else the platform's for the security mode.
  public var port: UInt16?
  /// The result of the first name lookup, in digits; empty to ask the system.
  package var addresses: [String] = []
  /// CoAP, MQTT or HTTPS; it decides what of the rest counts.
  public internal(set) var transport = ClientTransport.coap
  /// Signing, options and timing.
  public var settings = DeviceSettings()
  /// The protection of messages over CoAP.
  public var security = ClientSecurity.symmetric
  /// The settings of DTLS; the timing is that of `settings`.
  public var dtls = DTLSSettings()
  /// A DTLS session from an earlier `DeviceClient.exportSession`; one that does not match is
  /// ignored.
  public var dtlsSession: [UInt8]?
  /// The product's thing model: the bytes of a TSL file (device guide 6.10).
  ///
  /// Property and event posts are checked against it before they are sent, because the platform
  /// silently drops invalid values. In a pack post the gateway's own part is checked. `nil` for no
  /// check.
  public var thingModel: [UInt8]?
  /// The thing models of sub-devices' products by product key, for checking their parts of a pack
  /// post.
  ///
  /// Sub-devices of the gateway's own product are checked against `thingModel` unless it is listed
  /// here; those of all other products are not checked.
  public var subDeviceModels: [String: [UInt8]] = [:]
  /// The interpretation of the models' steps, lengths and sizes.
  public var thingModelRules = ThingModelRules()
  /// The rule for device names: for this device, its sub-devices and the devices it has found.
  public var deviceNames = DeviceNameRule.current
  /// A file in which token, sequence numbers and DTLS session outlive the client, with mode 0600;
  /// `nil` for none.
  ///
  /// The next client then continues without an `/auth`, and resumes the DTLS session. Numbers are
  /// reserved in the file before use, so that none is used twice however a process ends; one client
  /// at a time has it locked (`flock`). A symbolic link is refused, and so is a file with other
  /// content. When the file is written, reports wait for the disk.
  public var sessionFile: String?
  /// The format of `/auth` and its answer.
  ///
  /// Unverified: device guide 3.6 lists CBOR beside JSON, but no known client sends it.
  public var authenticationFormat = AuthenticationFormat.json
  /// The longest answer that is fetched in blocks when it is longer than a message, in bytes; 0 for none.
  ///
  /// Unverified: whether the platform sends any.
  public var maxAnswer = 65_536
  /// How long a report or request waits in all where the platform puts it off for a time (4.29 or 5.03); 0 for not
  /// at all.
  ///
  /// It is sent again when that time is over, and fails where it would be too long.
  public var maxWait = Milliseconds(0)
  /// Told before each such wait how long it is.
  public var onPutOff: (@Sendable (Milliseconds) -> Void)?
  /// Told of each datagram that is sent, while the client is locked: be quick, and do not call it.
  public var onTransmission: (@Sendable (DeviceTransmission) -> Void)?
  /// Receives each message right before it is sent and right after it is received, while the client
  /// is locked.
  ///
  /// In symmetric mode messages have their encrypted parts; over DTLS they are taken out of their
  /// records, and DTLS's own datagrams are passed unchanged. They contain tokens and signatures: be
  /// careful where they go.
  public var onMessage: (@Sendable (MessageDirection, Span<UInt8>) -> Void)?

  /// Creates a configuration for the platform's own address (device guide 3.6), unless a host or a
  /// port is given.
  public init(
    productKey: String,
    deviceName: String,
    host: String? = nil,
    port: UInt16? = nil,
    region: String = "cn-shanghai"
  ) {
    self.productKey = productKey
    self.deviceName = deviceName
    self.host = host ?? PlatformAddress.host(productKey: productKey, region: region)
    self.port = port
  }

  /// Creates a configuration for the platform's address of MQTT (device guide 3.2 and 3.3), unless a host or a port is
  /// given.
  ///
  /// Of the other settings those count that say nothing of CoAP: names, thing models and `maxWait`.
  public init(
    productKey: String,
    deviceName: String,
    mqtt settings: MQTTClientSettings,
    host: String? = nil,
    port: UInt16? = nil,
    region: String = "cn-shanghai"
  ) {
    self.init(
      productKey: productKey,
      deviceName: deviceName,
      host: host ?? "\(productKey).iot-as-mqtt.\(region).aliyuncs.com",
      port: port
    )
    transport = .mqtt(settings)
  }

  /// Creates a configuration for the platform's address of HTTPS (device guide 3.8), unless a host or a port is given.
  ///
  /// Of the other settings those count that say nothing of CoAP: names, thing models, `sessionFile`, which has the
  /// token, and `maxWait`.
  public init(
    productKey: String,
    deviceName: String,
    https settings: HTTPSClientSettings,
    host: String? = nil,
    port: UInt16? = nil,
    region: String = "cn-shanghai"
  ) {
    self.init(
      productKey: productKey,
      deviceName: deviceName,
      host: host ?? "iot-as-http.\(region).aliyuncs.com",
      port: port
    )
    transport = .https(settings)
  }

  /// Replaces the settings of the requests.
  package mutating func replace(_ settings: HTTPSClientSettings) { transport = .https(settings) }
}

/// The format of `/auth`.
public enum AuthenticationFormat: Sendable {
  /// As the device guide prints it.
  case json
  /// Unverified.
  case cbor
}

extension DeviceClientConfiguration {
  /// The models of sub-devices, including the gateway's own product.
  var allSubDeviceModels: [String: [UInt8]] {
    var models = subDeviceModels
    if models[productKey] == nil { models[productKey] = thingModel }
    return models
  }
}

/// A report answered by the platform, with the answer's decrypted payload.
public struct Receipt: Sendable {
  /// The outcome and cost of the report.
  public let result: ReportResult
  /// The answer's decrypted payload; empty if there was none.
  public let answer: [UInt8]

  /// The platform's reason for refusing the report, or `/auth` for it: the text in the payload of a
  /// 4.xx or 5.xx answer (RFC 7252 Section 5.5.2); empty if there is none.
  ///
  /// In symmetric mode anybody on the path can forge it: show it, but do not rely on it.
  public var diagnostic: String { result.isRefused ? Diagnostic.text(answer) : "" }

  /// The text of the platform's reply, for `ReportResult.replyCode`; empty if there is none.
  public var replyMessage: String {
    guard result.replyCode != nil, let reply = PlatformReply(answer.span) else { return "" }
    let bytes = reply.message.bytes
    return String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
  }
}

/// Why a client could not do what was requested.
public enum DeviceClientError: Error, Sendable {
  /// The names do not form an identity; nothing was sent.
  case identity(IdentityError)
  /// The host is not an endpoint; nothing was sent.
  case endpoint(EndpointError)
  /// The host contradicts the configuration's port, or by its scheme its security; nothing was
  /// sent.
  case endpointMismatch
  /// The device secret is empty or longer than 128 bytes; nothing was sent.
  case secretLength(Int)
  /// The secret is not UTF-8, and so none of the platform's.
  case secretEncoding
  /// The session's file cannot be used; nothing more was sent.
  case sessionFile(SessionFileError)
  /// The topic is not valid for reports; nothing was sent.
  case topic(TopicError)
  /// The authorities, names or keys for DTLS cannot be used; nothing was sent.
  case dtls(DTLSConfigurationError)
  /// The session does not accept the report; nothing was sent.
  case device(DeviceError)
  /// The endpoint cannot be reached; the report was not sent.
  case transport(TransportError)
  /// The endpoint became unreachable after the report was sent; the platform may have it.
  case interrupted(TransportError, Receipt)
  /// The device could not authenticate; `diagnostic` is the platform's reason, if it gave one.
  case authentication(AuthenticationFailure, diagnostic: String = "")
  /// The device could not register; `diagnostic` is the platform's reason, if it gave one.
  case registration(AuthenticationFailure, diagnostic: String = "")
  /// The report ended without being acknowledged.
  ///
  /// If its `ReportResult.retryAfter` is not 0, the platform has put it off, and further reports to
  /// its topic fail with `putOff` until that time has passed.
  case undelivered(Receipt)
  /// The platform has put off reports to this topic (4.29 or 5.03), with this much of the requested
  /// time left; nothing was sent.
  case putOff(Milliseconds)
  /// The thing-model request breaks a limit; nothing was sent.
  case request(AlinkError)
  /// The thing model cannot be read, or the request does not match it at the member with that path;
  /// nothing was sent.
  case thingModel(ThingModelError, at: String)
  /// The platform's reply refuses the request.
  case refused(AlinkAnswer)
  /// The platform took the request; what it replied cannot be read.
  case unreadableReply(AlinkMessageError, Receipt)
  /// The platform took the request and sent no reply: what became of it is unknown.
  case noReply(Receipt)
  /// The platform took the request, and replied to one of another id.
  case foreignReply(to: UInt32, AlinkAnswer)
  /// The client is closed.
  case closed

  // MARK: Over MQTT

  /// The connection's settings cannot be used; nothing was sent.
  case mqttSettings(MQTTSettingsError)
  /// The address, path or authorities cannot be used; nothing was sent.
  case channel(ChannelError)
  /// No connection came about; the report was not sent.
  case connection(MQTTLinkFailure)
  /// For that reason nothing is connected before so much time has passed; nothing was sent.
  case resting(RestReason, left: Milliseconds)
  /// The connection ended before the platform's answer; it may have the report.
  case lost(RestReason, Receipt)
  /// The platform did not acknowledge the report in time; it may have it.
  case unacknowledged(Receipt)
  /// The topic filter cannot be asked for; nothing was sent.
  case subscription(SubscriptionError)
  /// The platform refuses the subscription to that topic filter, on which it would answer; nothing was sent.
  case subscriptionRefused(String)
  /// The device could not register.
  case mqttRegistration(MQTTRegistrationFailure)
  /// The payload has so many bytes, more than `MQTTClientSettings.maxPayload`; nothing was sent.
  case payloadTooLong(Int)
  /// There is no such request over MQTT; nothing was sent.
  case notOverMQTT
  /// The report's sub-device is not online and not about to be; nothing was sent.
  case subDeviceOffline
  /// The directory with a gateway's outbox cannot be used.
  case outbox(StoreError)
  /// The platform speaks to devices over MQTT only.
  case needsMQTT

  // MARK: Over HTTPS

  /// The settings of the requests cannot be used; nothing was sent.
  case httpsSettings(HTTPSSettingsError)
  /// The address or authorities cannot be used; nothing was sent.
  case httpsChannel(HTTPSChannelError)
  /// The device could not authenticate, or no connection came about; the report was not sent.
  ///
  /// `diagnostic` is the platform's own text, if it gave one; `retryAfter` how long it asks to wait, or 0.
  case httpsAuthentication(HTTPSLinkFailure, diagnostic: String, retryAfter: Milliseconds)
  /// The report was sent, and the platform has not accepted it; without an answer it may have it.
  case httpsReport(HTTPSLinkFailure, diagnostic: String, Receipt)
  /// The payload has so many bytes, more than `HTTPSClientSettings.maxPayload`; nothing was sent.
  case httpsPayloadTooLong(Int)
  /// There is no such request over HTTPS; nothing was sent.
  case notOverHTTPS
}

extension DeviceClientError: CustomStringConvertible {
  /// States what happened, then what to do.
  public var description: String {
    switch self {
    case .identity(let error): error.description
    case .endpoint(let error): "the endpoint cannot be used: \(error)"
    case .endpointMismatch:
      "the endpoint's port or scheme is another than the configuration's: give each once"
    case .secretLength(let count):
      "the device secret has \(count) bytes; 1 to 128 are allowed, and the platform's have 32"
    case .secretEncoding: "the device secret is not UTF-8: copy it from the console again"
    case .dtls(let error): error.description
    case .sessionFile(let error): "the session file cannot be used: \(error)"
    case .topic(let error): error.description
    case .device(let error): error.description
    case .transport(let error): error.description
    case .interrupted(let error, _):
      "\(error); the platform may or may not have the report"
    case .authentication(let failure, let reason): failure.description(because: reason)
    case .registration(.refused(let code), let reason) where !reason.isEmpty:
      "the platform refused to register the device (\(code)): \(Diagnostic.quoted(reason))"
    case .registration(.refused(let code), _):
      "the platform refused to register the device (\(code)): check product key, device name and product "
        + "secret, that the device was not activated before, and that dynamic registration is on for the "
        + "product"
    case .registration(let failure, let reason): failure.description(because: reason)
    case .undelivered(let receipt):
      (receipt.advice ?? "the report was not acknowledged")
        + (receipt.replyMessage.isEmpty ? "" : ", \"\(receipt.replyMessage)\"")
    case .putOff(let wait):
      "the platform has put off reports to this topic: not before \((wait.count + 999) / 1_000) s have passed"
    case .request(let error): error.description
    case .thingModel(let error, let path): (path.isEmpty ? "" : path + ": ") + error.description
    case .refused(let answer):
      "the platform refused the request: code \(answer.code.map(\.description) ?? "none")"
        + (answer.message.isEmpty
          ? "" : ", " + (ReadableText.quoted(answer.message.utf8Span.span) ?? ""))
    case .unreadableReply(.incomplete, let receipt):
      "the platform took the request, but "
        + (receipt.result.answerGap ?? AlinkMessageError.incomplete.description)
    case .unreadableReply(let error, _):
      "the platform took the request, but its reply cannot be read: \(error)"
    case .noReply(let receipt):
      "the platform took the request (\(receipt.result.code.map(\.description) ?? "without a code")) but sent no reply: "
        + "whether it did what was asked is unknown"
    case .foreignReply(let id, let answer):
      "the platform took the request \(id), but its reply is to another one: id \(answer.shownID)"
    case .closed: "the client is closed: make a new one"
    case .mqttSettings(let error): error.description
    case .channel(let error): error.description
    case .connection(let failure): failure.description
    case .resting(let reason, let left):
      "nothing is connected for another \((left.count + 999) / 1_000) s: \(reason)"
    case .lost(let reason, _): "\(reason); the platform may or may not have the report"
    case .unacknowledged:
      "no PUBACK came in time: the platform may or may not have the report"
    case .subscription(let error): error.description
    case .subscriptionRefused(let filter):
      "the platform refuses the subscription to \(filter): check that the topic is this device's"
    case .mqttRegistration(let failure): failure.description
    case .payloadTooLong(let count):
      "the payload has \(count) bytes; over MQTT at most \(MQTTClientSettings.maxPayload) are taken: split it"
    case .httpsPayloadTooLong(let count):
      "the payload has \(count) bytes; over HTTPS at most \(HTTPSClientSettings.maxPayload) are taken: split it"
    case .subDeviceOffline:
      "the sub-device is offline, and not about to log in: log it in first (device guide 6.4)"
    case .outbox(let error): "the directory of the outbox cannot be used: \(error)"
    case .notOverMQTT:
      "the platform has /pull over CoAP only: over MQTT it sends messages by itself"
    case .httpsSettings(let error): error.description
    case .httpsChannel(let error): error.description
    case .httpsAuthentication(let failure, let text, let wait) where wait.count > 0:
      Self.putOff(failure, text, wait)
    case .httpsAuthentication(let failure, let text, _):
      failure.description + (text.isEmpty ? "" : ", " + Diagnostic.quoted(text))
    case .httpsReport(.transfer(let failure), _, _):
      "\(failure); the platform may or may not have the report"
    case .httpsReport(let failure, let text, let receipt)
    where receipt.result.retryAfter.count > 0:
      Self.putOff(failure, text, receipt.result.retryAfter)
    case .httpsReport(let failure, let text, _):
      failure.description + (text.isEmpty ? "" : ", " + Diagnostic.quoted(text))
    case .notOverHTTPS:
      "HTTPS carries reports alone: pull and downlinks need another transport, a registration HTTPSRegistration"
    case .needsMQTT: "the platform sends messages to devices over MQTT only: use that transport"
    }
  }

  /// A request over HTTPS that is to be sent again after a wait.
  private static func putOff(
    _ failure: HTTPSLinkFailure,
    _ text: String,
    _ wait: Milliseconds
  ) -> String {
    let reason =
      switch failure {
      case .status(let status): "HTTP status \(status)"
      case .code(let code, 200): "code \(code.rawValue): \(code.explanation)"
      case .code(let code, let status):
        "code \(code.rawValue) and HTTP status \(status): \(code.explanation)"
      case .transfer, .answer, .signing, .memory: failure.description
      }
    return "the server has put the request off for \((wait.count + 999) / 1_000) s (\(reason))"
      + (text.isEmpty ? "" : ", " + Diagnostic.quoted(text))
  }
}
