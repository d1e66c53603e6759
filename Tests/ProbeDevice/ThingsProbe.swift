// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CBORPayload
internal import CPOSIX
internal import CoAPLink
internal import ConstrainedCore
internal import OpenSSLSupport
internal import PayloadCoding
internal import Platform
internal import SecurityLayer
internal import SymmetricSecurity
internal import SystemClocks
internal import UDPTransport

/// Runs the device of `runProbe`, which posts 20 properties COUNT times as JSON and as CBOR; the exit
/// status is 0 when the platform replied 200 to each.
package func runThingsProbe() -> Int32 {
  var input = InlineArray<64, UInt8>(repeating: 0)
  var span = input.mutableSpan
  // SAFETY: reads at most the 64 bytes of the buffer.
  let length = unsafe span.withUnsafeMutableBufferPointer { unsafe read(0, $0.baseAddress, 64) }
  defer { wipe(&span) }
  guard length > 32, let secret = SecretBytes(copying: span.span.extracting(0..<32)) else {
    return 2
  }
  var offset = 33
  let port = UInt16(truncatingIfNeeded: number(in: span.span, at: &offset))
  offset += 1
  let count = number(in: span.span, at: &offset)
  let productKey = bytes("a1B2c3D4e5F")
  let deviceName = bytes("device1")
  guard
    let identity = try? DeviceIdentity(
      productKey: productKey.bytes,
      deviceName: deviceName.bytes
    )
  else { return 2 }
  var session = CoAPLink(
    identity: identity,
    secret: secret,
    security: SymmetricSecurity(),
    randomness: SystemRandom()
  )
  let host = bytes("127.0.0.1")
  var replied: UInt32 = 0
  do throws(TransportError) {
    let socket = try UDPSocket(host: host.bytes, port: port)
    for _ in 0..<count {
      guard try post(&session, socket, JSONWriter.self, JSONReader.self),
        try post(&session, socket, CBORWriter.self, CBORReader.self)
      else { break }
      replied += 1
    }
  } catch {
    return 4
  }
  return replied == count ? 0 : 1
}

/// Posts 20 properties and reads the reply; says whether its code is 200.
private func post<
  Writer: PayloadWriter & ~Copyable & ~Escapable,
  Reader: PayloadReader & ~Escapable
>(
  _ session: inout CoAPLink<SymmetricSecurity, SystemRandom>,
  _ socket: borrowing UDPSocket,
  _ writer: Writer.Type,
  _ reader: Reader.Type
) throws(TransportError) -> Bool {
  do throws(DeviceError) {
    _ = try session.request(PropertyPost.self, as: writer, at: MonotonicClock.now()) {
      (post: inout AlinkRequest<PropertyPost, Writer>) throws(AlinkError) in
      for number in 0..<UInt8(20) {
        var name = bytes("sensor_a")
        name.write { (text: inout ByteWriter) in
          try? text.append("sensor_")
          try? text.append(UInt8(ascii: "a") + number)
        }
        try post.add(name.bytes) { (value: inout Writer) throws(CapacityError) in
          try value.decimal(2_150 + Int64(number), fractionDigits: 2)
        }
      }
    }
  } catch {
    return false
  }
  guard try finish(&session, socket) else { return false }
  guard let reply = try? AlinkMessageView<Reader>(session.answer) else { return false }
  return reply.code == .success
}
