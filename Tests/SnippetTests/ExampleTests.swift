// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("The programs in examples/, against the simulator", .timeLimit(.minutes(10)))
struct ExampleTests {
  private let scratch: Scratch

  init() throws {
    scratch = try Scratch()
    try scratch.write(Scratch.secret + "\n", to: "secret.txt")
    try scratch.write("21537\n", to: "temp")
  }

  private func simulator(_ options: [String] = []) throws -> RunningSimulator {
    try RunningSimulator(
      ["nbiot", "simulate", "--port", "0", "--device", "a1B2c3D4e5F,device1,secret.txt"] + options,
      in: scratch
    )
  }

  private func environment(_ simulator: RunningSimulator) -> [String: String] {
    [
      "NBIOT_PRODUCT_KEY": "a1B2c3D4e5F", "NBIOT_DEVICE_NAME": "device1",
      "NBIOT_DEVICE_SECRET": Scratch.secret, "NBIOT_HOST": "127.0.0.1",
      "NBIOT_PORT": "\(simulator.port)",
    ]
  }

  private func swift(_ name: String) throws {
    try Compiler(scratch: scratch).swift(
      try Place.contents("examples/\(name)/main.swift"),
      to: name
    )
  }

  @Test func `the sensor in C delivers its readings, and says which setting is missing`() throws {
    try Compiler(scratch: scratch).c(try Place.contents("examples/sensor-c/sensor.c"), to: "sensor")
    try FileManager.default.createDirectory(
      at: scratch.url.appending(path: "state"),
      withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700]
    )
    let simulator = try simulator()
    let run = try scratch.run(
      ["./sensor", "temp", "state", "0", "3"],
      environment: environment(simulator)
    )
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output == "delivered 1\ndelivered 2\ndelivered 3\n")
    let log = try simulator.stop()
    #expect(log.matches(of: /user\/update seq [0-9]+ {"temperature":21.537} -> 2.05/).count == 3)
    let missing = try scratch.run(["./sensor", "temp", "state", "0", "1"])
    #expect(missing.status == 2 && missing.errors.contains("NBIOT_PRODUCT_KEY"))
    for (numbers, complaint) in [
      (["x", "1"], "SECONDS is 0 to"), (["-5", "0"], "SECONDS is 0 to"),
      (["2147484", "0"], "SECONDS is 0 to"), (["0", "1x"], "COUNT is 0 to"),
      (["0", "0"], "need SECONDS of 1 or more"),
    ] {
      let wrong = try scratch.run(["./sensor", "temp", "state"] + numbers)
      #expect(wrong.status == 2 && wrong.errors.contains(complaint), "\(numbers): \(wrong.errors)")
    }
    var wrong = environment(simulator)
    wrong["NBIOT_PORT"] = "70000"
    let port = try scratch.run(["./sensor", "temp", "state", "0", "1"], environment: wrong)
    #expect(port.status == 2 && port.errors.contains("NBIOT_PORT is 0 to 65535"))
  }

  @Test func `the sensor in Swift posts its property`() throws {
    try swift("sensor-swift")
    let simulator = try simulator()
    let run = try scratch.run(
      ["./sensor-swift", "temp", "0", "2"],
      environment: environment(simulator)
    )
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output == "reading 1: accepted\nreading 2: accepted\n")
    #expect(try simulator.stop().contains("21.537"))
    for numbers in [["0", "0"], ["-1", "2"], ["18446744074", "2"]] {
      let wrong = try scratch.run(["./sensor-swift", "temp"] + numbers)
      #expect(wrong.status == 2 && wrong.output.isEmpty, "\(numbers): \(wrong.output)")
      #expect(wrong.errors.contains("takes FILE SECONDS COUNT"), "\(numbers): \(wrong.errors)")
    }
  }

  @Test func `the product downloads a newer firmware, and asks for none beyond it`() throws {
    try swift("upgrade")
    let firmware = Data((0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    try firmware.write(to: scratch.url.appending(path: "app.bin"))
    let simulator = try simulator([
      "--https", "0", "--certificates", "certificates", "--firmware-version", "2.0.0",
      "--firmware-file", "app.bin",
    ])
    var environment = environment(simulator)
    _ = try simulator.port(of: "https")
    environment["NBIOT_CA_FILE"] = "certificates/ca.pem"
    let run = try scratch.run(["./upgrade", "1.0.1", "firmware.bin"], environment: environment)
    #expect(run.output == "version 2.0.0 is in firmware.bin\n", "\(run.errors)")
    #expect(scratch.contents("firmware.bin") == firmware)
    let again = try scratch.run(["./upgrade", "2.0.0", "firmware.bin"], environment: environment)
    #expect(again.output == "nothing newer than 2.0.0\n", "\(again.errors)")
    environment["NBIOT_CA_FILE"] = "nowhere.pem"
    let refused = try scratch.run(["./upgrade", "1.0.1", "other.bin"], environment: environment)
    #expect(refused.status == 1 && refused.errors.hasPrefix("upgrade: "), "\(refused.errors)")
    _ = try simulator.stop()
  }

  @Test(.enabled(if: hasBroker))
  func `the gateway reports for both sub-devices`() throws {
    try swift("gateway")
    for name in ["meter1", "meter2"] { try scratch.write("\(name)-secret\n", to: name) }
    try FileManager.default.createDirectory(
      at: scratch.url.appending(path: "kept"),
      withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700]
    )
    let meters = ["meter1", "meter2"].map { "a1subsubsub,\($0),\($0)" }
    let simulator = try simulator(
      ["--mqtts", "0", "--certificates", "certificates"]
        + meters.flatMap { ["--sub-device", $0] }
    )
    var environment = environment(simulator)
    environment["NBIOT_PORT"] = "\(try simulator.port(of: "mqtts"))"
    environment["NBIOT_CA_FILE"] = "certificates/ca.pem"
    try scratch.write("meter1 1\nmeter2 2.5\nmeter1 3\n", to: "lines")
    let run = try scratch.run(
      ["sh", "-c", "./gateway kept \(meters[0]) \(meters[1]) < lines"],
      environment: environment
    )
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.hasPrefix("kept 1 of meter1\nkept 2 of meter2\nkept 3 of meter1\n"))
    for id in 1...3 { #expect(run.output.contains("delivered \(id)\n"), "\(run.output)") }
    let wrong = try scratch.run(
      ["sh", "-c", "echo meter3 1 | ./gateway kept \(meters[0]) \(meters[1])"],
      environment: environment
    )
    #expect(wrong.status == 2 && wrong.errors.contains("meter3 1: a line is"), "\(wrong.errors)")
    let log = try simulator.stop()
    for value in ["1.0", "2.5", "3.0"] { #expect(log.contains("{\"value\":\(value)}"), "\(log)") }
  }

  @Test func `the script's lines are delivered by the agent`() throws {
    let simulator = try simulator()
    try scratch.write(
      """
      product-key = a1B2c3D4e5F
      device-name = device1
      device-secret-file = secret.txt
      state-directory = agent-state
      endpoint = 127.0.0.1:\(simulator.port)
      topic = /a1B2c3D4e5F/device1/user/update

      """,
      to: "agent.conf"
    )
    let script = Place.repository.appending(path: "examples/shell/load.sh").path
    let run = try scratch.run(["sh", script, "0", "2", "agent.conf"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("delivered 1 ") && run.output.contains("delivered 2 "))
    #expect(try simulator.stop().contains(#"{"load":"#))
  }
}
