// SPDX-License-Identifier: Apache-2.0
/// A response that the platform gives without processing the request, as if overloaded or broken.
public struct SimulatedFailure: Equatable, Sendable {
  /// The status of the response in three digits, as in HTTP, and in CoAP with a dot: 503 for
  /// unavailable.
  ///
  /// A front whose protocol has no such status fails as that protocol's servers do. Five digits are a code of the
  /// device guide's section 3.8, such as 30001, and fail requests over HTTPS alone.
  public var status: Int
  /// The number of requests that fail.
  public var times: Int
  /// The time until the next attempt, in seconds; `nil` if the response does not contain it.
  public var retryAfter: UInt32?
  /// The kind of requests that fail; `nil` for all.
  public var kind: RequestKind?

  /// Fails one request with the status.
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
  /// Consumes a failure for a request of that kind, if there is one.
  mutating func nextFailure(_ kind: RequestKind, takesCodes: Bool) -> SimulatedFailure? {
    guard
      let index = failures.firstIndex(where: {
        $0.times > 0 && ($0.kind ?? kind) == kind && ($0.status < 1_000 || takesCodes)
      })
    else { return nil }
    failures[index].times -= 1
    let failure = failures[index]
    if failure.times == 0 { failures.remove(at: index) }
    return failure
  }
}
