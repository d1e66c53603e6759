// SPDX-License-Identifier: Apache-2.0
internal import PayloadCoding

/// Rows of texts in columns, each as wide as its longest text.
struct TextTable {
  private let heads: [String]
  private var rows: [[String]] = []

  init(_ heads: String...) { self.heads = heads }

  /// Adds a row with as many texts as there are columns; texts from others stay on their line.
  mutating func add(_ cells: String...) {
    precondition(cells.count == heads.count, "a row has as many texts as there are columns")
    rows.append(
      cells.map { ReadableText.plain($0.utf8Span.span, keepsLines: false) ?? $0 }
    )
  }

  /// The heads and the rows; the last column is not filled up.
  var lines: [String] {
    let all = [heads] + rows
    let widths = heads.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      row.indices.map { column in
        let isLast = column == row.count - 1
        let fill = isLast ? 0 : widths[column] - row[column].count + 2
        return row[column] + String(repeating: " ", count: fill)
      }.joined()
    }
  }
}
