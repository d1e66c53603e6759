// SPDX-License-Identifier: Apache-2.0
import Alink
import ConstrainedCore
import PayloadCoding
import Platform
import Testing

@Suite("Device guide 4 and 6.11: a firmware that is pushed, again at each reconnect")
struct FirmwarePushTests {
  private static let digest = "93230c3bde425a9d7984a594ac55ea1e"

  private func data(
    _ version: String = "2.0.0",
    url: String = "https://h/f",
    size: Int = 10,
    digest: String = digest
  ) -> String {
    #"{"size":\#(size),"version":"\#(version)","url":"\#(url)","md5":"\#(digest)"}"#
  }

  private func decide(_ push: inout FirmwarePush, _ data: String) -> FirmwareDecision {
    let (data, running) = (bytes(data), bytes("1.0.0"))
    return push.decide(JSONReader(received: data.span), running: running.span)
  }

  @Test func `the same version is started once, whatever is pushed meanwhile`() {
    var push = FirmwarePush()
    #expect(decide(&push, data()) == .start)
    #expect(push.isRunning)
    #expect(decide(&push, data()) == .alreadyRunning)
    #expect(decide(&push, data(url: "https://h/other-address")) == .alreadyRunning)
    #expect(decide(&push, data("3.0.0")) == .anotherRuns)
    push.finished()
    #expect(decide(&push, data()) == .waitsForRestart)
    #expect(decide(&push, data("3.0.0")) == .start)
  }

  @Test func `the version that runs is not fetched`() {
    var push = FirmwarePush()
    #expect(decide(&push, data("1.0.0")) == .alreadyInstalled)
    #expect(decide(&push, data("1.0.0", url: "gone", size: 0)) == .alreadyInstalled)
    #expect(!push.isRunning)
  }

  @Test func `after a restart the same file goes on, another one starts`() throws {
    let (version, digits) = (bytes("2.0.0"), bytes(Self.digest))
    let known = FirmwareDigest(hexadecimal: digits.span)
    let digest = try #require(known)
    var push = FirmwarePush(interrupted: version.span, digest: digest)
    #expect(!push.isRunning)
    #expect(decide(&push, data(url: "https://h/new-address")) == .resume)
    #expect(decide(&push, data()) == .alreadyRunning)
    push = FirmwarePush(interrupted: version.span, digest: digest)
    #expect(decide(&push, data(digest: String(Self.digest.reversed()))) == .start)
    push = FirmwarePush(interrupted: version.span, digest: digest)
    #expect(decide(&push, data("3.0.0")) == .start)
  }

  /// What a restarted program begins with.
  private func restarted(_ push: FirmwarePush) throws -> FirmwarePush {
    var storage = [UInt8](repeating: 0xA5, count: 163)
    var writer = ByteWriter(storage.mutableSpan)
    try push.writeState(into: &writer)
    let count = writer.count
    return FirmwarePush(kept: storage.span.extracting(0..<count))
  }

  @Test func `what is kept goes on after a restart, in each stage`() throws {
    var push = try restarted(FirmwarePush())
    #expect(!push.mayFinish && !push.mayFail)
    #expect(decide(&push, data()) == .start)
    push = try restarted(push)
    #expect(!push.isRunning && push.mayFinish)
    #expect(decide(&push, data(url: "https://h/new-address")) == .resume)
    push = try restarted(push)
    // It has ended while the program did not run.
    push.finished()
    push = try restarted(push)
    #expect(decide(&push, data()) == .waitsForRestart)
    #expect(!push.mayFinish && push.mayFail)
    for _ in 1...2 {
      push.failed()
      push = try restarted(push)
      #expect(decide(&push, data()) == .start)
    }
    push.failed()
    push = try restarted(push)
    #expect(decide(&push, data()) == .refuse(.failedTooOften))
    let long = String(repeating: "v", count: 128)
    let digest = String(repeating: "ab", count: 32)
    let offer =
      #"{"size":1,"version":"\#(long)","url":"https://h/f","sign":"\#(digest)","signMethod":"SHA256"}"#
    #expect(decide(&push, offer) == .start)
    push = try restarted(push)
    #expect(decide(&push, offer) == .resume)
  }

  @Test func `what is kept and damaged counts as nothing, or as what it says`() throws {
    var push = FirmwarePush()
    #expect(decide(&push, data()) == .start)
    var storage = [UInt8](repeating: 0, count: 163)
    var writer = ByteWriter(storage.mutableSpan)
    try push.writeState(into: &writer)
    let count = writer.count
    for length in 0..<count {
      _ = FirmwarePush(kept: storage.span.extracting(0..<length))
    }
    for bit in 0..<(8 * count) {
      storage[bit / 8] ^= 1 << UInt8(bit % 8)
      _ = FirmwarePush(kept: storage.span.extracting(0..<count))
      storage[bit / 8] ^= 1 << UInt8(bit % 8)
    }
  }

  @Test func `one that fails is tried three times, another file of its version anew`() {
    var push = FirmwarePush()
    for _ in 1...3 {
      #expect(decide(&push, data()) == .start)
      push.failed()
      push.failed()
    }
    #expect(decide(&push, data()) == .refuse(.failedTooOften))
    #expect(decide(&push, data(digest: String(Self.digest.reversed()))) == .start)
  }

  @Test(arguments: [
    (
      #"{"size":10,"version":"2","url":"http://h/f","md5":"\#(digest)"}"#,
      FirmwareRefusal.file(.notHTTPS), UpgradeFailure.download
    ),
    (#"{"size":0,"version":"2","url":"https://h/f","md5":"\#(digest)"}"#, .file(.empty), .upgrade),
    (#"{"size":10,"version":"2","url":"https://h/f"}"#, .offer(.member(.sign)), .verification),
    (
      #"{"size":10,"version":"2","url":"https://h/f","sign":"\#(digest)","signMethod":"Sha256"}"#,
      .offer(.member(.signMethod)), .verification
    ),
    (#"{"size":10,"version":"2","md5":"\#(digest)"}"#, .offer(.member(.url)), .download),
    (#"{"version":"2","url":"https://h/f","md5":"\#(digest)"}"#, .offer(.member(.size)), .upgrade),
    (#"{"size":10,"url":"https://h/f","md5":"\#(digest)"}"#, .offer(.member(.version)), .upgrade),
    ("[]", .offer(.notAnObject), .upgrade),
  ])
  func `one that is not to be fetched is refused, with the progress that says so`(
    data: String,
    refusal: FirmwareRefusal,
    failure: UpgradeFailure
  ) {
    var push = FirmwarePush()
    #expect(decide(&push, data) == .refuse(refusal))
    #expect(refusal.failure == failure)
    #expect(!"\(refusal)".isEmpty)
    #expect(decide(&push, self.data()) == .start)
  }
}
