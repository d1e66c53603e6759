// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import Platform
internal import PlatformCoAP

/// The platform's address.
package struct ServerAddress {
  private var count = 0
  private var storage = InlineArray<256, UInt8>(repeating: 0)
  private(set) var port: UInt16 = 0
  /// Whether DTLS is used.
  private(set) var isDTLS = false

  /// Starts empty.
  package init() {}

  /// The host name or address.
  var host: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(0..<count) }
  }

  /// Reads the endpoint: an `EndpointText`, or nothing for the platform's own.
  ///
  /// A scheme decides on the protection if `security` does not; the two must agree.
  package mutating func read(_ configuration: borrowing Configuration) {
    _ = configuration.choice(.transport)
    let text = configuration.bytes(.endpoint)
    var name = configuration.bytes(.productKey)
    var domain = Span(".coap.cn-shanghai.link.aliyuncs.com" as StaticString)
    isDTLS = configuration.choice(.security) == 1
    if !text.isEmpty {
      do throws(EndpointError) {
        let endpoint = try EndpointText(text)
        name = text.extracting(endpoint.host)
        domain = Span()
        port = endpoint.port
        if endpoint.scheme != .none {
          let isSecure = endpoint.scheme == .coaps
          if configuration.has(.security), isSecure != isDTLS {
            configuration.refuse(.endpoint, .otherSecurity)
          }
          isDTLS = isSecure
        }
      } catch {
        configuration.refuse(.endpoint, error.phrase)
      }
    }
    if port == 0 { port = isDTLS ? PlatformAddress.dtlsPort : PlatformAddress.symmetricPort }
    var writer = ByteWriter(storage.mutableSpan)
    try? writer.append(name)
    try? writer.append(domain)
    count = writer.count
  }
}

extension LineSettings {
  /// Reads the settings, and checks all values that are otherwise read only when they are used.
  mutating func read(_ configuration: borrowing Configuration) {
    if configuration.has(.topic) {
      do throws(TopicError) {
        _ = try Topic(configuration.bytes(.topic))
      } catch {
        configuration.refuse(.topic)
      }
    }
    let isCBOR = configuration.choice(.format) == 1
    self.isCBOR = configuration.arguments.isCBOR ?? isCBOR
    priority = UInt8(
      truncatingIfNeeded: configuration.number(.priority, default: 0)
    )
    ttl = configuration.number(.ttl, default: 0)
    coalescing =
      Coalescing(rawValue: UInt8(truncatingIfNeeded: configuration.choice(.coalesce)))
      ?? .off
    if configuration.bytes(.idPlaceholder).count > 32 { configuration.refuse(.idPlaceholder) }
    _ = configuration.path(.hintCommand)
    #if LEDGER
    // The replacement has a longer name.
    if configuration.path(.ledger).count > 250 { configuration.refuse(.ledger) }
    #endif
    // Quotation marks would become part of the path.
    if configuration.bytes(.stateDirectory)[0] == UInt8(ascii: "\"") {
      configuration.refuse(.stateDirectory)
    }
  }
}

extension DeviceSettings {
  /// The settings of the link.
  init(_ configuration: borrowing Configuration) {
    self.init()
    switch configuration.choice(.signMethod) {
    case 1: signMethod = .hmacSHA1
    case 2: signMethod = .hmacSHA256
    default: break
    }
    switch configuration.choice(.accept) {
    case 1: accept = .cbor
    case 2: accept = nil
    default: break
    }
    if configuration.choice(.tokenOption) == 1 { tokenOption = .legacy }
    switch configuration.choice(.timing) {
    case 1: timing = .standard
    case 2: timing = .lteM
    case 3: timing = .nbIoTDeep
    default: timing = .nbIoT
    }
  }
}
