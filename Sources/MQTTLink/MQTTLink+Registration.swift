// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import MQTTLayer
internal import OpenSSLSupport
public import Platform
public import PlatformMQTT

/// Dynamic registration over MQTT (the second document's section on it; protocol facts 1.6).
extension MQTTLink where Layer: ~Copyable {
  /// Asks the platform for a secret of the device's own, signed with its product's: that with which the link was made,
  /// and which it has until then.
  ///
  /// It connects at once, over TLS alone. The event `registered` says that the link has the new secret and connects with
  /// it from then on; `registrationFailed` that nothing has changed. An empty `instanceID` is left out. Unverified: the
  /// kind `unregistered`, whose answer is a token and a client id, with which nothing connects here.
  public mutating func register(
    kind: MQTTRegistrationRequest.Kind = .preregistered,
    signMethod: SignMethod = .hmacSHA256,
    instanceID: Span<UInt8>,
    at now: Instant
  ) throws(MQTTRegistrationFailure) {
    self.now = now
    guard settings.connect.transport.securityMode == 2 else { throw .needsTLS }
    guard !layer.usesToken else { throw .needsSign }
    guard connection == .none, registration == nil, reportsUnderWay == 0 else { throw .busy }
    var instance = FixedBytes<64>()
    do throws(CapacityError) { try instance.replace(with: instanceID) } catch { throw .instanceID }
    let request = RegistrationRequest(identity, drawing: &randomness, signMethod: signMethod)
    registration = Registration(
      request: MQTTRegistrationRequest(request, kind: kind),
      instanceID: instance,
      deadline: now + settings.connectTimeout
    )
    if mayConnect { connect() }
  }

  /// Takes in what the platform has published to `/ext/register`; whatever follows comes too late.
  mutating func takeRegistration() {
    guard let kind = registration?.request.kind else { return }
    do throws(MQTTRegistrationAnswerError) {
      var answer = try MQTTRegistrationAnswer(json: layer.payload, for: identity, kind: kind)
      defer { answer.withSecretStorage { wipe(&$0) } }
      guard let own = SecretBytes(copying: answer.secret.bytes) else { throw .secret }
      secret = own
      registeredClientID = answer.clientID
    } catch {
      sayGoodbye()
      return failRegistration(.unusableAnswer(error))
    }
    registration = nil
    sayGoodbye()
    waiting = .registered
  }

  /// Ends the registration under way without a secret.
  mutating func failRegistration(_ reason: MQTTRegistrationFailure) {
    registration = nil
    registrationFailure = reason
    waiting = .registrationFailed
  }
}
