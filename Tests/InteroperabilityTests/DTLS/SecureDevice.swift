// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import ConstrainedCore
import DTLSSecurity

/// What the devices of the tests know, and what they say.
enum SecureDevice {
  static let identity = "device-0001"
  static let key = "0123456789abcdef"
  /// The key as s_server wants it.
  static let keyDigits = "30313233343536373839616263646566"

  /// Settings with a timeout of so many milliseconds.
  static func settings(
    timeout: Int64 = 1_000,
    limit: Int = 3,
    _ change: (inout DTLSSettings) -> Void = { _ in }
  ) -> DTLSSettings {
    var settings = DTLSSettings()
    settings.timing = TransmissionParameters(
      acknowledgementTimeout: Milliseconds(timeout),
      maxRetransmit: limit
    )
    // s_server takes one client at a time.
    settings.saysGoodbye = true
    change(&settings)
    return settings
  }

  /// One that trusts ca.pem.
  static func certificate(
    serverName: String = "localhost",
    authorities: String = "ca.pem",
    _ settings: DTLSSettings = settings()
  ) throws -> DTLSSecurity {
    let (name, trusted) = (Array(serverName.utf8), try Certificates.text(authorities))
    return try DTLSSecurity(serverName: name.span, authorities: trusted.span, settings: settings)
  }

  /// One that has a certificate itself.
  static func mutual(
    _ name: String,
    _ settings: DTLSSettings = settings()
  ) throws -> DTLSSecurity {
    let trusted = try Certificates.text("ca.pem")
    let chain = try Certificates.text("\(name).pem")
    let key = try Certificates.text("\(name).key")
    let serverName = Array("localhost".utf8)
    return try DTLSSecurity(
      serverName: serverName.span,
      authorities: trusted.span,
      certificate: chain.span,
      key: key.span,
      settings: settings
    )
  }

  static func preSharedKey(
    identity: String = identity,
    key: String = key,
    _ settings: DTLSSettings = settings()
  ) throws -> DTLSSecurity {
    let (name, secret) = (Array(identity.utf8), Array(key.utf8))
    return try DTLSSecurity(identity: name.span, key: secret.span, settings: settings)
  }

  /// A confirmable PUT or GET of "report", with a token of 4 bytes.
  static func request(_ code: UInt8, _ messageID: UInt8, payload: [UInt8] = []) -> [UInt8] {
    [0x44, code, 0x12, messageID, 0xC0, 0xFF, 0xEE, messageID, 0xB6] + Array("report".utf8)
      + (payload.isEmpty ? [] : [0xFF] + payload)
  }

  static let put: UInt8 = 3
  static let get: UInt8 = 1

  /// 134 bytes that a datagram must not show.
  static let reading = Array(
    (#"{"id":"000123","version":"1.0","params":{"temperature":{"value":23.625},"#
      + #""humidity":{"value":61.75},"battery":{"value":3.604}},"rsrp":-104}"#).utf8
  )

  /// 150 bytes.
  static let report = request(put, 1, payload: reading)
}
