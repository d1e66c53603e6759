import ConstrainedCore
import DeviceStore
import TestSupport
import Testing

@Suite("The session store")
struct SessionStoreTests {
  @Test func `a session comes back with the number reserved last`() throws {
    let workspace = Workspace()
    let fingerprint = [UInt8](repeating: 0x11, count: 32)
    do {
      var store = SessionStore(try workspace.open())
      var record = SessionRecord()
      let finding = try store.load(for: fingerprint.span, into: &record)
      #expect(finding == .none)
      try record.fingerprint.replace(with: fingerprint.span)
      try record.token.replace(with: Array("token".utf8).span)
      try record.channel.replace(with: [UInt8](repeating: 7, count: 2048).span)
      record.ceiling = 64
      try store.replace(with: record)
      try store.reserve(upTo: 128)
    }
    var store = SessionStore(try workspace.open())
    var record = SessionRecord()
    let finding = try store.load(for: fingerprint.span, into: &record)
    #expect(finding == .found && record.ceiling == 128)
    #expect(array(record.token.bytes) == Array("token".utf8) && record.channel.count == 2048)
    try store.forget()
    let gone = try store.load(for: fingerprint.span, into: &record)
    #expect(gone == .none)
  }
}
