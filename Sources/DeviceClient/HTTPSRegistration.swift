// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import Dispatch
public import HTTPSChannel
public import HTTPSLayer
internal import OpenSSLSupport
public import Platform
internal import PlatformCredentials
internal import SecurityLayer
internal import Synchronization
internal import UDPTransport

/// Dynamic registration over HTTPS (device guide 6.2): a device with its product's secret asks for its own.
///
/// ```
/// let registration = HTTPSRegistration(productKey: "a1B2c3D4e5F", deviceName: "device1", authorities: pem)
/// let secret = try await registration.register(productSecret: productSecret)
/// ```
///
/// The device's name must be in the console, and dynamic registration on for the product. Until the device has first
/// connected, each registration gives another secret; after that the platform refuses.
public struct HTTPSRegistration: Sendable {
  /// The product's key.
  public var productKey: String
  /// The device's name.
  public var deviceName: String
  /// The certificates of the trusted authorities, in PEM.
  public var authorities: [UInt8]
  /// The server's name, or its address in digits.
  public var host: String
  /// The server's port.
  public var port: UInt16
  /// The HMAC that signs the request.
  public var signMethod = SignMethod.hmacSHA256
  /// The rule for the device's name.
  public var deviceNames = DeviceNameRule.current
  /// How long the request may take, with the connection made for it.
  public var answerTimeout = Milliseconds(90_000)
  /// Whether the proxy that the environment names (`https_proxy`) is used.
  public var usesProxy = false

  /// A registration with the platform's own server in that region, unless a host is given.
  public init(
    productKey: String,
    deviceName: String,
    authorities: [UInt8],
    host: String? = nil,
    port: UInt16 = 443,
    region: String = "cn-shanghai"
  ) {
    self.productKey = productKey
    self.deviceName = deviceName
    self.authorities = authorities
    self.host = host ?? "iot-auth.\(region).aliyuncs.com"
    self.port = port
  }

  /// Asks for the device's secret.
  ///
  /// Store it at once where it survives power failures and is private, and wipe your copies of both secrets. Throws
  /// `HTTPSRegistrationError`, or `CancellationError` if the task is cancelled; the platform may then have issued a
  /// secret, and issues another one as long as the device has not been active.
  public func register(productSecret: [UInt8]) async throws -> [UInt8] {
    guard productSecret.span.isUTF8, let key = SecretBytes(copying: productSecret.span.trimmed)
    else { throw HTTPSRegistrationError.productSecret }
    let work = try RegistrationWork(self, key)
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { work.start($0) }
    } onCancel: {
      work.cancel()
    }
  }
}

/// Why a registration over HTTPS brought no secret.
public enum HTTPSRegistrationError: Error, Equatable, Sendable {
  /// The names cannot be a device's; nothing was sent.
  case identity(IdentityError)
  /// The product secret is no UTF-8, empty or longer than 128 bytes; nothing was sent.
  case productSecret
  /// The address or authorities cannot be used; nothing was sent.
  case channel(HTTPSChannelError)
  /// There is no answer.
  case transfer(HTTPSFailure)
  /// The server has answered with that HTTP status.
  case status(UInt16)
  /// The platform has refused with that code; `diagnostic` is its own text, if it gave one.
  case refused(code: UInt64, diagnostic: String)
  /// The answer cannot be read.
  case answer(RegistrationAnswerError)
  /// The answer is for another device.
  case otherDevice
  /// OpenSSL could not sign the request.
  case signing
  /// The system has no memory or descriptor for it.
  case resources
}

extension HTTPSRegistrationError: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .identity(let error): error.description
    case .productSecret:
      "the product secret is not UTF-8 of 1 to 128 bytes: copy it from the console again"
    case .channel(let error): error.description
    case .transfer(let failure): failure.description
    case .status(let status) where status == 429 || status == 503:
      "the server is busy (\(status)): try again later"
    case .status(let status):
      "the server answered with status \(status) and not with a secret: check host and port"
    case .refused(let code, let text):
      "the platform refused the registration (code \(code)\(text.isEmpty ? "" : ", \(Diagnostic.quoted(text))")): "
        + "check product key, device name and product secret, that the device is in the console, and that "
        + "dynamic registration is on for the product"
    case .answer(let error): "\(error): check host and port"
    case .otherDevice: "the answer is for another device: try again"
    case .signing: "OpenSSL could not sign the request: check its installation"
    case .resources: "there is no memory or descriptor for the request: try again"
    }
  }
}

