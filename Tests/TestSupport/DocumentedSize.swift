// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// The size that the comment of a type states behind `Size:` or `Memory:`.
package struct DocumentedSize: Sendable, CustomStringConvertible {
  /// The file in Sources.
  package let file: String
  /// The bytes of each figure, in order: `24 bytes`, `1.5 KB`.
  package let figures: [Int]
  /// Whether the comment says that it is not to the byte.
  package let isRounded: Bool

  package var description: String { file }

  /// Whether a type of so many bytes is as a figure says, the first one unless told: exactly, or within a tenth.
  package func covers(_ bytes: Int, figure index: Int = 0) -> Bool {
    guard figures.indices.contains(index) else { return false }
    let figure = figures[index]
    return isRounded ? abs(bytes - figure) * 10 <= figure : bytes == figure
  }

  /// Those of all files below Sources of a repository.
  package static func all(in repository: URL) throws -> [DocumentedSize] {
    let sources = repository.appending(path: "Sources")
    var found: [DocumentedSize] = []
    for case let url as URL in FileManager.default.enumerator(
      at: sources,
      includingPropertiesForKeys: nil
    ) ?? .init() where url.pathExtension == "swift" {
      let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
      for (index, line) in lines.enumerated() {
        guard line.contains("///"),
          let match = line.firstMatch(of: /(Size|Memory): .*|copy of it would be .*/)
        else {
          continue
        }
        // The sentence may go on in the next line.
        let next =
          index + 1 < lines.count && lines[index + 1].contains("///") ? lines[index + 1] : ""
        let sentence = "\(match.0) \(next.replacing("///", with: ""))".prefix { $0 != ";" }
        let figures = sentence.matches(of: /([0-9][0-9,.]*) (bytes|KB)/).compactMap {
          figure -> Int? in
          guard let number = Double(figure.1.replacing(",", with: "")) else { return nil }
          return Int(number * (figure.2 == "KB" ? 1_024 : 1))
        }
        let isRounded =
          sentence.contains("about") || sentence.contains("some")
          || sentence.contains("would be")
        found.append(
          DocumentedSize(
            file: url.lastPathComponent,
            figures: figures,
            isRounded: isRounded
          )
        )
      }
    }
    return found
  }
}
