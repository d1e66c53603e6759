import ConstrainedCore
import DeviceStore
import TestSupport
import Testing

@Suite("The outbox")
struct OutboxTests {
  @Test func `entries come back in order, after a restart, too, until they are removed`() throws {
    let workspace = Workspace()
    do {
      var outbox = try Outbox(workspace.open())
      for index in 1...5 {
        let topic = Array("topic \(index)".utf8)
        let payload = [UInt8](repeating: UInt8(index), count: index * 10)
        let id = try outbox.append(topic: topic.span, payload: payload.span, contentFormat: 50)
        #expect(id == UInt64(index))
      }
      var entry = OutboxEntry()
      let hasOne = try outbox.next(into: &entry, at: 0)
      #expect(hasOne && entry.id == 1 && !entry.wasKept)
      try outbox.remove(entry)
      #expect(outbox.count == 4)
    }
    do {
      var outbox = try Outbox(workspace.open())
      #expect(outbox.findings.kept == 4 && outbox.findings.damaged == 0)
      #expect(outbox.findings.cutBytes == 0 && outbox.nextID == 6)
      var entry = OutboxEntry()
      for index in 2...5 {
        let hasOne = try outbox.next(into: &entry, at: 0)
        #expect(hasOne && entry.id == UInt64(index) && entry.wasKept)
        #expect(array(entry.topic.bytes) == Array("topic \(index)".utf8))
        #expect(array(entry.payload.bytes) == [UInt8](repeating: UInt8(index), count: index * 10))
        #expect(entry.contentFormat == 50)
        try outbox.remove(entry)
      }
      let hasMore = try outbox.next(into: &entry, at: 0)
      #expect(!hasMore && outbox.count == 0)
    }
    let outbox = try Outbox(workspace.open())
    #expect(outbox.findings == OutboxFindings() && outbox.nextID == 6)
  }
}
