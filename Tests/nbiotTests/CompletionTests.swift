// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("Completions")
struct CompletionTests {
  private func script(_ shell: String) async throws -> [String] {
    let run = try await nbiot(["--generate-completion-script", shell])
    return run.output.split(separator: "\n").map(String.init)
  }

  @Test func `a file's name is completed after each option that takes one`() async throws {
    let lines = try await script("bash")
    var found: Set<String> = []
    for (line, next) in zip(lines, lines.dropFirst()) {
      guard let name = Self.option(line), Self.takesFile(name) else { continue }
      found.insert(name)
      #expect(next.contains(" -f"), "--\(name) is not completed: \(next)")
    }
    #expect(found.count > 12, "\(found.sorted())")
  }

  @Test func `the methods of nbiot call are completed`() async throws {
    for shell in ["bash", "zsh", "fish"] {
      let script = try await script(shell)
      for method in ["thing.event.property.post", "thing.topo.get", "up_raw"] {
        // The help, which names them as well, is in no script.
        let isThere = script.contains { $0.contains(method) }
        #expect(isThere, "\(method) is not in the completions of \(shell)")
      }
    }
  }

  /// The option of a case in bash's script, `'--NAME')` or `-x|--NAME)`.
  private static func option(_ line: String) -> String? {
    guard let start = line.range(of: "'--"), line.hasSuffix("')") else { return nil }
    return String(line[start.upperBound...].dropLast(2))
  }

  private static func takesFile(_ name: String) -> Bool {
    ["config", "thing-model", "capture", "plot", "device-list"].contains(name)
      || name.hasSuffix("-file")
  }
}
