// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

extension DTLSConnection {
  /// The range of the next alert in the clear; starts at the end of the datagram if there is none.
  mutating func findClearAlert(in datagram: Span<UInt8>, from start: Int) -> Range<Int> {
    var offset = start
    while offset + 13 <= datagram.count {
      let length = Int(datagram[offset + 11]) << 8 | Int(datagram[offset + 12])
      let isClear = datagram[offset + 3] == 0 && datagram[offset + 4] == 0
      let end = min(offset + 13 + length, datagram.count)
      if datagram[offset] == 21, isClear {
        // RFC 5246 Section 7.2: 2 is fatal; close_notify is the only warning that ends an
        // association.
        if length == 2, end == offset + 15, datagram[offset + 13] == 2 || datagram[offset + 14] == 0
        {
          clearAlert = datagram[offset + 14]
          // RFC 6347 Section 4.1: a peer that answers in records of 1.0 has not agreed to 1.2; a
          // server that has refuses the suites in records of 1.2.
          let isOld = datagram[offset + 1] == 0xFE && datagram[offset + 2] == 0xFF
          if isOld, clearAlert == 40 { clearAlert = 70 }
        }
        return offset..<end
      }
      offset = end
    }
    return datagram.count..<datagram.count
  }
}
