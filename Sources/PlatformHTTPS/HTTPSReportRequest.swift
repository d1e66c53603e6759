// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// A report over HTTPS: `POST /topic/TOPIC` with the token in the field `password` (device guide 3.8).
public enum HTTPSReportRequest {
  /// The path that authenticates.
  public static var authenticationPath: StaticString { "/auth" }

  /// The largest body in bytes (device guide 3.7: 128 KB).
  public static var maxBody: Int { 131_072 }

  /// Appends the path of a checked topic: `/topic` and the topic, percent-encoded where RFC 3986 Section 3.3 asks for
  /// it; at most 390 bytes.
  public static func writePath(
    _ topic: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    let start = output.count
    do throws(CapacityError) {
      try output.append("/topic")
      for index in topic.indices {
        let byte = topic[index]
        if isPathCharacter(byte) {
          try output.append(byte)
        } else {
          try output.append(UInt8(ascii: "%"))
          try output.append(hexadecimal: byte, uppercase: true)
        }
      }
    } catch {
      output.truncate(to: start)
      throw error
    }
  }

  /// `pchar` of RFC 3986 Section 3.3, and the slash between segments.
  private static func isPathCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "!"), UInt8(ascii: "$"),
      UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"),
      UInt8(ascii: "*"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="),
      UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "/"):
      true
    default: false
    }
  }
}
