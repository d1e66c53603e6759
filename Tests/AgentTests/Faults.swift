// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// What makes writes of the agent fail: `faults.c`, loaded into it.
struct Faults {
  let library: String
  let directory: String

  init(in folder: AgentFolder) throws {
    let library = folder.url.appending(path: "faults.so")
    let source = try #require(Bundle.module.url(forResource: "faults", withExtension: "c"))
    let compiler = Process()
    compiler.executableURL = URL(filePath: "/usr/bin/env")
    compiler.arguments = [
      "clang", "-shared", "-fPIC", "-O1", "-o", library.path, source.path, "-ldl",
    ]
    try compiler.start()
    compiler.waitUntilExit()
    try #require(compiler.terminationStatus == 0, "clang comes with Swift")
    self.library = library.path
    directory = folder.state.path
  }

  /// The environment of an agent that the library is loaded into.
  func environment(_ faults: [String: String]) -> [String: String] {
    faults.merging(["LD_PRELOAD": library, "FAULT_DIRECTORY": directory]) { own, _ in own }
  }

  /// What happens to one life: nothing, or one of the ways in which a disk fails.
  func environment(_ random: inout SeededRandom) -> [String: String] {
    var environment = [
      "LD_PRELOAD": library, "FAULT_DIRECTORY": directory, "FAULT_SEED": "\(random.next() >> 32)",
    ]
    switch random.next() % 10 {
    case 0, 1, 2: return [:]
    case 3, 4: environment["FAULT_RATE"] = "\(20 + random.next() % 300)"
    case 5: environment["FAULT_MODE"] = "full"
    case 6: environment["FAULT_MODE"] = "read-only"
    default: environment["FAULT_KILL_AT"] = "\(1 + random.next() % 40)"
    }
    return environment
  }
}
