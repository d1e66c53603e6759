// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import FileRecorder
import Foundation
import TestSupport
import Testing

@Suite("Numbers that are used, at random")
struct SessionModelTests {
  @Test(arguments: [21, 22, 23, 24] as [UInt64])
  func `none is used twice through restarts, power cuts and failures`(seed: UInt64) throws {
    print("SessionModelTests: seed \(seed)")
    var random = SeededRandom(seed: seed)
    let workspace = Workspace()
    let fingerprint = [UInt8](repeating: 3, count: 32)
    /// The highest number that was used under each token.
    var used: [UInt64: UInt64] = [:]
    var newestToken: UInt64 = 0
    var found = 0
    var lost = 0
    _ = try workspace.open()
    var disk = workspace.disk
    defer { Recorder.stop() }
    for life in 0..<700 {
      Recorder.start()
      do {
        if random.next() % 3 == 0 {
          Recorder.kill(after: Int(random.next() % 16))
        } else if random.next() % 3 == 0 {
          let kinds = [RECORDED_WRITE, RECORDED_SYNC, RECORDED_RENAME, RECORDED_UNLINK]
          Recorder.fail(
            kinds[Int(random.next() % 4)],
            skip: Int(random.next() % 4),
            times: 1 + Int(random.next() % 2),
            code: EIO,
            partial: Int(random.next() % 12)
          )
        }
        var store = SessionStore(try workspace.open())
        var record = SessionRecord()
        do throws(StoreError) {
          if try store.load(for: fingerprint.span, into: &record) == .found {
            found += 1
            let token = number(record.token.bytes)
            let highest = used[token, default: 0]
            #expect(record.ceiling >= highest, "seed \(seed), life \(life), token \(token)")
          } else {
            lost += 1
            newestToken += 1
            record = fresh(newestToken, fingerprint)
            try store.replace(with: record)
          }
          for _ in 0..<random.next() % 8 {
            switch random.next() % 8 {
            case 0:
              // The channel's session is another one now.
              try? record.channel.replace(
                with: [UInt8](repeating: 1, count: Int(random.next() % 600)).span
              )
              try store.replace(with: record)
            case 1:
              newestToken += 1
              record = fresh(newestToken, fingerprint)
              try store.replace(with: record)
            default:
              try store.reserve(upTo: record.ceiling + 64).check()
              record.ceiling += 64
              used[number(record.token.bytes)] = record.ceiling
            }
          }
        } catch {
          // What is not stored is not used.
        }
      }
      for operation in Recorder.finish() { disk.apply(operation, &random) }
      if random.next() % 2 == 0 {
        workspace.become(disk.cut(.random, &random))
        disk = workspace.disk
      }
      if random.next() % 4 == 0 {
        // It is lost otherwise.
        workspace.put([1, 2, 3], as: "session")
        disk = workspace.disk
      }
    }
    #expect(found > 100 && lost > 50, "\(found), \(lost)")
  }

  private func fresh(_ token: UInt64, _ fingerprint: [UInt8]) -> SessionRecord {
    var record = SessionRecord()
    try? record.fingerprint.replace(with: fingerprint.span)
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: token >> UInt64(8 * $0)) }
    try? record.token.replace(with: bytes.span)
    return record
  }

  private func number(_ bytes: Span<UInt8>) -> UInt64 {
    var value: UInt64 = 0
    for index in bytes.indices { value |= UInt64(bytes[index]) << UInt64(8 * index) }
    return value
  }
}
