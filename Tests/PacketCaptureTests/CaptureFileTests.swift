// SPDX-License-Identifier: Apache-2.0
import Foundation
import PacketCapture
import TestSupport
import Testing

/// A file that is deleted after the test.
final class TemporaryFile {
  let path: String

  init(_ bytes: [UInt8]) throws {
    let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Data(bytes).write(to: url)
    path = url.path
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }
}

@Suite("Capture files")
struct CaptureFileTests {
  struct Packet: Equatable {
    let bytes: [UInt8]
    let originalCount: Int
    let microseconds: Int64
  }

  static func read(_ bytes: [UInt8]) throws -> (LinkType, [Packet]) {
    let temporary = try TemporaryFile(bytes)
    var file = try CaptureFile(path: temporary.path)
    var packets: [Packet] = []
    while let packet = try file.next() {
      packets.append(
        Packet(
          bytes: array(packet.bytes),
          originalCount: packet.originalCount,
          microseconds: packet.microseconds
        )
      )
    }
    return (file.linkType, packets)
  }

  static let packets: [(bytes: [UInt8], count: Int, microseconds: Int)] = [
    ([1, 2, 3], 3, 1_700_000_000_000_001), ([], 0, 1_700_000_000_999_999),
    ([4, 5, 6, 7], 100, 1_699_999_999_000_000),
  ]

  static let linkTypes: [(Int, LinkType)] = [
    (0, .null), (1, .ethernet), (101, .raw), (108, .loop), (113, .linuxCooked), (228, .ipv4),
    (229, .ipv6), (276, .linuxCooked2),
  ]

  @Test(arguments: linkTypes)
  func `both formats give the same packets, for each link type`(
    number: Int,
    linkType: LinkType
  ) throws {
    for bytes in [
      CaptureBytes.pcap(linkType: number, Self.packets),
      CaptureBytes.pcapng(linkType: number, Self.packets),
    ] {
      let (found, packets) = try Self.read(bytes)
      #expect(found == linkType)
      #expect(LinkType.supported.contains(found))
      #expect(packets.map(\.bytes) == Self.packets.map(\.bytes))
      #expect(packets.map(\.originalCount) == Self.packets.map(\.count))
      #expect(packets.map(\.microseconds) == Self.packets.map { Int64($0.microseconds) })
    }
  }

  @Test func `an original count below what was kept is raised to it`() throws {
    let (_, packets) = try Self.read(CaptureBytes.pcap(linkType: 1, [([1, 2, 3], 1, 0)]))
    #expect(packets == [Packet(bytes: [1, 2, 3], originalCount: 3, microseconds: 0)])
  }

  @Test func `times beyond reason do not trap`() throws {
    var bytes = CaptureBytes.pcap(linkType: 1, [([1], 1, 0)])
    bytes.replaceSubrange(24..<32, with: [UInt8](repeating: 0xFF, count: 8))
    #expect(try Self.read(bytes).1.count == 1)
  }

  @Test func `a missing file, another file and an empty one are not opened`() throws {
    for bytes in [[UInt8](), Array("not a capture at all, but long enough for a header".utf8)] {
      let file = try TemporaryFile(bytes)
      #expect {
        _ = try CaptureFile(path: file.path)
      } throws: { error in
        guard case .notOpened(let text) = error as? CaptureError else { return false }
        return !text.isEmpty
      }
    }
    #expect {
      _ = try CaptureFile(path: "/nonexistent/file.pcap")
    } throws: { error in
      guard case .notOpened(let text) = error as? CaptureError else { return false }
      return text.contains("No such file")
    }
  }

  @Test func `a file that breaks off gives the packets before, then an error`() throws {
    let whole = CaptureBytes.pcap(linkType: 1, Self.packets)
    let temporary = try TemporaryFile(Array(whole.dropLast(2)))
    var file = try CaptureFile(path: temporary.path)
    #expect(try file.next() != nil)
    #expect(try file.next() != nil)
    #expect {
      _ = try file.next()
    } throws: { error in
      guard case .broken(let text) = error as? CaptureError else { return false }
      return text.contains("truncated")
    }
  }

  @Test func `the name of a link type is libpcap's, and of an unknown one its number`() {
    #expect(CaptureFile.name(of: .ethernet) == "EN10MB")
    #expect(CaptureFile.name(of: LinkType(rawValue: 9_999)) == "number 9999")
  }
}
