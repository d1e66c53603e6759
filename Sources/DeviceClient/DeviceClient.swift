internal import AliyunIoT
public import CoAPMessage
public import DeviceSession
internal import OpenSSLSupport
internal import SymmetricSecurity
internal import UDPTransport

/// A device on the platform, for Swift programs with concurrency.
///
/// ```
/// let client = try DeviceClient(configuration, secret: secret)
/// let receipt = try await client.publish(Array(#"{"value":1}"#.utf8), to: "/PK/DN/user/update")
/// await client.close()
/// ```
///
/// Reports are delivered one after the other, in the order of the calls. Cancelling the task stops
/// the retransmissions of its report. The client has one UDP socket and one thread that waits for it.
public final class DeviceClient: Sendable {
  private let core: DeviceCore

  /// Checks the names, resolves the host and opens the socket; sends nothing.
  ///
  /// The secret is copied; wipe your own.
  public init(
    _ configuration: DeviceClientConfiguration,
    secret: [UInt8]
  ) throws(DeviceClientError) {
    let identity: DeviceIdentity
    do throws(IdentityError) {
      let clientID = configuration.clientID.map { Array($0.utf8) }
      if let clientID {
        identity = try DeviceIdentity(
          productKey: Array(configuration.productKey.utf8).span,
          deviceName: Array(configuration.deviceName.utf8).span,
          clientID: clientID.span
        )
      } else {
        identity = try DeviceIdentity(
          productKey: Array(configuration.productKey.utf8).span,
          deviceName: Array(configuration.deviceName.utf8).span
        )
      }
    } catch {
      throw .identity(error)
    }
    guard let bytes = SecretBytes(copying: secret.span) else {
      throw .secretLength(secret.count)
    }
    do throws(TransportError) {
      let socket = try UDPSocket(
        host: Array(configuration.host.utf8).span,
        port: configuration.port
      )
      core = DeviceCore(
        session: DeviceSession(
          identity: identity,
          secret: bytes,
          settings: configuration.settings,
          security: SymmetricSecurity(),
          randomness: SystemRandom()
        ),
        socket: socket,
        signal: try WakeSignal(),
        onTransmission: configuration.onTransmission
      )
    } catch {
      throw .transport(error)
    }
    core.start()
  }

  deinit {
    core.stop()
  }

  /// Authenticates, unless the device has a token.
  ///
  /// `publish` does it by itself; call this to learn early that the credentials are good.
  public func connect() async throws {
    let id = core.makeID()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { core.connect(id, $0) }
    } onCancel: {
      core.cancel(id)
    }
  }

  /// Reports `payload` to `topic` and waits for the platform's answer.
  ///
  /// Throws `DeviceClientError`, or `CancellationError` when the task is cancelled; the platform may
  /// have the report then.
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
    guard payload.count <= PlatformRequest.maxPayload else {
      throw DeviceClientError.device(.payloadTooLong(payload.count))
    }
    let id = core.makeID()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation {
        core.publish(
          DeviceCore.Pending(
            id: id,
            topic: checked,
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

  /// Ends what is under way with an error and closes the socket.
  ///
  /// Nothing is sent: on a radio a farewell costs a wake-up.
  public func close() async {
    core.stop()
  }
}
