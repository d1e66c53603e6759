public import CoAPLink
public import ConstrainedCore
public import DeviceStore
public import DurableReports
public import OpenSSLSupport
public import Platform
public import SecurityLayer

extension DurableReports where Link: ~Copyable {
  /// Creates a durable device over CoAP.
  ///
  /// It sets `session.isKept` and `serverErrorRetries`: the outbox retries, and other reports are
  /// sent meanwhile.
  public init<Security: SecurityLayer & ~Copyable, Randomness: RandomSource>(
    identity: DeviceIdentity,
    secret: consuming SecretBytes,
    settings: DurableSettings = DurableSettings(),
    session: DeviceSettings = DeviceSettings(),
    security: consuming Security,
    randomness: Randomness,
    directory: borrowing StateDirectory,
    fingerprint: FixedBytes<32>,
    now: TimeStamp
  ) throws(StoreError) where Link == CoAPLink<Security, Randomness> {
    var session = session
    session.isKept = true
    session.serverErrorRetries = 0
    try self.init(
      link: CoAPLink(
        identity: identity,
        secret: secret,
        settings: session,
        security: security,
        randomness: randomness
      ),
      settings: settings,
      directory: directory,
      fingerprint: fingerprint,
      now: now
    )
  }
}
