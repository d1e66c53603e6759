// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import CoAPMessage
internal import ConstrainedCore
public import PacketCapture
internal import RadioModel
public import TrafficLedger

/// The packets of one device in a capture, each with what it is for as far as that can be seen.
///
/// A packet to one of the platform's ports is the device's. CoAP in symmetric mode is read message by message. Inside
/// DTLS and TLS a request for a token looks like a report; whole records count under their content.
public struct CaptureTraffic: Sendable {
  /// The ports of the platform: CoAP's three, MQTT's and HTTPS's.
  public static let defaultPorts: Set<UInt16> = [5_682, 5_683, 5_684, 1_883, 8_883, 443]

  /// The packets by purpose, with the headers of IP.
  public private(set) var ledger = TrafficLedger()
  /// The packets that were read.
  public private(set) var packets = 0
  /// Packets of other ports and protocols, and those that could not be read.
  public private(set) var others = 0
  /// Reports that were sent for the first time.
  public var reports: Int { Int(ledger[.report, .up].datagrams) }

  /// How far reports are apart on average, in milliseconds; `nil` where there are fewer than two.
  public var spacing: Double? { spacing(of: reports) }

  /// The same where so many of the packets are reports.
  public func spacing(of reports: Int) -> Double? {
    guard let reportSpan, reports > 1 else { return nil }
    return reportSpan / Double(reports - 1)
  }

  /// How far the last packet is behind the first, in milliseconds.
  public var span: Double { latest }

  /// From the first report to the last, in milliseconds; `nil` without one.
  var reportSpan: Double? {
    guard let firstReport, let lastReport else { return nil }
    return lastReport - firstReport
  }

  /// Whether a packet has an earlier time than one before it.
  public private(set) var runsBackwards = false

  private var (firstReport, lastReport): (Double?, Double?) = (nil, nil)
  private var latest: Double = 0
  private(set) var passages: [TrafficReplay.Passage] = []
  private var start: Int64?
  private var seen = Latest<[UInt8]>()
  private var sequences = Latest<UInt64>()
  /// Tokens of requests to `/auth`.
  private var tokens = Latest<[UInt8]>()

  /// How many packets are kept at most.
  public static var limit: Int { 1_000_000 }

  /// Reads a whole capture.
  public init(path: String, ports: Set<UInt16> = Self.defaultPorts) throws(CaptureError) {
    var file = try CaptureFile(path: path)
    let linkType = file.linkType
    while passages.count < Self.limit, let packet = try file.next() {
      packets += 1
      do throws(PacketError) {
        let segment = try packet.segment(linkType)
        let isUp = ports.contains(segment.destination.port)
        guard isUp || ports.contains(segment.source.port) else {
          others += 1
          continue
        }
        add(segment, isUp, packet.microseconds)
      } catch {
        others += 1
      }
    }
  }

  private mutating func add(_ segment: SegmentView, _ isUp: Bool, _ microseconds: Int64) {
    if start == nil { start = microseconds }
    // The file's times may have any value, and may run backwards.
    let passed = Double(microseconds &- (start ?? 0)) / 1_000
    if passed < latest { runsBackwards = true }
    latest = max(latest, passed)
    let purpose = purpose(of: segment, isUp)
    count(segment, isUp, purpose)
    if purpose == .report {
      firstReport = firstReport ?? latest
      lastReport = latest
    }
    passages.append(
      TrafficReplay.Passage(
        moment: .at(max(0, passed)),
        isUp: isUp,
        bytes: segment.packetCount,
        purpose: purpose.traffic
      )
    )
  }

  private mutating func count(
    _ segment: SegmentView,
    _ isUp: Bool,
    _ purpose: TrafficLedger.Purpose
  ) {
    let direction: TrafficLedger.Direction = isUp ? .up : .down
    ledger.count(purpose, direction, bytes: segment.originalCount)
    ledger[.headers, direction].bytes +=
      UInt64(max(0, segment.packetCount - segment.originalCount))
  }

  private mutating func purpose(
    of segment: SegmentView,
    _ isUp: Bool
  ) -> TrafficLedger.Purpose {
    guard let sequence = segment.sequence else { return purpose(ofDatagram: segment.payload, isUp) }
    // SYN, FIN, and what acknowledges without bytes.
    guard segment.originalCount > 0 else { return .acknowledgement }
    let place = UInt64(segment.source.port) << 32 | UInt64(sequence)
    if !sequences.insert(place, at: latest) { return .retransmission }
    return Self.purpose(ofStream: segment.payload, isUp)
  }

  /// RFC 5246 Section 6.2.1, and MQTT 3.1.1 Section 2.2.1.
  private static func purpose(ofStream bytes: Span<UInt8>, _ isUp: Bool) -> TrafficLedger.Purpose {
    guard let first = bytes.isEmpty ? nil : bytes[0] else { return isUp ? .report : .answer }
    switch first {
    case 20, 21, 22: return .handshake
    case 23: return isUp ? .report : .answer
    default: break
    }
    switch first >> 4 {
    case 1, 2, 14: return .authentication
    case 3 where isUp: return .report
    case 4 where !isUp: return .answer
    case 12, 13: return .keepAlive
    default: return .acknowledgement
    }
  }

  private mutating func purpose(
    ofDatagram bytes: Span<UInt8>,
    _ isUp: Bool
  ) -> TrafficLedger.Purpose {
    guard !bytes.isEmpty else { return .acknowledgement }
    // RFC 6347 Section 4.1; CoAP's first byte is 64 to 127.
    if (20...25).contains(bytes[0]) {
      return bytes[0] != 23 ? .handshake : isUp ? .report : .answer
    }
    let whole = bytes.indices.map { bytes[$0] } + [isUp ? 1 : 0]
    let isNew = seen.insert(whole, at: latest, for: Self.lifetime)
    do throws(MessageFormatError) {
      let message = try MessageView(bytes)
      let token = Array(whole[4..<min(whole.count, 4 + message.tokenLength)])
      if message.code == .empty { return .acknowledgement }
      if !isNew { return .retransmission }
      guard isUp else { return tokens.contains(token) ? .authentication : .answer }
      guard message.code.class == 0 else { return .acknowledgement }
      guard let path = message.first(.uriPath), path.value.isEqual(to: Self.authentication)
      else { return .report }
      _ = tokens.insert(token, at: latest)
      return .authentication
    } catch {
      return .acknowledgement
    }
  }

  private static var authentication: StaticString { "auth" }

  /// EXCHANGE_LIFETIME: after that a message with the same ID is a new one (RFC 7252 Section 4.8.2), in milliseconds.
  private static var lifetime: Double {
    Double(TransmissionParameters.standard.exchangeLifetime.count)
  }
}

/// The last 256 of something.
private struct Latest<Element: Hashable & Sendable>: Sendable {
  private var known: [Element: Double] = [:]
  private var order: [Element] = []
  private var next = 0

  /// Whether it is new, or was last seen more than `lifetime` milliseconds before `time`.
  mutating func insert(
    _ element: Element,
    at time: Double,
    for lifetime: Double = .infinity
  ) -> Bool {
    if let last = known.updateValue(time, forKey: element) { return time - last > lifetime }
    if order.count < 256 {
      order.append(element)
    } else {
      known[order[next]] = nil
      order[next] = element
      next = (next + 1) % 256
    }
    return true
  }

  func contains(_ element: Element) -> Bool { known[element] != nil }
}
