public import CoAPMessage
internal import ConstrainedCore

/// A code with which the platform answers requests without looking at them, as if it were overloaded or broken.
public struct SimulatedFailure: Equatable, Sendable {
  /// The code of the answer.
  public var code: Code
  /// How many requests are answered so.
  public var times: Int
  /// Max-Age of the answer in seconds; `nil` for none.
  public var maxAge: UInt32?
  /// Which requests are answered so; `nil` for all.
  public var kind: RequestRecord.Kind?

  /// One request is answered with the code.
  public init(
    _ code: Code,
    times: Int = 1,
    maxAge: UInt32? = nil,
    kind: RequestRecord.Kind? = nil
  ) {
    self.code = code
    self.times = times
    self.maxAge = maxAge
    self.kind = kind
  }
}

extension SimulatedThings {
  /// Uses up one of the failures for a request of that kind.
  mutating func nextFailure(_ kind: RequestRecord.Kind) -> SimulatedFailure? {
    guard
      let index = failures.firstIndex(where: { $0.times > 0 && ($0.kind ?? kind) == kind })
    else { return nil }
    failures[index].times -= 1
    let failure = failures[index]
    if failure.times == 0 { failures.remove(at: index) }
    return failure
  }
}

extension SimulatedPlatform {
  /// The answer of a platform that fails; `nil` when it works.
  mutating func fail(
    _ options: RequestOptions,
    record: inout RequestRecord
  ) -> PlatformResponse? {
    guard record.kind != .other, let failure = things.nextFailure(record.kind) else { return nil }
    record.device = options.token.flatMap { sessions[$0] }?.device.path
    record.note =
      failure.times > 0
      ? "failed on purpose, \(failure.times) more to come" : "failed on purpose, the last time"
    var response = PlatformResponse(code: failure.code)
    response.maxAge = failure.maxAge
    return response
  }
}
