// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("Names that do not exist")
struct UnknownNameTests {
  @Test(arguments: [
    (["publsh"], "did you mean publish?"), (["ota", "chek"], "did you mean check?"),
    (["sign", "mqt"], "did you mean mqtt?"), (["--versoin"], "did you mean --version?"),
    (["publish", "--topik", "/a"], "did you mean --topic?"),
    (["publish", "--topik=/a"], "did you mean --topic?"),
    (["publish", "--payload", "--x", "--topc", "/a"], "did you mean --topic?"),
    (["simulate", "--devcie", "x"], "did you mean --device?"),
    (["help", "nope"], "nbiot: there is no command nope: it is one of broker, call, demo, doctor"),
    (["help", "ota", "chek"], "did you mean check?"), (["pub", "-h"], "did you mean publish?"),
    (["ota", "chek", "--help"], "did you mean check?"),
    (["help", "publish", "x"], "nbiot: publish has no command x: see"),
    (["help", "fault", "x"], "nbiot: fault has no command x: see"),
    (["publish", "--topic", "--paylod", "1"], "did you mean --payload?"),
    (["publish", "--max-wait", "-1"], "The value '-1' is invalid for '--max-wait"),
    (["simulate", "--device", "x", "--port", "-1"], "--port is 0 to 65535"),
    (
      ["pull", "--product-key", "k", "--device-name", "dddd", "--idle-limit", "-1"],
      "--idle-limit is 0 to"
    ),
    (["inspect", "--capture", "x", "--port", "0"], "--port is 1 to 65535"),
    (
      ["publish", "--endpoint", "127.0.0.1:"],
      "Error: The value '127.0.0.1:' is invalid for '--endpoint <host:port>': its port is not 1 to 65535"
    ),
    (["call", "thing.config.get", "--prodct-key", "x"], "did you mean --product-key?"),
    (["doctor", "--no-reprt"], "did you mean --no-report?"),
    (["publish", "--device-secret", "x"], "did you mean --device-secret-file?"),
    (["publish", "--host", "x"], "did you mean --endpoint?"),
    (["publish", "-m", "x"], "did you mean --payload?"),
    (["publish", "--verbos"], "did you mean --verbose?"),
    (["inspect", "--captur", "x"], "did you mean --capture?"),
    (
      ["publish", "--zzzzzzzz"],
      "nbiot: publish has no option --zzzzzzzz: see `nbiot publish --help`"
    ),
    (["zzz"], "nbiot: there is no command zzz: it is one of broker, call, demo"),
  ])
  func `are told first, with what was probably meant`(
    arguments: [String],
    suggestion: String
  ) async throws {
    let run = try await nbiot(arguments)
    #expect(run.status == 2)
    #expect(run.output.isEmpty)
    #expect(run.errors.contains(suggestion), "\(run.errors)")
  }

  @Test(arguments: [
    ["fault", "add"], ["broker", "list"], ["push", "config"], ["fleet", "merge"],
    ["fleet", "devices"],
  ])
  func `are not the words that a command takes: help shows its page`(words: [String]) async throws {
    let run = try await nbiot(["help"] + words)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("USAGE: nbiot \(words[0]) "), "\(run.output)")
  }

  @Test(arguments: [
    (["thing.topo.gte"], "did you mean thing.topo.get? It is one of"),
    (["up_row"], "did you mean up_raw?"), (["x"], "unknown method x: it is one of"),
    (
      ["thing.event.proprty.post", "{}"],
      "did you mean thing.event.property.post? Else the parameters of an event are"
    ),
    (["thing.event.alarm.post", "{}"], "nbiot: the parameters of an event are"),
  ])
  func `a misspelt method is told with what was probably meant`(
    words: [String],
    suggestion: String
  ) async throws {
    let run = try await nbiot(
      ["call"] + words + ["--product-key", "k", "--device-name", "dddd"],
      environment: ["NBIOT_DEVICE_SECRET": "s", "NBIOT_ENDPOINT": "127.0.0.1:1"]
    )
    #expect(run.status == 2)
    #expect(run.errors.contains(suggestion), "\(run.errors)")
  }

  @Test func `a value that begins with a hyphen is one, and options of DTLS are named`()
    async throws
  {
    let names = ["--product-key", "a1B2c3D4e5F", "--device-name", "device1"]
    let signed = try await nbiot(
      ["sign", "coap", "--client-id", "-x"] + names,
      environment: ["NBIOT_DEVICE_SECRET": "s"]
    )
    #expect(signed.status == 0, "\(signed.errors)")
    let both = try await nbiot(["pull", "--psk", "--mtu", "500"] + names)
    #expect(both.errors.contains("--psk, --mtu belong to DTLS"), "\(both.errors)")
    let simulator = try await nbiot(["simulate", "--device", "x,yyyy,z", "--idle-close", "5"])
    #expect(simulator.errors.contains("--idle-close belongs to DTLS"), "\(simulator.errors)")
  }

  @Test(arguments: [
    ["ota", "progress", "--step", "-1"], ["publish", "--payload", "-1.5"],
    ["publish", "--topic=--strange"], ["publish", "-v"], ["inspect", "--", "--x"],
    ["help", "publish"], ["publish", "--help"], ["-h"], ["--version"], ["help"],
    ["help", "ota", "check"], ["ota", "-h"], ["inspect", "40017d34", "-h"], ["help", "help"],
  ])
  func `what exists is not among them`(arguments: [String]) async throws {
    let run = try await nbiot(arguments)
    let isUnknown = run.errors.contains("has no ") || run.errors.contains("there is no ")
    #expect(!isUnknown, "\(run.errors)")
  }
}
