// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import CDevice
import CoAPLink
import ConstrainedCore
import DeviceLibrary
import DurableReports
import EitherSecurity
import Foundation
import HTTPSChannel
import HTTPSLink
import MQTTChannel
import MQTTLink
import OpenSSLSupport
import Platform
import SymmetricSecurity
import TestSupport
import Testing

@testable import Agent
@testable import CoAPExchange
@testable import DeviceStore
@testable import PayloadCoding

/// On a 64-bit machine, as the comments say.
@Suite("The sizes that comments and docs/c.md state")
struct DocumentedSizeTests {
  private typealias Link = CoAPLink<SymmetricSecurity, SystemRandom>
  private typealias EitherLink = CoAPLink<EitherSecurity, SystemRandom>

  private static let repository = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// What is measured, by the file whose comment states it.
  private static let measured: [String: Int] = [
    "AlinkRequest.swift": MemoryLayout<AlinkRequest<PropertyPost, JSONWriter>>.size
      - MemoryLayout<JSONWriter>.size,
    "BlockwiseTransfer.swift": MemoryLayout<BlockwiseTransfer<64>>.size - 64,
    "ByteWriter.swift": MemoryLayout<ByteWriter>.size,
    "CBORReader.swift": MemoryLayout<CBORReader>.size,
    "CBORWriter.swift": MemoryLayout<CBORWriter>.size,
    "CoAPLink.swift": MemoryLayout<Link>.size,
    "Configuration.swift": MemoryLayout<Configuration>.size,
    "DurableReports.swift": MemoryLayout<DurableReports<Link>>.size - MemoryLayout<Link>.size,
    "ExactDecimal.swift": MemoryLayout<ExactDecimal>.size,
    "FNVHash.swift": MemoryLayout<FNVHash>.size,
    "HTTPSLink.swift": MemoryLayout<HTTPSLink<HTTPSChannel, SystemRandom>>.size,
    "JSONReader.swift": MemoryLayout<JSONReader>.size,
    "JSONStringBytes.swift": MemoryLayout<JSONStringBytes>.size,
    "MQTTLink.swift": MemoryLayout<MQTTLink<MQTTChannel, SystemRandom>>.size,
    "MessageIDSource.swift": MemoryLayout<MessageIDSource>.size,
    "PlatformReply.swift": MemoryLayout<PlatformReply>.size,
    "PropertyBatch.swift": MemoryLayout<PropertyBatch<CBORWriter>>.size,
    "ReportLine.swift": MemoryLayout<ReportLine>.size,
    "SessionRecord.swift": MemoryLayout<SessionRecord>.size,
    "SmallCipher.swift": MemoryLayout<SmallCipher>.size,
  ]

  /// What no size of a type shows, and why.
  private static let others: [String: String] = [
    "ConsoleBook.swift": "the messages that a page shows, on the heap",
    "ConsoleSessions.swift": "the cookies of browsers, on the heap",
    "DTLSConnection.swift": "OpenSSL's memory on the heap",
    "DeliveryTimes.swift": "a table of classes, on the heap",
    "FaultyNetwork.swift": "the datagrams on their way, on the heap",
    "FleetProtection.swift": "OpenSSL's contexts, on the heap",
    "FleetSockets.swift": "sockets, which are the kernel's",
    "GatewayLink.swift": "the sub-devices, on the heap",
    "TOMLDocument.swift": "the document itself",
    "DTLSSecurity+Sessions.swift": "the bytes of an exported session (DTLSSecurityTests)",
    "HTTPSChannel.swift": "the settings' limits and libcurl's memory, on the heap",
    "MQTTChannel.swift": "a queue on the heap, and the library's memory (ChannelTests)",
    "FixedBytes.swift": "a capacity of the caller's, below",
  ]

  @Test func `each size that a comment states is measured`() throws {
    let documented = try DocumentedSize.all(in: Self.repository)
    let known = Set(Self.measured.keys).union(Self.others.keys)
    #expect(Set(documented.map(\.file)) == known)
    for size in documented {
      guard let bytes = Self.measured[size.file] else { continue }
      #expect(size.covers(bytes), "\(size.file): \(size.figures) stated, \(bytes) measured")
    }
  }

  @Test func `an array in place takes its capacity and a counter`() {
    #expect(MemoryLayout<FixedBytes<64>>.size == 64 + MemoryLayout<Int>.size)
    #expect(MemoryLayout<FixedBytes<1_024>>.size == 1_024 + MemoryLayout<Int>.size)
  }

  @Test func `a session with both layers takes what is stated`() throws {
    let documented = try DocumentedSize.all(in: Self.repository)
    let size = try #require(documented.first { $0.file == "CoAPLink.swift" })
    let bytes = MemoryLayout<EitherLink>.size
    #expect(size.covers(bytes, figure: 1), "\(bytes)")
  }

  @Test func `what lies on a disk has the bytes that its comment states`() {
    #expect(MemoryLayout<OutboxHeader>.size == OutboxHeader.count)
    #expect(OutboxHeader.count == 40)
    #expect(MemoryLayout<KeptTime>.size == 16)
    #expect(MemoryLayout<SessionCeiling>.size == 12)
  }

  /// docs/c.md, "The device is in the caller's memory", and nbiot_device.h, "The number of bytes that a device takes", of the
  /// library over CoAP; LibraryConfigurationTests has the other two.
  @Test(arguments: ["docs/c.md", "Sources/CDevice/nbiot_device.h"])
  func `a device of the C library takes what is stated`(file: String) throws {
    let text = try String(contentsOf: Self.repository.appending(path: file), encoding: .utf8)
    let stated = try #require(text.firstMatch(of: /(?:memory,|takes \(some) ([0-9.]+) KB/))
    let bytes = try #require(Double(stated.1)) * 1_024
    #expect(abs(bytes - Double(nbiot_device_size())) < 512, "\(nbiot_device_size()) bytes")
  }
}
