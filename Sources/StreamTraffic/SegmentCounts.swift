// SPDX-License-Identifier: Apache-2.0
internal import CWire

/// How many segments a TCP connection has sent and received so far, as the kernel counts them: those without payload,
/// and those that were sent again, among them.
package struct SegmentCounts {
  package let sent: UInt32
  package let received: UInt32

  /// Those of a socket; `nil` where it is none of TCP, or the kernel is older than Linux 5.4.
  package init?(of socket: Int32) {
    var info = nbiot_tcp_info()
    // SAFETY: the call fills in the structure and does not keep the pointer.
    guard unsafe nbiot_wire_info(socket, &info) != 0 else { return nil }
    sent = info.segments_out
    received = info.segments_in
  }
}
