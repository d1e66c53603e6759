// SPDX-License-Identifier: Apache-2.0
internal import CDevice
internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import OpenSSLSupport
internal import Platform
internal import PlatformCredentials
internal import SystemClocks

// Embedded Swift wants the conformances of what the driver is made of.
#if MQTT
internal import MQTTChannel
internal import MQTTLink
#elseif HTTPS
internal import HTTPSChannel
internal import HTTPSLink
#else
internal import CoAPLink
internal import SecurityLayer
#endif

/// What a device has in common over every transport.
extension HeldDevice {
  /// Accepts a report; returns its id.
  mutating func publish(
    topic name: Span<UInt8>,
    payload: Span<UInt8>,
    lifetime: UInt32,
    isCBOR: Bool
  ) throws(LibraryError) -> UInt64 {
    guard let topic = try Self.makeTopic(name) ?? self.topic else { throw .argument }
    do throws(OutboxError) {
      return try driver.reports.accept(
        topic: topic,
        payload: payload,
        // The numbers of RFC 7252 Section 12.3 and of RFC 8949 Section 9.5.
        format: isCBOR ? 60 : 50,
        lifetime: lifetime,
        at: MonotonicClock.now(),
        date: WallClock.now()
      )
    } catch {
      switch error {
      case .full: throw .full
      case .tooLong: throw .tooLong
      case .store(let failure): throw .disk(failure)
      }
    }
  }

  /// Reads the counters so far.
  func read(_ counters: inout nbiot_counters) {
    let outbox = driver.reports.outboxCounters
    counters = nbiot_counters()
    counters.accepted = UInt64(outbox.accepted)
    counters.delivered = UInt64(driver.reports.deliveredReports)
    counters.rejected = UInt64(driver.reports.rejectedReports)
    counters.given_up = UInt64(outbox.givenUp)
    counters.dropped = UInt64(outbox.dropped)
    counters.expired = UInt64(outbox.expired)
    counters.superseded = UInt64(outbox.superseded)
    counters.disk_syncs = UInt64(
      driver.reports.sessionWrites.syncs + driver.reports.outboxWrites.syncs
    )
    counters.disk_bytes = UInt64(
      driver.reports.sessionWrites.bytes + driver.reports.outboxWrites.bytes
    )
    readLink(&counters)
  }
}

// MARK: - Parts of the configuration

extension HeldDevice {
  static func makeIdentity(_ config: nbiot_config) throws(LibraryError) -> DeviceIdentity {
    do throws(IdentityError) {
      return try DeviceIdentity(
        productKey: unsafe text(config.product_key).trimmed,
        deviceName: unsafe text(config.device_name).trimmed,
        clientID: unsafe config.client_id != nil ? text(config.client_id).trimmed : nil
      )
    } catch {
      throw .argument
    }
  }

  static func makeSecret(_ config: nbiot_config) throws(LibraryError) -> SecretBytes {
    let given = unsafe text(config.device_secret).trimmed.wholeUTF8
    guard let secret = SecretBytes(copying: given) else { throw .argument }
    return secret
  }

  /// The host of an endpoint, the product's own in `domain` without one, and its port unless the configuration sets
  /// it; `range` is where the endpoint stands, all of the text without one.
  static func readHost(
    _ config: nbiot_config,
    _ identity: DeviceIdentity,
    within range: Range<Int>? = nil,
    scheme: EndpointText.Scheme,
    domain: StaticString,
    _ host: inout FixedBytes<256>,
    _ port: inout UInt16
  ) throws(LibraryError) {
    var name = unsafe text(config.host)
    if let range { name = name.extracting(range) }
    do throws(EndpointError) {
      let given = unsafe config.host != nil
      let endpoint = given ? try EndpointText(name) : nil
      try? host.write { (writer: inout ByteWriter) throws(CapacityError) in
        if let endpoint { return try writer.append(name.extracting(endpoint.host)) }
        try writer.append(identity.productKey.bytes)
        try writer.append(domain)
      }
      guard let endpoint else { return }
      guard endpoint.scheme == .none || endpoint.scheme == scheme else { throw .scheme }
      guard endpoint.port == 0 || port == 0 || port == endpoint.port else { throw .port }
      if endpoint.port != 0 { port = endpoint.port }
    } catch {
      throw .argument
    }
  }

  static func makeTopic(_ name: Span<UInt8>) throws(LibraryError) -> Topic? {
    if name.isEmpty { return nil }
    do throws(TopicError) { return try Topic(name.trimmed) } catch { throw .argument }
  }

  static func durableSettings(_ config: nbiot_config) throws(LibraryError) -> DurableSettings {
    var durable = DurableSettings()
    if (unsafe config.token_lifetime) > 0 {
      durable.tokenLifetime = UInt64((unsafe config.token_lifetime))
    }
    guard (unsafe config.max_attempts) <= 255 else { throw .argument }
    durable.maxAttempts = UInt8(truncatingIfNeeded: (unsafe config.max_attempts))
    durable.maxAge = unsafe config.max_age
    if (unsafe config.outbox_bytes) > 0 {
      durable.outbox.maxBytes = max(4_096, Int((unsafe config.outbox_bytes)))
    }
    return durable
  }

  /// Tells this device at this endpoint from others, and the transports from each other.
  static func makeFingerprint(
    _ identity: DeviceIdentity,
    _ secret: borrowing SecretBytes,
    _ host: FixedBytes<256>,
    _ port: UInt16,
    mode: UInt8
  ) throws(LibraryError) -> FixedBytes<32> {
    var endpoint = host
    do throws(OpenSSLError) {
      let number: InlineArray<2, UInt8> = [UInt8(port >> 8), UInt8(port & 0xFF)]
      try? endpoint.append(number.span)
      return try DeviceFingerprint.make(
        identity,
        secret: secret,
        endpoint: endpoint.bytes,
        mode: mode
      )
    } catch {
      throw .security
    }
  }
}