/// One registration, on a thread of its own.
private final class RegistrationWork: Sendable {
  private struct State: ~Copyable {
    var channel: HTTPSChannel
    var isCancelled = false
  }

  private let state: Mutex<State>
  private let signal: WakeSignal
  private let identity: DeviceIdentity
  private let form: [UInt8]
  private let limit: Milliseconds
  private let mask: AnswerMask

  init(_ registration: HTTPSRegistration, _ key: borrowing SecretBytes) throws {
    let (product, name) = (
      Array(registration.productKey.utf8), Array(registration.deviceName.utf8)
    )
    do throws(IdentityError) {
      identity = try DeviceIdentity(
        productKey: product.span.trimmed,
        deviceName: name.span.trimmed,
        deviceNames: registration.deviceNames
      )
    } catch {
      throw HTTPSRegistrationError.identity(error)
    }
    form = try Self.form(identity, key, registration.signMethod)
    limit = registration.answerTimeout
    mask = AnswerMask(secret: key)
    let (host, pem) = (Array(registration.host.utf8), registration.authorities)
    do throws(HTTPSChannelError) {
      var settings = try HTTPSChannelSettings(host: host.span.trimmed, port: registration.port)
      settings.connectTimeout = registration.answerTimeout
      settings.usesProxy = registration.usesProxy
      state = Mutex(State(channel: try HTTPSChannel(settings, authorities: pem.span)))
    } catch {
      throw HTTPSRegistrationError.channel(error)
    }
    do throws(TransportError) { signal = try WakeSignal() } catch {
      throw HTTPSRegistrationError.resources
    }
  }

  /// The signed form.
  private static func form(
    _ identity: DeviceIdentity,
    _ key: borrowing SecretBytes,
    _ signMethod: SignMethod
  ) throws -> [UInt8] {
    var source = SystemRandom()
    let request = RegistrationRequest(identity, drawing: &source, signMethod: signMethod)
    var body = FixedBytes<640>()
    do throws(SecurityError) {
      let sign = try signMethod.signature(key: key.bytes) {
        (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeSigningContent(into: &writer)
      }
      do throws(CapacityError) {
        try body.write { (writer: inout ByteWriter) throws(CapacityError) in
          try request.writeForm(signature: sign.bytes, into: &writer)
        }
      } catch {
        throw .capacity
      }
    } catch {
      throw HTTPSRegistrationError.signing
    }
    return body.bytes.array
  }

  func start(_ continuation: CheckedContinuation<[UInt8], any Error>) {
    DispatchQueue(label: "nbiot.registration").async { [self] in
      continuation.resume(with: Result { try run() })
    }
  }

  func cancel() {
    state.withLock { $0.isCancelled = true }
    signal.set()
  }

  private func run() throws -> [UInt8] {
    let hasBegun = state.withLock { state in
      var request = HTTPSRequest()
      request.content = .form
      request.limit = limit
      // It has 21 bytes.
      try? request.path.replace(with: Span(RegistrationRequest.path))
      let body = form
      return state.channel.begin(request, body: body.span)
    }
    guard hasBegun else { throw HTTPSRegistrationError.resources }
    while true {
      var descriptor: Int32 = -1
      let result = try state.withLock { state in
        if state.isCancelled {
          state.channel.cancel()
          throw CancellationError()
        }
        descriptor = state.channel.descriptor
        return try poll(&state.channel)
      }
      if let result { return result }
      signal.wait(forSocket: descriptor, until: nil)
    }
  }

  /// The secret; `nil` while there is no answer.
  private func poll(_ channel: inout HTTPSChannel) throws(HTTPSRegistrationError) -> [UInt8]? {
    switch channel.pollEvent() {
    case nil: return nil
    case .failed(let reason, _): throw .transfer(reason)
    case .answered: break
    }
    guard channel.head.status == 200 else { throw .status(channel.head.status) }
    var answer: RegistrationAnswer
    do throws(RegistrationAnswerError) {
      answer = try RegistrationAnswer(json: channel.body)
    } catch {
      throw .answer(error)
    }
    defer { answer.withDeviceSecretStorage { wipe(&$0) } }
    guard answer.isSuccess else {
      let text = mask.apply(to: answer.message.bytes.array)
      throw .refused(code: answer.code ?? 0, diagnostic: text.isEmpty ? "" : Readable.text(text))
    }
    guard answer.isFor(identity) else { throw .otherDevice }
    let secret = answer.deviceSecret.bytes.array
    // It must fit on one line of a file.
    guard secret.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw .answer(.deviceSecret) }
    return secret
  }
}
