/// UTF-8 as RFC 3629 Section 4 has it.
package enum UTF8Check {
  /// Whether the bytes are whole sequences and nothing else.
  package static func isValid(_ bytes: Span<UInt8>) -> Bool {
    var offset = 0
    while offset < bytes.count {
      if bytes[offset] < 0x80 {
        offset += 1
        continue
      }
      do throws(JSONError) {
        offset += try UTF8Sequence.length(in: bytes, at: offset)
      } catch {
        return false
      }
    }
    return true
  }
}
