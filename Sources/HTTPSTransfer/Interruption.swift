internal import Synchronization

/// A wish to stop that any thread may utter, a signal's handler included.
public final class Interruption: Sendable {
  private let flag = Atomic(false)

  /// Nobody has asked to stop yet.
  public init() {}

  /// Asks to stop: a transfer ends within about a second.
  public func request() { flag.store(true, ordering: .relaxed) }

  /// Whether somebody has asked to stop.
  public var isRequested: Bool { flag.load(ordering: .relaxed) }
}
