public import AliyunIoT
public import DeviceSession
public import UDPTransport

/// A device and how it talks to the platform.
public struct DeviceClientConfiguration: Sendable {
  /// The product's key.
  public var productKey: String
  /// The device's name.
  public var deviceName: String
  /// What the client calls itself; `productKey&deviceName` when `nil`.
  public var clientID: String?
  /// The host to connect to, a name or an address in digits.
  public var host: String
  /// Its UDP port.
  public var port: UInt16
  /// Signing, options and timing.
  public var settings = DeviceSettings()
  /// Told of each datagram that is sent, while the client is locked: be quick, and do not call it.
  public var onTransmission: (@Sendable (DeviceTransmission) -> Void)?

  /// A device of the symmetric mode at the platform's own address (device guide 3.6), unless a host
  /// or a port is given.
  public init(
    productKey: String,
    deviceName: String,
    host: String? = nil,
    port: UInt16 = PlatformAddress.symmetricPort,
    region: String = "cn-shanghai"
  ) {
    self.productKey = productKey
    self.deviceName = deviceName
    self.host = host ?? PlatformAddress.host(productKey: productKey, region: region)
    self.port = port
  }
}

/// A report that the platform answered, with the decrypted payload of the answer.
public struct Receipt: Sendable {
  /// How the report ended and what it cost.
  public let result: ReportResult
  /// The answer's payload, decrypted; empty when it had none.
  public let answer: [UInt8]
}

/// Why a client could not do what it was asked to.
public enum DeviceClientError: Error, Sendable {
  /// The names do not make an identity; nothing was sent.
  case identity(IdentityError)
  /// The device secret is empty or longer than 128 bytes; nothing was sent.
  case secretLength(Int)
  /// The topic cannot be reported to; nothing was sent.
  case topic(TopicError)
  /// The session does not take the report; nothing was sent.
  case device(DeviceError)
  /// The endpoint cannot be reached; the report was not sent.
  case transport(TransportError)
  /// The endpoint could no longer be reached once the report was sent; the platform may have it.
  case interrupted(TransportError, Receipt)
  /// The device could not authenticate.
  case authentication(AuthenticationFailure)
  /// The report ended without being acknowledged.
  case undelivered(Receipt)
  /// The client is closed.
  case closed
}

extension DeviceClientError: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .identity(let error): error.description
    case .secretLength(let count):
      "the device secret has \(count) bytes; 1 to 128 are allowed, and the platform's have 32"
    case .topic(let error): error.description
    case .device(let error): error.description
    case .transport(let error): error.description
    case .interrupted(let error, _):
      "\(error); the platform may or may not have the report"
    case .authentication(let failure): failure.description
    case .undelivered(let receipt): receipt.result.advice ?? "the report was not acknowledged"
    case .closed: "the client is closed: make a new one"
    }
  }
}
