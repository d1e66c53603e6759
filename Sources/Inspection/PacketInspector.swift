// SPDX-License-Identifier: Apache-2.0
public import PacketCapture

/// The number of packets in a capture that were shown, and of those skipped, by reason.
public struct PacketCounts: Equatable, Sendable {
  /// Packets read.
  public internal(set) var packets = 0
  /// Packets shown.
  public internal(set) var shown = 0
  /// IP fragments.
  public internal(set) var fragments = 0
  /// Packets cut short by the capture before their ports or payload.
  public internal(set) var cutShort = 0
  /// Packets with contradictory headers.
  public internal(set) var malformed = 0
  /// Packets of other protocols or ports.
  public internal(set) var others = 0

  /// Starts with all counts at 0.
  public init() {}
}

extension PacketCounts: CustomStringConvertible {
  /// The counts that are not zero, on one line.
  public var description: String {
    var parts = ["\(packets) \(packets == 1 ? "packet" : "packets"): \(shown) shown"]
    if fragments > 0 { parts.append("\(fragments) skipped as fragments of IP packets") }
    if cutShort > 0 { parts.append("\(cutShort) cut short by the capture before their payload") }
    if malformed > 0 { parts.append("\(malformed) malformed") }
    if others > 0 { parts.append("\(others) of other protocols or ports") }
    return parts.joined(separator: ", ")
  }
}

/// Shows the CoAP messages in captured packets.
public struct PacketInspector: ~Copyable {
  /// The ports of CoAP, of the platform's symmetric mode, and of CoAP over DTLS.
  public static let defaultPorts: Set<UInt16> = [5683, 5682, 5684]

  /// The counts of the packets so far.
  public private(set) var counts = PacketCounts()

  private var messages: MessageInspector
  private let linkType: LinkType
  private let ports: Set<UInt16>
  private var start: Int64?

  /// Shows datagrams from and to `ports`.
  public init(
    _ messages: consuming MessageInspector,
    linkType: LinkType,
    ports: Set<UInt16> = Self.defaultPorts
  ) {
    self.messages = messages
    self.linkType = linkType
    self.ports = ports
  }

  /// Describes the packet for a person, in some lines of text; `nil` if it is not shown.
  public mutating func text(_ packet: PacketView) -> String? {
    guard let datagram = datagram(of: packet) else { return nil }
    // The file's times may have any value, and may run backwards.
    let passed = packet.microseconds &- (start ?? 0)
    let head =
      "packet \(counts.packets), \(Self.seconds(passed)) s, \(datagram.source) -> "
      + "\(datagram.destination)\n"
    let payload = datagram.payload
    if let reason = Self.cutShort(datagram) {
      return head + reason + HexText.dump(payload, indent: 2)
    }
    if let lines = DTLSRecords.lines(payload) { return head + lines.joined(separator: "\n") }
    return head + messages.text(payload, on: Self.link(datagram))
  }

  /// Describes the packet for a program, in one JSON object on one line; `nil` if it is not shown.
  ///
  /// The time is that of the capture, in seconds since 1970.
  public mutating func json(_ packet: PacketView) -> [UInt8]? {
    guard let datagram = datagram(of: packet) else { return nil }
    let members =
      #""packet":\#(counts.packets),"time":"\#(Self.seconds(packet.microseconds))","#
      + #""source":"\#(datagram.source)","destination":"\#(datagram.destination)""#
    if let reason = Self.cutShort(datagram) {
      return JSONReport.invalid(reason, offset: datagram.payload.count, after: members)
    }
    if let lines = DTLSRecords.lines(datagram.payload) {
      let more = lines.count > 1 ? ", and \(lines.count - 1) more" : ""
      return JSONReport.invalid("not CoAP: \(lines[0])\(more)", offset: 0, after: members)
    }
    return messages.json(datagram.payload, on: Self.link(datagram), after: members)
  }

  private static func link(_ datagram: DatagramView) -> Link {
    Link(source: datagram.source, destination: datagram.destination)
  }

  @_lifetime(copy packet)
  private mutating func datagram(of packet: PacketView) -> DatagramView? {
    counts.packets += 1
    if start == nil { start = packet.microseconds }
    do throws(PacketError) {
      let datagram = try packet.datagram(linkType)
      guard ports.contains(datagram.source.port) || ports.contains(datagram.destination.port)
      else {
        counts.others += 1
        return nil
      }
      counts.shown += 1
      return datagram
    } catch {
      switch error {
      case .notUDP: counts.others += 1
      case .fragment: counts.fragments += 1
      case .cutShort: counts.cutShort += 1
      case .malformed: counts.malformed += 1
      }
      return nil
    }
  }

  private static func cutShort(_ datagram: DatagramView) -> String? {
    guard datagram.payload.count < datagram.originalCount else { return nil }
    return "cut short: the capture kept \(datagram.payload.count) of \(datagram.originalCount) "
      + "bytes; capture with a larger snapshot length (tcpdump -s 0)"
  }

  /// A time with six decimal places.
  private static func seconds(_ microseconds: Int64) -> String {
    let fraction = String(microseconds.magnitude % 1_000_000)
    return "\(microseconds < 0 ? "-" : "")\(microseconds.magnitude / 1_000_000)."
      + String(repeating: "0", count: 6 - fraction.count) + fraction
  }
}
