// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// Fuzzers for what reads bytes that anybody may have sent; `make fuzz` in the project's folder builds
// and runs them. A fuzzer is an executable in a folder of its own; what it does with its input is a
// function in Entries, a target of the project itself, so that `swift test` replays Regressions
// through the same functions (Replay).

/// A fuzzer: libFuzzer's driver around a function of FuzzEntries.
func fuzzer(_ name: String) -> Target {
  .executableTarget(
    name: name,
    dependencies: ["CFuzzer", .product(name: "FuzzEntries", package: "nbiot-coap")],
    path: name,
    // One file that is not called main.swift would be taken for a script.
    swiftSettings: [.strictMemorySafety(), .unsafeFlags(["-parse-as-library"])]
  )
}

let package = Package(
  name: "fuzzing",
  dependencies: [.package(name: "nbiot-coap", path: "../..", traits: [])],
  targets: [
    .systemLibrary(name: "CFuzzer", path: "CFuzzer"),
    fuzzer("fuzz-message"),
    fuzzer("fuzz-exchange"),
    fuzzer("fuzz-json"),
    fuzzer("fuzz-cbor"),
    fuzzer("fuzz-model"),
    fuzzer("fuzz-alink"),
    fuzzer("fuzz-downlink"),
    fuzzer("fuzz-auth"),
    fuzzer("fuzz-inspect"),
    fuzzer("fuzz-handshake"),
  ]
)
