// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import ReportLink

extension DurableReports: DatagramLink where Link: DatagramLink & ~Copyable {
  /// The link's value.
  public var needsWholeDatagrams: Bool { link.needsWholeDatagrams }

  /// Passes the datagram to the link.
  public mutating func handleDatagram(_ datagram: Span<UInt8>, of length: Int, at now: Instant) {
    link.handleDatagram(datagram, of: length, at: now)
  }

  /// Writes the link's next datagram; events come from `pollEvent`.
  public mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(CapacityError) -> DeviceTransmission? {
    try link.pollTransmit(into: &output, at: now)
  }

  /// Sends the request in flight again at once, over a socket to another address of the server.
  public mutating func changeAddress(at now: Instant) { link.changeAddress(at: now) }
}
