// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import HTTPSLink
internal import Platform
internal import PlatformHTTPS

/// The platform's address.
package struct ServerAddress {
  private var count = 0
  private var storage = InlineArray<256, UInt8>(repeating: 0)
  private(set) var port: UInt16 = 443

  /// Starts empty.
  package init() {}

  /// The host name or address.
  var host: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(0..<count) }
  }

  /// Reads the endpoint, an `EndpointText` or an https URI, or nothing for the platform's own, and the transport.
  @inline(never)
  package mutating func read(_ configuration: borrowing Configuration) {
    _ = configuration.choice(.transport)
    var text = configuration.bytes(.endpoint)
    if let scheme = HTTPSScheme(text) {
      text = text.extracting(scheme.endpoint)
      if text.isEmpty { configuration.refuse(.endpoint, .noHost) }
    }
    var host = Span("iot-as-http.cn-shanghai.aliyuncs.com" as StaticString)
    if !text.isEmpty {
      do throws(EndpointError) {
        let endpoint = try EndpointText(text)
        if endpoint.scheme != .none { configuration.refuse(.endpoint, .badScheme) }
        host = text.extracting(endpoint.host)
        if endpoint.port > 0 { port = endpoint.port }
      } catch {
        configuration.refuse(.endpoint, error.phrase)
      }
    }
    var writer = ByteWriter(storage.mutableSpan)
    try? writer.append(host)
    count = writer.count
  }
}

extension LineSettings {
  /// Reads the settings, and checks all values that are otherwise read only when they are used.
  @inline(never)
  mutating func read(_ configuration: borrowing Configuration) {
    if configuration.has(.topic) {
      do throws(TopicError) {
        _ = try Topic(configuration.bytes(.topic))
      } catch {
        configuration.refuse(.topic)
      }
    }
    priority = UInt8(truncatingIfNeeded: configuration.number(.priority, default: 0))
    ttl = configuration.number(.ttl, default: 0)
    coalescing =
      Coalescing(rawValue: UInt8(truncatingIfNeeded: configuration.choice(.coalesce))) ?? .off
    if configuration.bytes(.idPlaceholder).count > 32 { configuration.refuse(.idPlaceholder) }
    // Quotation marks would become part of the path.
    if configuration.bytes(.stateDirectory)[0] == UInt8(ascii: "\"") {
      configuration.refuse(.stateDirectory)
    }
  }
}

extension HTTPSLinkSettings {
  /// The settings of the link.
  init(_ configuration: borrowing Configuration) {
    self.init()
    signMethod = configuration.choice(.signMethod) == 1 ? .hmacMD5 : .hmacSHA1
    sendsTimestamp = configuration.choice(.timestamp) == 1
  }
}
