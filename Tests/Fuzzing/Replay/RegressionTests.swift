// SPDX-License-Identifier: Apache-2.0
import Foundation
import FuzzEntries
import Testing

@Suite("What the fuzzers once found")
struct RegressionTests {
  static let folder = URL(filePath: #filePath)
    .appending(path: "../../Regressions")
    .standardizedFileURL

  static let targets = [
    "fuzz-message", "fuzz-exchange", "fuzz-json", "fuzz-cbor", "fuzz-model", "fuzz-alink",
    "fuzz-auth", "fuzz-inspect", "fuzz-handshake", "fuzz-downlink",
  ]

  static func run(_ target: String, _ bytes: Span<UInt8>) {
    switch target {
    case "fuzz-message": fuzzMessage(bytes)
    case "fuzz-exchange": fuzzExchange(bytes)
    case "fuzz-json": fuzzJSON(bytes)
    case "fuzz-cbor": fuzzCBOR(bytes)
    case "fuzz-model": fuzzModel(bytes)
    case "fuzz-alink": fuzzAlink(bytes)
    case "fuzz-downlink": fuzzDownlink(bytes)
    case "fuzz-auth": fuzzAuthentication(bytes)
    case "fuzz-inspect": fuzzInspect(bytes)
    case "fuzz-handshake": fuzzHandshake(bytes)
    default: preconditionFailure("\(target) has no function here")
    }
  }

  @Test func `every target's folder is known`() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
    #expect(Set(folders) == Set(Self.targets))
  }

  @Test(arguments: targets)
  func `each input passes, and so do its truncations`(target: String) throws {
    let folder = Self.folder.appending(path: target)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".bin") }
    #expect(!names.isEmpty)
    for name in names {
      let bytes = [UInt8](try Data(contentsOf: folder.appending(path: name)))
      for count in 0...bytes.count { Self.run(target, bytes.span.extracting(0..<count)) }
    }
  }
}
