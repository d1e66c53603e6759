internal import AliyunIoT
internal import ConstrainedCore

/// AuthenticationAnswer: what it takes is within the bounds that it states.
public func fuzzAuthentication(_ bytes: Span<UInt8>) {
  do throws(AuthenticationAnswerError) {
    let answer = try AuthenticationAnswer(json: bytes)
    precondition(answer.token.count >= 1 && answer.token.count <= 192, "a token out of bounds")
    precondition(answer.random.count <= 32, "a random out of bounds")
    _ = answer.sequenceOffset
  } catch {
    precondition(!"\(error)".isEmpty)
  }
}
