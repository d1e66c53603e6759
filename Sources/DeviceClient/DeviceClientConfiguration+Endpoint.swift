// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import Platform
internal import PlatformHTTPS
internal import PlatformMQTT

extension DeviceClientConfiguration {
  /// The configuration with only the host in `host`, and with all texts trimmed.
  func normalized() throws(DeviceClientError) -> DeviceClientConfiguration {
    var result = self
    var text = Array(host.utf8)
    if case .mqtt(let settings) = transport, let scheme = MQTTScheme(text.span) {
      guard scheme.transport == settings.transport else { throw .endpointMismatch }
      text = Array(text[scheme.endpoint])
    }
    if case .https = transport, let scheme = HTTPSScheme(text.span) {
      text = Array(text[scheme.endpoint])
    }
    let endpoint: EndpointText
    do throws(EndpointError) { endpoint = try EndpointText(text.span) } catch {
      throw .endpoint(error)
    }
    result.host = String(decoding: text[endpoint.host], as: UTF8.self)
    if endpoint.port != 0 {
      guard port == nil || port == endpoint.port else { throw .endpointMismatch }
      result.port = endpoint.port
    }
    if case .mqtt(var settings) = transport {
      guard endpoint.scheme == .none else { throw .endpointMismatch }
      settings.authorities = Self.trimmed(settings.authorities)
      if case .https(var token) = settings.authentication {
        token.authorities = Self.trimmed(token.authorities)
        token.host = Self.trimmed(token.host)
        settings.authentication = .https(token)
      }
      result.transport = .mqtt(settings)
    }
    if case .https(var settings) = transport {
      guard endpoint.scheme == .none else { throw .endpointMismatch }
      settings.authorities = Self.trimmed(settings.authorities)
      result.transport = .https(settings)
    }
    let isCoAP = if case .coap = transport { true } else { false }
    let isSymmetric = if case .symmetric = security { true } else { false }
    // conformance: 7252-6.2-a
    guard !isCoAP || endpoint.scheme == .none || (endpoint.scheme == .coap) == isSymmetric else {
      throw .endpointMismatch
    }
    if case .certificate(var trust) = security {
      trust.authorities = Self.trimmed(trust.authorities)
      trust.serverName = trust.serverName.map(Self.trimmed)
      result.security = .certificate(trust)
    }
    result.productKey = Self.trimmed(productKey)
    result.deviceName = Self.trimmed(deviceName)
    result.clientID = clientID.map(Self.trimmed)
    return result
  }

  private static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
    Array(bytes[bytes.span.trimmed(0..<bytes.count)])
  }

  private static func trimmed(_ text: String) -> String {
    String(decoding: trimmed(Array(text.utf8)), as: UTF8.self)
  }
}
