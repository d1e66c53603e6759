// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// Names and a calendar of the test's own for a program that it starts (`surroundings.c`).
package struct Surroundings {
  private struct NoCompiler: Error {}

  private let folder: URL
  private var clock: URL { folder.appending(path: "clock") }

  /// Makes what is loaded into the program, in a folder of the test's.
  package init(in folder: URL) throws {
    self.folder = folder
    guard let source = Bundle.module.url(forResource: "surroundings", withExtension: "c") else {
      throw NoCompiler()
    }
    let compiler = Process()
    compiler.executableURL = URL(filePath: "/usr/bin/env")
    compiler.arguments = [
      "clang", "-shared", "-fPIC", "-O1", "-o", library, source.path, "-ldl",
    ]
    try compiler.start()
    compiler.waitUntilExit()
    // clang comes with Swift.
    guard compiler.terminationStatus == 0 else { throw NoCompiler() }
    try setClock(wrongBy: 0)
  }

  private var library: String { folder.appending(path: "surroundings.so").path }

  /// The program's environment; a name without addresses is looked up for ever.
  package func environment(_ names: [String: [String]] = [:]) -> [String: String] {
    let entries = names.map { "\($0)=\($1.joined(separator: ","))" }
    return [
      "LD_PRELOAD": library, "TEST_NAMES": entries.joined(separator: " "),
      "TEST_CLOCK": clock.path,
    ]
  }

  /// Sets the wall clock of the programs that run with the environment.
  package func setClock(wrongBy seconds: Int) throws {
    try Data("\(seconds)".utf8).write(to: clock, options: .atomic)
  }
}
