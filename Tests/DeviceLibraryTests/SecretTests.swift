// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite("The C library's secret")
struct SecretTests {
  /// What `nbiot_create` says of a secret.
  private func create(_ secret: [UInt8]) throws -> Int32 {
    try LibraryFolder().create(secret).code
  }

  @Test func `it is UTF-8, and what is around it is taken off`() throws {
    let good = Array("0123456789abcdef".utf8)
    #expect(try create(good) == 0)
    #expect(try create(Array("\u{FEFF} ".utf8) + good + Array("\u{A0}\n".utf8)) == 0)
    for bad in [[0xFF], good + [0xE2, 0x80], [], Array("\u{A0}".utf8)] as [[UInt8]] {
      #expect(try create(bad) == -1, "\(bad)")
    }
  }
}
