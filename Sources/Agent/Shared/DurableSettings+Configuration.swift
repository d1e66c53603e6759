// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import DeviceStore
internal import DurableReports

extension DurableSettings {
  /// The settings of the outbox and the session's file.
  @inline(never)
  init(_ configuration: borrowing Configuration) {
    self.init()
    #if !MQTT
    tokenLifetime = configuration.number(
      .tokenLifetime,
      default: tokenLifetime
    )
    #endif
    #if !MQTT && !HTTPS
    reservation = configuration.number(.reserve, default: 64)
    #endif
    let wait = configuration.number(.retry, default: 30)
    retry = Milliseconds(Int64(wait) * 1_000)
    let limit = configuration.number(.retryLimit, default: 3_600)
    retryLimit = Milliseconds(Int64(limit) * 1_000)
    if wait > limit { configuration.refuse(.retry, .overLimit) }
    maxAttempts = UInt8(
      truncatingIfNeeded: configuration.number(.maxAttempts, default: 0)
    )
    maxAge = UInt32(
      truncatingIfNeeded: configuration.number(.maxAge, default: 0)
    )
    #if HTTPS
    let room = configuration.number(.outboxBytes, default: 1_048_576)
    let payload = configuration.number(.payloadLimit, default: 131_072)
    // The longest payload must have room beside its topic.
    if room < payload + 1_024 { configuration.refuse(.outboxBytes, .lessThanPayload) }
    outbox.maxPayload = Int(truncatingIfNeeded: payload)
    #else
    let room = configuration.number(
      .outboxBytes,
      default: 65_536
    )
    #endif
    outbox.maxBytes = Int(room)
    if configuration.choice(.whenFull) == 1 {
      outbox.whenFull = .dropOldest
    }
  }
}
