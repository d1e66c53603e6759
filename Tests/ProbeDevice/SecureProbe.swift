// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import CoAPLink
internal import ConstrainedCore
internal import DTLSSecurity
internal import DeviceDriver
internal import OpenSSLSupport
internal import Platform
internal import SecurityLayer

/// Runs the device over DTLS; the exit status is 0 when every report was acknowledged.
package func runSecureProbe() -> Int32 {
  var input = InlineArray<4_096, UInt8>(repeating: 0)
  var span = input.mutableSpan
  defer { wipe(&span) }
  var length = 0
  while length < 4_096 {
    // SAFETY: reads at most the bytes that are left of the buffer.
    let count = unsafe span.withUnsafeMutableBufferPointer {
      unsafe read(0, $0.baseAddress.map { unsafe $0 + length }, 4_096 - length)
    }
    guard count > 0 else { break }
    length += count
  }
  guard length > 32, let secret = SecretBytes(copying: span.span.extracting(0..<32)) else {
    return 2
  }
  var offset = 33
  let port = UInt16(truncatingIfNeeded: number(in: span.span, at: &offset))
  offset += 1
  let count = number(in: span.span, at: &offset)
  let productKey = bytes("a1B2c3D4e5F")
  let deviceName = bytes("device1")
  let host = bytes("127.0.0.1")
  let rest = span.span.extracting(min(offset + 1, length)..<length)
  guard
    let identity = try? DeviceIdentity(
      productKey: productKey.bytes,
      deviceName: deviceName.bytes
    )
  else { return 2 }
  do throws(DTLSConfigurationError) {
    var session = CoAPLink(
      identity: identity,
      secret: secret,
      security: rest.isEmpty
        ? try DTLSSecurity(identity, secret: span.span.extracting(0..<32))
        : try DTLSSecurity(serverName: host.bytes, authorities: rest),
      randomness: SystemRandom()
    )
    return report(&session, host.bytes, port, count)
  } catch {
    return 2
  }
}
