// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CPOSIX
internal import ConstrainedCore
internal import DeviceStore
internal import OpenSSLSupport

/// A configuration that the platform has offered, with its files.
struct OfferedConfiguration: ~Copyable {
  let names: ConfigurationNames
  var push = ConfigurationPush()
  private var store: ConfigurationStore

  init(_ names: ConfigurationNames) {
    self.names = names
    store = ConfigurationStore(names)
  }

  /// Reads what is kept of it.
  @inline(never)
  mutating func open(_ directory: borrowing StateDirectory) {
    store.join(directory)
    // What came of a file before the program ended comes anew.
    store.discard()
    let state = store.load()
    push = ConfigurationPush(kept: state.bytes)
  }

  /// Keeps what is known of it.
  @inline(never)
  mutating func keep() throws(StoreError) {
    // As many bytes as the store has room for; 1,198 at most are written.
    var state = FixedBytes<1600>()
    state.write { (writer: inout ByteWriter) in
      // It has room for the longest names.
      try? push.writeState(into: &writer)
    }
    try store.keep(state.bytes)
  }

  /// Begins the file anew; the descriptor that its bytes go to.
  mutating func begin() throws(StoreError) -> Int32 { try store.begin() }

  /// Forgets what has come of the file.
  mutating func discard() { store.discard() }

  /// Checks the file that has come, and puts it in its place; `false` where it is not the one that was offered.
  @inline(never)
  mutating func accept() throws(StoreError) -> Bool {
    guard isWhole() else {
      store.discard()
      return false
    }
    try store.accept()
    return true
  }

  /// Opens the file that is in its place; its descriptor, or -1 where that is not the one that was offered.
  @inline(never)
  mutating func openFile() -> Int32 {
    guard store.open() else { return -1 }
    guard isWhole() else {
      store.discard()
      return -1
    }
    _ = lseek(store.descriptor, 0, SEEK_SET)
    return store.descriptor
  }

  /// Closes the file that `openFile` has opened.
  mutating func closeFile() { store.discard() }

  /// Whether the open file has the size and the digest that were offered.
  private func isWhole() -> Bool {
    var bytes = InlineArray<4_096, UInt8>(repeating: 0)
    var offset = 0
    do throws(OpenSSLError) {
      var digest = try StreamingDigest(.sha256)
      while true {
        var room = bytes.mutableSpan
        let count = store.read(into: &room, at: offset)
        if count < 0 { return false }
        if count == 0 { break }
        offset += count
        try digest.update(room.span.extracting(0..<count))
      }
      if let size = push.size, size != UInt64(offset) { return false }
      let sum = try digest.finish()
      return sum.bytes.isEqual(to: push.digest.bytes)
    } catch {
      return false
    }
  }
}
