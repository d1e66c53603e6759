// SPDX-License-Identifier: Apache-2.0
internal import CBORPayload
internal import ConstrainedCore
internal import Platform
internal import PlatformCoAP
internal import PlatformHTTPS
internal import PlatformMQTT

/// AuthenticationAnswer in both formats, RegistrationAnswer and the answers over HTTPS: what they take is within
/// the bounds that they state.
public func fuzzAuthentication(_ bytes: Span<UInt8>) {
  registration(bytes)
  answers(bytes)
  do throws(AuthenticationAnswerError) {
    let answer = try AuthenticationAnswer(json: bytes)
    precondition(answer.token.count >= 1 && answer.token.count <= 192, "a token out of bounds")
    precondition(answer.random.count <= 32, "a random out of bounds")
    _ = answer.sequenceOffset
  } catch {
    precondition(!"\(error)".isEmpty)
  }
}

private func answers(_ bytes: Span<UInt8>) {
  if let answer = try? AuthenticationAnswer(CBORReader(received: bytes)) {
    precondition(answer.token.count >= 1 && answer.token.count <= 192, "a token out of bounds")
  }
  do throws(HTTPSAnswerError) {
    let answer = try PlatformHTTPSAnswer(authentication: bytes)
    precondition(answer.code != .success || !answer.token.isEmpty, "a success without a token")
  } catch {
    precondition(!"\(error)".isEmpty)
  }
  if let answer = try? PlatformHTTPSAnswer(report: bytes) {
    precondition(answer.messageID.count <= 64, "a message id out of bounds")
  }
  if let answer = try? MQTTAuthenticationAnswer(json: bytes), answer.isSuccess {
    precondition(!answer.iotID.isEmpty && !answer.iotToken.isEmpty, "a success without a token")
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
