// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import DeviceDownlinks
internal import MQTTLink
internal import OpenSSLSupport
internal import Platform

/// A caller that waits for the platform's next message.
struct RequestWaiter {
  let id: UInt64
  let continuation: CheckedContinuation<DeviceRequest?, any Error>
}

/// The platform's messages between the link and whoever takes them from `DeviceClient.requests`.
struct Inbox: ~Copyable {
  var exchange: DownlinkExchange<32, 16_384>
  let limit: Int
  /// How many iterators there are.
  private(set) var listeners = 0
  /// Whether the filters are the link's already.
  var isSubscribed = false
  private(set) var buffer: [DeviceRequest] = []
  private var waiters: [RequestWaiter] = []
  /// Why the sequence has ended, for the next caller.
  private var failure: DeviceClientError?
  /// Whether it has ended until it is opened anew.
  private var hasEnded = false

  init(_ identity: DeviceIdentity, _ settings: MQTTClientSettings) {
    var random = SystemRandom()
    var downlinks = settings.downlinks
    downlinks.taken = settings.kinds
    exchange = DownlinkExchange(identity, settings: downlinks, firstNumber: random.nextUInt32())
    limit = max(settings.bufferedRequests, 1)
  }

  /// Whether somebody takes messages.
  var isOpen: Bool { listeners > 0 && !hasEnded }

  mutating func open() {
    listeners += 1
    hasEnded = false
    failure = nil
  }

  /// Notes that an iterator is gone; the messages that nobody takes any more, if it was the last one.
  mutating func close() -> [DeviceRequest] {
    listeners -= 1
    guard listeners == 0 else { return [] }
    defer { buffer.removeAll() }
    return buffer
  }

  /// What the caller gets at once; `nil` where it waits.
  mutating func next(_ waiter: RequestWaiter) -> Result<DeviceRequest?, any Error>? {
    if !buffer.isEmpty { return .success(buffer.removeFirst()) }
    if let failure {
      self.failure = nil
      return .failure(failure)
    }
    if hasEnded { return .success(nil) }
    waiters.append(waiter)
    return nil
  }

  /// Hands a message over, or keeps it; `false` where there is no room.
  mutating func deliver(_ request: DeviceRequest, _ completions: inout Completions) -> Bool {
    guard isOpen else { return false }
    if !waiters.isEmpty {
      let continuation = waiters.removeFirst().continuation
      completions.actions.append { continuation.resume(returning: request) }
      return true
    }
    guard buffer.count < limit else { return false }
    buffer.append(request)
    return true
  }

  /// Forgets a message whose time is over.
  mutating func forget(_ number: UInt32) { buffer.removeAll { $0.number == number } }

  /// Ends the wait of that caller.
  mutating func cancel(_ id: UInt64) -> CheckedContinuation<DeviceRequest?, any Error>? {
    guard let index = waiters.firstIndex(where: { $0.id == id }) else { return nil }
    return waiters.remove(at: index).continuation
  }

  /// Ends the sequence, with `nil` in order; whoever waits gets the error, else the next caller.
  mutating func end(_ error: DeviceClientError?, _ completions: inout Completions) {
    hasEnded = true
    failure = waiters.isEmpty ? error : nil
    for waiter in waiters {
      completions.actions.append {
        if let error {
          waiter.continuation.resume(throwing: error)
        } else {
          waiter.continuation.resume(returning: nil)
        }
      }
    }
    waiters.removeAll()
  }
}
