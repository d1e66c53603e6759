// SPDX-License-Identifier: Apache-2.0
/// The DTLS records of a datagram, as far as they are readable without a key (RFC 6347 Section
/// 4.1).
enum DTLSRecords {
  /// One line per record; `nil` if the datagram is not DTLS.
  ///
  /// CoAP is never mistaken for it: its first byte is 64 to 127 (RFC 7252 Section 3).
  static func lines(_ datagram: Span<UInt8>) -> [String]? {
    guard isRecord(datagram) else { return nil }
    var lines: [String] = []
    var rest = datagram
    while rest.count > 0 {
      guard isRecord(rest) else {
        lines.append("\(rest.count) bytes that are not a DTLS record")
        break
      }
      let (line, length) = record(rest)
      lines.append(line)
      rest = rest.extracting(droppingFirst: length)
    }
    return lines
  }

  private static func isRecord(_ bytes: Span<UInt8>) -> Bool {
    guard bytes.count > 0 else { return false }
    // RFC 9147 Section 4: the first three bits are 001.
    if bytes[0] >> 5 == 1 { return true }
    guard bytes.count >= 3, bytes[0] >= 20, bytes[0] <= 26, bytes[1] == 0xFE else { return false }
    return bytes[2] == 0xFF || bytes[2] == 0xFD
  }

  /// The first record's line, and its length in bytes.
  private static func record(_ bytes: Span<UInt8>) -> (String, Int) {
    guard bytes[0] >> 5 != 1 else {
      // The length may be left out, and only the two ends know the length of the connection ID.
      return ("DTLS record: encrypted, DTLS 1.3, \(bytes.count) bytes", bytes.count)
    }
    let version = bytes[2] == 0xFF ? "DTLS 1.0" : "DTLS 1.2"
    let type = contentType(bytes[0])
    guard bytes.count >= 13, bytes[0] != 25 else {
      return ("DTLS record: \(type), \(version), \(bytes.count) bytes", bytes.count)
    }
    let epoch = Int(bytes[3]) << 8 | Int(bytes[4])
    let length = Int(bytes[11]) << 8 | Int(bytes[12])
    var line = "DTLS record: \(type)"
    // From epoch 1 on the content is encrypted.
    if bytes[0] == 22, epoch == 0, bytes.count > 13 { line += " \(handshakeType(bytes[13]))" }
    line += ", \(version), epoch \(epoch), \(length) bytes"
    guard length <= bytes.count - 13 else {
      return (line + ", of which \(bytes.count - 13) are there", bytes.count)
    }
    return (line, 13 + length)
  }

  private static func contentType(_ type: UInt8) -> String {
    switch type {
    case 20: "change cipher spec"
    case 21: "alert"
    case 22: "handshake"
    case 23: "application data"
    case 24: "heartbeat"
    case 25: "with a connection ID"  // RFC 9146
    default: "acknowledgement"
    }
  }

  private static func handshakeType(_ type: UInt8) -> String {
    switch type {
    case 0: "HelloRequest"
    case 1: "ClientHello"
    case 2: "ServerHello"
    case 3: "HelloVerifyRequest"
    case 4: "NewSessionTicket"
    case 11: "Certificate"
    case 12: "ServerKeyExchange"
    case 13: "CertificateRequest"
    case 14: "ServerHelloDone"
    case 15: "CertificateVerify"
    case 16: "ClientKeyExchange"
    case 20: "Finished"
    default: "type \(type)"
    }
  }
}
