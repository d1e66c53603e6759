public import Alink
public import CoAPLink
internal import CoAPMessage
public import ConstrainedCore
public import DTLSSecurity
public import DeviceStore
internal import PayloadCoding
public import Platform
internal import PlatformCoAP
public import ReportLink
public import UDPTransport

/// How a client's messages are protected.
public enum ClientSecurity: Sendable {
  /// AES with a key made of the device secret (device guide 3.6, port 5682).
  case symmetric
  /// DTLS that verifies the platform's certificate (device guide 3.6, port 5684).
  case certificate(PlatformTrust)
  /// DTLS with a key made of the device secret, as the platform's C SDK v4 does.
  case preSharedKey(PreSharedKeyRequest = PreSharedKeyRequest())
  /// DTLS with a key of one's own, 1 to 128 bytes, under an identity of 1 to 255 bytes.
  case ownKey(identity: [UInt8], key: [UInt8])
}

/// Whom a client takes for the platform.
public struct PlatformTrust: Sendable {
  /// The certificates of the authorities that are trusted, in PEM.
  public var authorities: [UInt8]
  /// The name in the platform's certificate; the host when `nil`.
  public var serverName: String?
  /// The device's own certificate in PEM, for a server that demands one.
  public var certificate: [UInt8]?
  /// Its private key in PEM, without a password.
  public var key: [UInt8]?

  /// Trusts these authorities.
  public init(authorities: [UInt8], serverName: String? = nil) {
    self.authorities = authorities
    self.serverName = serverName
  }
}

/// A device and how it talks to the platform.
public struct DeviceClientConfiguration: Sendable {
  /// The product's key.
  public var productKey: String
  /// The device's name.
  public var deviceName: String
  /// What the client calls itself; `productKey&deviceName` when `nil`.
  public var clientID: String?
  /// Where the platform is, an `EndpointText`: a name or an address in digits, also with a port or as a URI
  /// of CoAP, whose scheme must be that of `security`.
  public var host: String
  /// Its UDP port; when `nil` the one in `host`, or else the platform's for the kind of security.
  public var port: UInt16?
  /// What the name is looked up as the first time, in digits; empty for what the system knows.
  package var addresses: [String] = []
  /// Signing, options and timing.
  public var settings = DeviceSettings()
  /// How messages are protected.
  public var security = ClientSecurity.symmetric
  /// How DTLS is used; its timing is that of `settings`.
  public var dtls = DTLSSettings()
  /// A DTLS session that `DeviceClient.exportSession` gave earlier; one that does not fit is passed
  /// over.
  public var dtlsSession: [UInt8]?
  /// The product's thing model: the bytes of a TSL file (device guide 6.10).
  ///
  /// Posts of properties and events are checked against it before they are sent: the platform drops values in
  /// silence that do not fit. Of a pack post it checks the gateway's own part. `nil` for no check.
  public var thingModel: [UInt8]?
  /// The thing models of sub-devices' products by product key, against which their parts of a pack post are
  /// checked; sub-devices of the gateway's own product are checked against `thingModel` unless there is another
  /// here, and those of all other products are not checked.
  public var subDeviceModels: [String: [UInt8]] = [:]
  /// What the models' steps, lengths and sizes mean.
  public var thingModelRules = ThingModelRules()
  /// Which names devices may have, this one, its sub-devices and those that it has found.
  public var deviceNames = DeviceNameRule.current
  /// A file in which token, sequence numbers and DTLS session outlive the client, of mode 0600; `nil` for none.
  ///
  /// The next client then goes on without an `/auth`, and resumes the DTLS session. Numbers are reserved in the
  /// file before they are used, so that none is used twice however a process ends; one client at a time has it
  /// (`flock`). It is no symbolic link, and what holds something else is refused. Where the file is written,
  /// reports wait for the disk.
  public var sessionFile: String?
  /// What `/auth` is written in, and its answer asked for in.
  ///
  /// Unverified: device guide 3.6 lists CBOR beside JSON, and no client is known that sends it.
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
  /// Told of each message right before it is sent, and right after it has come, while the client is locked.
  ///
  /// Messages are as CoAP has them: in symmetric mode with their encrypted parts, over DTLS out of their records.
  /// Datagrams of DTLS itself are shown as they are. They hold tokens and signs: mind where they go.
  public var onMessage: (@Sendable (MessageDirection, Span<UInt8>) -> Void)?

