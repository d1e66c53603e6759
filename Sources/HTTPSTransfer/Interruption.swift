// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// A request to stop, which any thread or signal handler may make.
public final class Interruption: Sendable {
  private let flag = Atomic(false)

  /// Starts without a request to stop.
  public init() {}

  /// Requests a stop: a transfer ends within about a second.
  public func request() { flag.store(true, ordering: .relaxed) }

  /// Whether a stop was requested.
  public var isRequested: Bool { flag.load(ordering: .relaxed) }
}
