/// An answer that the platform gives without looking at a request, as if it were overloaded or broken.
public struct SimulatedFailure: Equatable, Sendable {
  /// The status of the answer in three digits, as HTTP writes it and CoAP with a dot: 503 for unavailable.
  ///
  /// A front whose protocol has no such status treats it as that protocol's servers fail.
  public var status: Int
  /// How many requests are answered so.
  public var times: Int
  /// When to try again, in seconds; `nil` where the answer does not say.
  public var retryAfter: UInt32?
  /// Which requests are answered so; `nil` for all.
  public var kind: RequestKind?

  /// One request is answered with the status.
  public init(
    status: Int,
    times: Int = 1,
    retryAfter: UInt32? = nil,
    kind: RequestKind? = nil
  ) {
    self.status = status
    self.times = times
    self.retryAfter = retryAfter
    self.kind = kind
  }
}

extension SimulatedThings {
  /// Uses up one of the failures for a request of that kind.
  mutating func nextFailure(_ kind: RequestKind) -> SimulatedFailure? {
    guard
      let index = failures.firstIndex(where: { $0.times > 0 && ($0.kind ?? kind) == kind })
    else { return nil }
    failures[index].times -= 1
    let failure = failures[index]
    if failure.times == 0 { failures.remove(at: index) }
    return failure
  }
}
