internal import AliyunIoT
internal import ConstrainedCore

/// AuthenticationAnswer and RegistrationAnswer: what they take is within the bounds that they state.
public func fuzzAuthentication(_ bytes: Span<UInt8>) {
  registration(bytes)
  do throws(AuthenticationAnswerError) {
    let answer = try AuthenticationAnswer(json: bytes)
    precondition(answer.token.count >= 1 && answer.token.count <= 192, "a token out of bounds")
    precondition(answer.random.count <= 32, "a random out of bounds")
    _ = answer.sequenceOffset
  } catch {
    precondition(!"\(error)".isEmpty)
  }
}

private func registration(_ bytes: Span<UInt8>) {
  do throws(RegistrationAnswerError) {
    let answer = try RegistrationAnswer(json: bytes)
    precondition(answer.deviceSecret.count <= 128, "a secret out of bounds")
    precondition(!answer.isSuccess || answer.deviceSecret.count >= 1, "a success without a secret")
    precondition(answer.message.count <= 128, "a message out of bounds")
  } catch {
    precondition(!"\(error)".isEmpty)
  }
}
