// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import Foundation
import TestSupport
import Testing

@Suite("What is kept of a firmware")
struct FirmwareStoreTests {
  let workspace = Workspace()

  /// What a start of the program finds.
  private func found() throws -> [UInt8] {
    var store = FirmwareStore()
    store.join(try workspace.open())
    let bytes = store.load()
    return bytes.bytes.indices.map { bytes.bytes[$0] }
  }

  private func keep(_ bytes: [UInt8]) throws {
    var store = FirmwareStore()
    store.join(try workspace.open())
    try store.keep(bytes.span)
  }

  @Test func `it is found as it was kept last, and is for its owner alone`() throws {
    #expect(try found().isEmpty)
    for length in [1, 163, FirmwareStore.maxCount, 0] {
      let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 + length) }
      try keep(bytes)
      #expect(try found() == bytes)
    }
    #expect(workspace.names == ["firmware"] && workspace.mode("firmware") == 0o600)
  }

  @Test func `each damaged byte, each missing one and others' files count as nothing`() throws {
    try keep(Array(1...100))
    let whole = try #require(workspace.bytes("firmware"))
    #expect(whole.count == 200)
    for index in whole.indices {
      var damaged = whole
      damaged[index] ^= 0x10
      workspace.put(damaged, as: "firmware")
      #expect(try found().isEmpty, "\(index)")
    }
    for length in [0, 1, 199] {
      workspace.put(Array(whole.prefix(length)), as: "firmware")
      #expect(try found().isEmpty)
    }
    workspace.put(whole, as: "firmware", mode: 0o622)
    #expect(try found().isEmpty)
    workspace.put(whole, as: "firmware")
    #expect(try found() == Array(1...100))
  }
}
