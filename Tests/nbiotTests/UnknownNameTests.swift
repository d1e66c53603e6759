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
    (["call", "thing.config.get", "--prodct-key", "x"], "did you mean --product-key?"),
    (["doctor", "--no-reprt"], "did you mean --no-report?"),
    (["publish", "--device-secret", "x"], "did you mean --device-secret-file?"),
    (["publish", "--host", "x"], "did you mean --endpoint?"),
    (["publish", "-m", "x"], "did you mean --payload?"),
    (["publish", "--verbos"], "did you mean --verbose?"),
    (["inspect", "--captur", "x"], "did you mean --capture?"),
    (["publish", "--zzzzzzzz"], "no option --zzzzzzzz: See"),
    (["zzz"], "no subcommand zzz: See"),
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
    ["ota", "progress", "--step", "-1"], ["publish", "--payload", "-1.5"],
    ["publish", "--topic=--strange"], ["publish", "-v"], ["inspect", "--", "--x"],
    ["help", "publish"], ["publish", "--help"], ["-h"], ["--version"],
  ])
  func `what exists is not among them`(arguments: [String]) async throws {
    let run = try await nbiot(arguments)
    #expect(!run.errors.contains("has no "), "\(run.errors)")
  }
}
