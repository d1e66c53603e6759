// SPDX-License-Identifier: Apache-2.0
internal import CLibCBOR

/// The head of one data item, with the content of a string or number (RFC 8949 Section 3).
struct CBORHead {
  /// The type of the item.
  enum Kind {
    case unsigned(UInt64)
    /// -1 minus the number.
    case negative(UInt64)
    /// The length of a byte string; its content is the item's last bytes.
    case bytes(Int)
    /// The length of a text string; its content is the item's last bytes.
    case text(Int)
    case array(UInt64)
    case map(UInt64)
    case indefiniteBytes
    case indefiniteText
    case indefiniteArray
    case indefiniteMap
    case tag(UInt64)
    case float(Double)
    case boolean(Bool)
    case null
    case undefined
    case simple(UInt8)
    case stop
  }

  let kind: Kind

  /// The number of bytes read, a string's content included; at least 1.
  let count: Int

  /// Reads the head at `offset`, which must be below `bytes.count`.
  init(_ bytes: Span<UInt8>, at offset: Int) throws(CBORError) {
    if let head = try Self.unassigned(bytes, at: offset) {
      self = head
      return
    }
    let rest = bytes.extracting(offset...)
    var found: Kind?
    // SAFETY: libcbor reads at most the count it is given; `found` outlives the call, and the
    // callbacks access nothing else.
    let result = unsafe rest.withUnsafeBufferPointer { buffer in
      unsafe withUnsafeMutablePointer(to: &found) { context in
        var callbacks = Self.callbacks
        return unsafe cbor_stream_decode(buffer.baseAddress, buffer.count, &callbacks, context)
      }
    }
    switch result.status {
    case CBOR_DECODER_FINISHED:
      guard let found, result.read > 0, result.read <= rest.count else {
        throw .malformedHead(offset: offset)
      }
      kind = found
      count = result.read
    case CBOR_DECODER_NEDATA: throw .truncated(offset: offset)
    default: throw .malformedHead(offset: offset)
    }
  }

  private init(kind: Kind, count: Int) {
    self.kind = kind
    self.count = count
  }

  /// Heads that RFC 8949 allows but libcbor 0.8.0 rejects: tags 6 to 20, and unassigned simple
  /// values.
  private static func unassigned(
    _ bytes: Span<UInt8>,
    at offset: Int
  ) throws(CBORError) -> CBORHead? {
    let first = bytes[offset]
    switch first {
    case 0xC6...0xD4: return CBORHead(kind: .tag(UInt64(first - 0xC0)), count: 1)
    case 0xE0...0xF3: return CBORHead(kind: .simple(first - 0xE0), count: 1)
    case 0xF8:
      guard offset + 1 < bytes.count else { throw .truncated(offset: offset) }
      // RFC 8949 Section 3.3: an encoder MUST NOT issue two-byte sequences with less than 32.
      guard bytes[offset + 1] >= 32 else { throw .malformedHead(offset: offset) }
      return CBORHead(kind: .simple(bytes[offset + 1]), count: 2)
    default: return nil
    }
  }

  /// One callback per type; the context is an optional `Kind`, which it fills.
  ///
  /// A C `size_t` is imported as `Int`: a count above `Int.max` appears negative.
  private static var callbacks: cbor_callbacks {
    unsafe cbor_callbacks(
      uint8: { unsafe CBORHead.found(.unsigned(UInt64($1)), $0) },
      uint16: { unsafe CBORHead.found(.unsigned(UInt64($1)), $0) },
      uint32: { unsafe CBORHead.found(.unsigned(UInt64($1)), $0) },
      uint64: { unsafe CBORHead.found(.unsigned($1), $0) },
      negint64: { unsafe CBORHead.found(.negative($1), $0) },
      negint32: { unsafe CBORHead.found(.negative(UInt64($1)), $0) },
      negint16: { unsafe CBORHead.found(.negative(UInt64($1)), $0) },
      negint8: { unsafe CBORHead.found(.negative(UInt64($1)), $0) },
      byte_string_start: { unsafe CBORHead.found(.indefiniteBytes, $0) },
      byte_string: { unsafe CBORHead.found(.bytes($2), $0) },
      string: { unsafe CBORHead.found(.text($2), $0) },
      string_start: { unsafe CBORHead.found(.indefiniteText, $0) },
      indef_array_start: { unsafe CBORHead.found(.indefiniteArray, $0) },
      array_start: { unsafe CBORHead.found(.array(UInt64(UInt(bitPattern: $1))), $0) },
      indef_map_start: { unsafe CBORHead.found(.indefiniteMap, $0) },
      map_start: { unsafe CBORHead.found(.map(UInt64(UInt(bitPattern: $1))), $0) },
      tag: { unsafe CBORHead.found(.tag($1), $0) },
      float2: { unsafe CBORHead.found(.float(Double($1)), $0) },
      float4: { unsafe CBORHead.found(.float(Double($1)), $0) },
      float8: { unsafe CBORHead.found(.float($1), $0) },
      undefined: { unsafe CBORHead.found(.undefined, $0) },
      null: { unsafe CBORHead.found(.null, $0) },
      boolean: { unsafe CBORHead.found(.boolean($1), $0) },
      indef_break: { unsafe CBORHead.found(.stop, $0) }
    )
  }

  private static func found(_ kind: Kind, _ context: UnsafeMutableRawPointer?) {
    // SAFETY: the context is the address of the optional `Kind` in `init`, alive during the call.
    unsafe context?.assumingMemoryBound(to: Kind?.self).pointee = kind
  }
}
