// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

extension MessageWriter {
  /// Appends a Uri-Path option for each segment of `path` (RFC 7252 Section 6.4 step 8).
  ///
  /// A leading slash does not start an empty segment, nor does a trailing one; the platform's own
  /// client also drops the latter. The bytes are used as they are, without percent-decoding.
  public mutating func path(_ path: Span<UInt8>) throws(MessageWriterError) {
    let slash = UInt8(ascii: "/")
    let dot = UInt8(ascii: ".")
    var start = path.byte(at: 0) == slash ? 1 : 0
    while start < path.count {
      var end = start
      while let byte = path.byte(at: end), byte != slash { end &+= 1 }
      let segment = path.extracting(start..<end)
      if path.byte(at: start) == dot, segment.count <= 2 {
        // conformance: 7252-5.10.1-a
        guard segment.count == 2, segment[1] != dot else { throw .dotSegment }
      }
      try option(.uriPath, segment)
      start = end + 1
    }
  }
}

extension MessageView {
  /// Writes the path of the Uri-Path options: a slash before each segment, or "/" if there are none
  /// (RFC 7252 Section 6.5 steps 6 and 7).
  ///
  /// Bytes that a URI's path cannot carry, such as a slash within a segment, are percent-encoded.
  public func writePath(into output: inout ByteWriter) throws(CapacityError) {
    let start = output.count
    do throws(CapacityError) {
      var iterator = options
      while let option = iterator.next() {
        guard option.number == .uriPath else { continue }
        try output.append(UInt8(ascii: "/"))
        for index in option.value.indices {
          try Self.appendPathByte(option.value[index], to: &output)
        }
      }
      if output.count == start { try output.append(UInt8(ascii: "/")) }
    } catch {
      output.truncate(to: start)
      throw error
    }
  }

  private static func appendPathByte(
    _ byte: UInt8,
    to output: inout ByteWriter
  ) throws(CapacityError) {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "!"), UInt8(ascii: "$"),
      UInt8(ascii: "&")...UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="),
      UInt8(ascii: ":"), UInt8(ascii: "@"):
      try output.append(byte)
    default:
      try output.append(UInt8(ascii: "%"))
      // conformance: 7252-6.5-a
      try output.append(hexadecimal: byte, uppercase: true)
    }
  }
}
