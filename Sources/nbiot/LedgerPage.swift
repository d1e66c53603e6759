// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues
internal import TrafficLedger

/// A ledger as a table and as an object for programs.
struct LedgerPage {
  let ledger: TrafficLedger
  /// Reports that were acknowledged.
  let reports: Int
  /// What carried them.
  let transport: String

  /// A line for each purpose that has bytes, and one for all.
  var text: [String] {
    var rows = [["ledger", "datagrams up", "bytes up", "datagrams down", "bytes down"]]
    for purpose in TrafficLedger.Purpose.all {
      let (up, down) = (ledger[purpose, .up], ledger[purpose, .down])
      guard up.bytes + down.bytes > 0 else { continue }
      rows.append(Self.row("\(purpose.name)", up, down))
    }
    rows.append(Self.row("all", ledger.total(.up), ledger.total(.down)))
    return NumberTable(rows, numeric: Set(1...4)).description.split(separator: "\n").map(
      String.init
    )
  }

  private static func row(
    _ name: String,
    _ up: TrafficLedger.Count,
    _ down: TrafficLedger.Count
  ) -> [String] {
    [name, "\(up.datagrams)", "\(up.bytes)", "\(down.datagrams)", "\(down.bytes)"]
  }

  /// `{"ledger":{"transport":…,"reports":…,"up":{PURPOSE:{"datagrams":…,"bytes":…},…},"down":{…}}}`.
  var json: PayloadValue {
    typealias Member = PayloadValue.Member
    func side(_ direction: TrafficLedger.Direction) -> PayloadValue {
      .object(
        TrafficLedger.Purpose.all.map { purpose in
          let count = ledger[purpose, direction]
          return Member(
            "\(purpose.name)",
            .object([
              Member("datagrams", .integer(Int64(clamping: count.datagrams))),
              Member("bytes", .integer(Int64(clamping: count.bytes))),
            ])
          )
        }
      )
    }
    return .object([
      Member(
        "ledger",
        .object([
          Member("transport", .text(transport)), Member("reports", .integer(Int64(reports))),
          Member("up", side(.up)), Member("down", side(.down)),
        ])
      )
    ])
  }
}

extension TrafficLedger.Purpose {
  /// Every purpose, in the order of a table.
  static var all: [Self] { (0..<UInt8(count)).compactMap(Self.init) }
}
