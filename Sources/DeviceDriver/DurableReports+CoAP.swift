// SPDX-License-Identifier: Apache-2.0
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
    self.init(
      identity: identity,
      secret: secret,
      settings: settings,
      session: session,
      security: security,
      randomness: randomness,
      boot: now.boot
    )
    try open(directory, fingerprint: fingerprint, at: now.instant, date: now.date)
  }

  /// The same without files; call `open` first.
  public init<Security: SecurityLayer & ~Copyable, Randomness: RandomSource>(
    identity: DeviceIdentity,
    secret: consuming SecretBytes,
    settings: DurableSettings,
    session: DeviceSettings,
    security: consuming Security,
    randomness: Randomness,
    boot: UInt64
  ) where Link == CoAPLink<Security, Randomness> {
    var session = session
    session.isKept = true
    session.serverErrorRetries = 0
    self.init(
      link: CoAPLink(
        identity: identity,
        secret: secret,
        settings: session,
        security: security,
        randomness: randomness
      ),
      settings: settings,
      boot: boot
    )
  }
}
