// SPDX-License-Identifier: Apache-2.0
// A device in one page, for measuring: it reads `SECRET PORT COUNT` from standard input, the secret in
// 32 bytes, authenticates at 127.0.0.1:PORT as a1B2c3D4e5F/device1 and reports {"value":1} COUNT
// times; with port 0 it does so without a socket, against canned answers. `device-probe` runs it in
// the Embedded build, whose size `make embedded` prints, and `ordinary-probe` in the ordinary one;
// `make allocations` counts what both allocate, `make bench` the instructions of a report. `dtls-probe`
// does the same over DTLS, by a certificate where one of an authority follows in PEM, else with a
// pre-shared key.

internal import CPOSIX
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceDriver
internal import OpenSSLSupport
internal import Platform
internal import SecurityLayer
internal import SymmetricSecurity
internal import SystemClocks
internal import UDPTransport

func bytes(_ text: StaticString) -> FixedBytes<128> {
  var result = FixedBytes<128>()
  result.write { (writer: inout ByteWriter) in try? writer.append(text) }
  return result
}

/// The decimal number that starts at `offset`, which moves to the byte after it.
func number(in text: Span<UInt8>, at offset: inout Int) -> UInt32 {
  var value: UInt32 = 0
  while offset < text.count, text[offset] >= 0x30, text[offset] <= 0x39, value < 100_000_000 {
    value = value * 10 + UInt32(text[offset] - 0x30)
    offset += 1
  }
  return value
}

/// Runs the device; the exit status is 0 when every report was acknowledged.
package func runProbe() -> Int32 {
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
  let path = bytes("/a1B2c3D4e5F/device1/user/update")
  let payload = bytes(#"{"value":1}"#)
  guard var platform = CannedPlatform(secret: span.span.extracting(0..<32)) else { return 2 }
  let host = bytes("127.0.0.1")
  guard
    let identity = try? DeviceIdentity(
      productKey: productKey.bytes,
      deviceName: deviceName.bytes
    ),
    let topic = try? Topic(path.bytes)
  else { return 2 }
  var session = CoAPLink(
    identity: identity,
    secret: secret,
    security: SymmetricSecurity(),
    randomness: SystemRandom()
  )
  if port == 0 {
    let acknowledged = reportDry(&session, topic, payload.bytes, &platform, count: count)
    return acknowledged == count ? 0 : 1
  }
  return report(&session, host.bytes, port, count)
}

/// Reports so often over a socket; the exit status is 0 when every report was acknowledged.
func report<Security: SecurityLayer & ~Copyable>(
  _ session: inout CoAPLink<Security, SystemRandom>,
  _ host: Span<UInt8>,
  _ port: UInt16,
  _ count: UInt32
) -> Int32 {
  let path = bytes("/a1B2c3D4e5F/device1/user/update")
  let payload = bytes(#"{"value":1}"#)
  guard let topic = try? Topic(path.bytes) else { return 2 }
  var acknowledged: UInt32 = 0
  do throws(TransportError) {
    let socket = try UDPSocket(host: host, port: port)
    for _ in 0..<count {
      guard
        (try? session.publish(topic: topic, payload: payload.bytes, at: MonotonicClock.now()))
          != nil
      else { return 1 }
      if try finish(&session, socket) { acknowledged += 1 }
    }
  } catch {
    return 4
  }
  return acknowledged == count ? 0 : 1
}

/// Drives the session until its report has ended; says whether it was acknowledged.
func finish<Security: SecurityLayer & ~Copyable>(
  _ session: inout CoAPLink<Security, SystemRandom>,
  _ socket: borrowing UDPSocket
) throws(TransportError) -> Bool {
  while true {
    try session.drive(over: socket, at: MonotonicClock.now())
    while let event = session.pollEvent() {
      if case .report(let result) = event { return result.outcome == .acknowledged }
    }
    socket.wait(until: session.pollTimeout())
  }
}
