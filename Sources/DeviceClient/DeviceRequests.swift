// SPDX-License-Identifier: Apache-2.0
public import Alink
internal import ConstrainedCore
internal import DeviceDownlinks

/// A message of the platform to the device (device guide 4 to 6).
public struct DeviceRequest: Sendable {
  /// What it is; `nil` for a message on a topic of the product's own.
  public let kind: DownlinkKind?
  /// What it asks for: as `kind`, but for a synchronous call what that calls, and `nil` where that is bytes.
  public let request: DownlinkKind?
  /// Where it came.
  public let topic: String
  /// Its bytes.
  public let payload: [UInt8]
  /// The platform's number of it; empty where it has none.
  public let id: String
  /// The service's identifier; empty in what calls no service.
  public let service: String
  /// Whether `reply` is to be called; the platform waits for it.
  public let needsReply: Bool
  /// Whether its answer is bytes, not an object with a code.
  public let isBytes: Bool
  /// The client's own number of it; 0 where no reply is due.
  public let number: UInt32
  private let contents: Range<Int>
  private let core: MQTTCore?

  /// A message on a topic of the product's own.
  init(_ topic: [UInt8], _ payload: [UInt8]) {
    self.topic = String(decoding: topic, as: UTF8.self)
    self.payload = payload
    (kind, request, id, service) = (nil, nil, "", "")
    (needsReply, isBytes, number, core) = (false, true, 0, nil)
    contents = 0..<payload.count
  }

  init(_ topic: [UInt8], _ payload: [UInt8], _ downlink: Downlink, core: MQTTCore) {
    self.topic = String(decoding: topic, as: UTF8.self)
    self.payload = payload
    self.core = core
    kind = downlink.kind
    request = downlink.kind.isSynchronous ? downlink.call : downlink.kind
    id = String(decoding: downlink.id.bytes.array, as: UTF8.self)
    service = String(decoding: downlink.service.bytes.array, as: UTF8.self)
    number = downlink.number
    needsReply = number != 0
    isBytes = downlink.isBytes
    contents = downlink.contents
  }

  /// Its `params`, or `data` of a file that is offered, as they came; all of it where it is bytes.
  public var parameters: [UInt8] { Array(payload[contents]) }

  /// Answers it: `data` is one JSON object, `{}` where it is empty.
  ///
  /// It may be answered once, and within its time: `MQTTClientSettings.downlinks`. After another error than `refused`
  /// with `answered` or `late` it is as open as it was.
  public func reply(
    code: DeviceReplyCode = .success,
    data: [UInt8] = []
  ) throws(DeviceRequestError) {
    guard needsReply, let core else { throw .noReply }
    try core.reply(number, code, data: data)
  }

  /// Answers raw bytes, or a synchronous call, with bytes as they are.
  public func reply(bytes: [UInt8]) throws(DeviceRequestError) {
    guard needsReply, let core else { throw .noReply }
    try core.reply(number, bytes: bytes)
  }
}

/// Why a request was not answered.
public enum DeviceRequestError: Error, Equatable, Sendable {
  /// It has been answered, its time is over, or the answer has not the form that the request asks for.
  case refused(DownlinkAnswerError)
  /// There is no connection; whether there is still time for another try.
  case notSent(isOpen: Bool)
  /// The platform waits for no answer to such a message.
  case noReply
  /// The client is closed.
  case closed

  init(_ error: DownlinkReplyError) {
    self =
      switch error {
      case .refused(let error): .refused(error)
      case .notSent(let isOpen): .notSent(isOpen: isOpen)
      }
  }
}

extension DeviceRequestError: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .refused(.unknown): "no request has that number, or none that an answer is due to"
    case .refused(.answered): "the request has been answered already"
    case .refused(.late): "the request's time is over: it was answered with 400, or nobody waits"
    case .refused(.notAnObject): "the answer's data is not one JSON object"
    case .refused(.nameTwice(let offset)):
      "a name of the answer's data comes twice, at byte \(offset)"
    case .refused(.form):
      "the answer has not the request's form: bytes are answered with bytes, others with a code"
    case .refused(.capacity): "the answer is too long: 16 KB are taken"
    case .notSent(let isOpen):
      "there is no connection: "
        + (isOpen ? "answer again when there is one" : "it is too late now")
    case .noReply: "the platform waits for no answer to this message"
    case .closed: "the client is closed: make a new one"
    }
  }
}

/// The platform's messages to a device, each handed over once: `DeviceClient.requests`.
public struct DeviceRequests: AsyncSequence, Sendable {
  /// A message.
  public typealias Element = DeviceRequest

  let core: MQTTCore?

  /// Begins to listen: the client subscribes, and stays connected as long as there is an iterator.
  public func makeAsyncIterator() -> Iterator { Iterator(core) }

  /// Takes one message after the other.
  public struct Iterator: AsyncIteratorProtocol, Sendable {
    private let listening: Listening?

    init(_ core: MQTTCore?) { listening = core.map(Listening.init) }

    /// The next message; `nil` once the task is cancelled or the client closed.
    ///
    /// Throws `DeviceClientError`: `needsMQTT` over CoAP, `connection` where the platform refuses the device or cannot
    /// prove itself, `resting` where the same identity has connected elsewhere. Other trouble is waited out.
    public mutating func next() async throws -> DeviceRequest? {
      guard let core = listening?.core else { throw DeviceClientError.needsMQTT }
      let id = core.makeID()
      return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { core.nextRequest(id, $0) }
      } onCancel: {
        core.cancel(id)
      }
    }
  }

  /// Keeps the client listening.
  final class Listening: Sendable {
    let core: MQTTCore

    init(_ core: MQTTCore) {
      self.core = core
      core.openInbox()
    }

    deinit { core.closeInbox() }
  }
}

extension DeviceClient {
  /// What the platform sends to the device: property sets, services, pushes, calls.
  ///
  /// ```
  /// for try await request in client.requests where request.needsReply {
  ///   try request.reply(data: Array(#"{"power":"on"}"#.utf8))
  /// }
  /// ```
  ///
  /// The client subscribes and stays connected while the sequence is iterated; each message goes to one iterator. A
  /// request that is not answered in time is answered with 400, and one that finds `bufferedRequests` waiting with 429.
  /// Cancelling the task ends the sequence.
  public var requests: DeviceRequests { DeviceRequests(core: core as? MQTTCore) }
}
