import CoAPSecurity
import ConstrainedCore
import DTLSSecurity
import OpenSSLSupport
import Testing

@Suite("DTLS 1.2 with servers that behave strangely, or not as before")
struct ServerConductTests {
  let report = Array("a report".utf8)

  /// HelloVerifyRequest (RFC 6347 Section 4.2.1) with a cookie of one byte.
  private func request(_ number: UInt8) -> [UInt8] {
    let body: [UInt8] = [0xFE, 0xFF, 1, number]
    let message: [UInt8] = [3, 0, 0, 4, 0, number, 0, 0, 0, 0, 0, 4] + body
    return [22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, number, 0, UInt8(message.count)] + message
  }

  /// As behind a balancer whose servers do not know each other's cookies.
  @Test func `a server that asks for another cookie each time is given up`() throws {
    let association = try Association()
    #expect(try !association.send(report))
    var hellos = 0
    for number in 0..<200 {
      guard !association.up.isEmpty else { break }
      hellos += association.up.count
      association.up.removeAll()
      association.now = association.now + Milliseconds(100)
      try association.toDevice(request(UInt8(number)))
    }
    #expect(hellos > 1)
    #expect(hellos < 12)
  }
}