  /// A device at the platform's own address (device guide 3.6), unless a host or a port is given.
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
}

/// What `/auth` is written in.
public enum AuthenticationFormat: Sendable {
  /// As the device guide prints it.
  case json
  /// Unverified.
  case cbor
}

extension DeviceClientConfiguration {
  /// The models of sub-devices, those of the gateway's own product among them.
  var allSubDeviceModels: [String: [UInt8]] {
    var models = subDeviceModels
    if models[productKey] == nil { models[productKey] = thingModel }
    return models
  }
}

/// A report that the platform answered, with the decrypted payload of the answer.
public struct Receipt: Sendable {
  /// How the report ended and what it cost.
  public let result: ReportResult
  /// The answer's payload, decrypted; empty when it had none.
  public let answer: [UInt8]

  /// What the platform says in words of why it refused the report, or `/auth` for it: the payload of an answer 4.xx
  /// or 5.xx that is text (RFC 7252 Section 5.5.2); empty where it says nothing.
  ///
  /// In symmetric mode anybody on the way can write it: show it, and rely on nothing in it.
  public var diagnostic: String { result.isRefused ? Diagnostic.text(answer) : "" }

  /// What the platform's reply says in words, with `ReportResult.replyCode`; empty where it says nothing.
  public var replyMessage: String {
    guard result.replyCode != nil, let reply = PlatformReply(answer.span) else { return "" }
    let bytes = reply.message.bytes
    return String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
  }
}

/// Why a client could not do what it was asked to.
public enum DeviceClientError: Error, Sendable {
  /// The names do not make an identity; nothing was sent.
  case identity(IdentityError)
  /// The host is no endpoint; nothing was sent.
  case endpoint(EndpointError)
  /// The host says another port, or by its scheme another security, than the configuration; nothing was sent.
  case endpointMismatch
  /// The device secret is empty or longer than 128 bytes; nothing was sent.
  case secretLength(Int)
  /// The file for the session cannot be used; nothing was sent, or no more.
  case sessionFile(SessionFileError)
  /// The topic cannot be reported to; nothing was sent.
  case topic(TopicError)
  /// The authorities, names or keys for DTLS cannot be used; nothing was sent.
  case dtls(DTLSConfigurationError)
  /// The session does not take the report; nothing was sent.
  case device(DeviceError)
  /// The endpoint cannot be reached; the report was not sent.
  case transport(TransportError)
  /// The endpoint could no longer be reached once the report was sent; the platform may have it.
  case interrupted(TransportError, Receipt)
  /// The device could not authenticate; what the platform says in words of why it refused it.
  case authentication(AuthenticationFailure, diagnostic: String = "")
  /// The device could not register; what the platform says in words of why it refused it.
  case registration(AuthenticationFailure, diagnostic: String = "")
  /// The report ended without being acknowledged.
  ///
  /// Where its `ReportResult.retryAfter` is not 0 the platform has put it off, and further reports to its topic
  /// fail with `putOff` until so long has passed.
  case undelivered(Receipt)
  /// The platform has put off reports to this topic (4.29 or 5.03), and so much of the time that it asked for is
  /// left; nothing was sent.
  case putOff(Milliseconds)
  /// The request of the thing model breaks a limit; nothing was sent.
  case request(AlinkError)
  /// The thing model cannot be read, or the request does not fit it at the member of those names; nothing was
  /// sent.
  case thingModel(ThingModelError, at: String)
  /// The platform took the request, and its reply says no.
  case refused(AlinkAnswer)
  /// The platform took the request; what it replied cannot be read.
  case unreadableReply(AlinkMessageError, Receipt)
  /// The platform took the request and sent no reply: what became of it is unknown.
  case noReply(Receipt)
  /// The platform took the request, and replied to one of another id.
  case foreignReply(to: UInt32, AlinkAnswer)
  /// The client is closed.
  case closed
}

extension DeviceClientError: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .identity(let error): error.description
    case .endpoint(let error): "the endpoint cannot be used: \(error)"
    case .endpointMismatch:
      "the endpoint's port or scheme is another than the configuration's: give each once"
    case .secretLength(let count):
      "the device secret has \(count) bytes; 1 to 128 are allowed, and the platform's have 32"
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
    }
  }
}
