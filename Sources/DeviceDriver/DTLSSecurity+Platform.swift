// SPDX-License-Identifier: Apache-2.0
#if !SYMMETRIC_ONLY
internal import ConstrainedCore
public import DTLSSecurity
internal import OpenSSLSupport
public import Platform
internal import PlatformCredentials
internal import SecurityLayer

/// The platform's two ways to establish a DTLS channel.
extension DTLSSecurity {
  /// Creates a layer that verifies the platform's certificate against `authorities`, in PEM.
  ///
  /// The certificate must be for `serverName`, or for `host` if that is empty.
  public init(
    host: Span<UInt8>,
    serverName: Span<UInt8>,
    authorities: Span<UInt8>,
    settings: DTLSSettings = DTLSSettings()
  ) throws(DTLSConfigurationError) {
    guard serverName.isEmpty || EndpointText.isHost(serverName) else { throw .serverName }
    try self.init(
      serverName: serverName.isEmpty ? host : serverName,
      authorities: authorities.trimmed,
      settings: settings
    )
  }

  /// Creates a layer with the pre-shared key derived from the device's names and its secret.
  public init(
    _ device: borrowing @_addressable DeviceIdentity,
    secret: Span<UInt8>,
    request: PreSharedKeyRequest = PreSharedKeyRequest(),
    settings: DTLSSettings = DTLSSettings()
  ) throws(DTLSConfigurationError) {
    do throws(SecurityError) {
      self = try Self.make(try PreSharedKey(device, secret: secret, request: request), settings)
    } catch {
      if case .library(let code) = error, code != 0 { throw .library(code: code) }
      throw .preSharedKey
    }
  }

  private static func make(
    _ key: borrowing PreSharedKey,
    _ settings: DTLSSettings
  ) throws(SecurityError) -> DTLSSecurity {
    let name = key.identity
    do throws(DTLSConfigurationError) {
      return try DTLSSecurity(identity: name.bytes, key: key.key.bytes, settings: settings)
    } catch {
      throw .capacity
    }
  }
}
#endif
