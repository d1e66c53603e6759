// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPSTransfer
import Platform
import Testing

extension HTTPSServer {
  /// A download of the firmware to "new.bin" that trusts the server.
  func download(_ path: String, digest name: String = "md5") throws -> FirmwareDownload {
    let digits = Array(try digest(name).utf8)
    let read = FirmwareDigest(hexadecimal: digits.span)
    var download = FirmwareDownload(
      address: url(path),
      size: UInt64(firmware.count),
      digest: try #require(read),
      to: self.path("new.bin")
    )
    download.settings.authorities = contents("ca.pem")
    download.maxAttempts = 2
    return download
  }

  /// The files that a download has left.
  var leftovers: [String] {
    ["new.bin", "new.bin.part", "new.bin.part.info"].filter { contents($0) != nil }
  }
}

/// Runs a download; returns the outcome as a comparable value.
func outcome(
  _ download: FirmwareDownload
) -> Result<FirmwareDownload.Summary, FirmwareDownloadError> {
  do throws(FirmwareDownloadError) {
    return .success(try download.run())
  } catch {
    return .failure(error)
  }
}

@Suite("Device guide 4: the download of a firmware")
struct FirmwareDownloadTests {
  @Test(arguments: ["md5", "sha256"])
  func `a firmware comes whole, verified, and readable for its owner alone`(digest: String) throws {
    let server = try HTTPSServer()
    let result = outcome(try server.download("plain", digest: digest))
    #expect(result == .success(.init(resumedAt: 0, requests: 1)))
    #expect(server.contents("new.bin") == server.firmware)
    #expect(try server.mode("new.bin") == 0o600)
    #expect(server.leftovers == ["new.bin"])
  }

  @Test func `what is there already, whole and right, is not downloaded again`() throws {
    let server = try HTTPSServer()
    let download = try server.download("plain", digest: "sha256")
    let first = try download.run()
    #expect(first.requests == 1)
    let second = try download.run()
    #expect(second == FirmwareDownload.Summary(resumedAt: download.size, requests: 0))
    #expect(server.requests().count == 1)
    // One flipped byte makes another file.
    var other = server.firmware
    other[7] ^= 1
    try Data(other).write(to: server.folder.appending(path: "new.bin"))
    #expect(try download.run().requests == 1)
    #expect(server.contents("new.bin") == server.firmware)
  }

  @Test func `a connection cut at half goes on from there`() throws {
    let server = try HTTPSServer()
    let result = outcome(try server.download("cut-once"))
    #expect(result == .success(.init(resumedAt: 0, requests: 2)))
    #expect(server.contents("new.bin") == server.firmware)
    #expect(server.requests() == ["GET /cut-once -", "GET /cut-once bytes=150001-"])
  }

  @Test func `another run goes on where the last one stopped, and verifies what was there`() throws
  {
    let server = try HTTPSServer()
    var download = try server.download("cut")
    download.maxAttempts = 1
    download.onRetry = { [settings = download.settings] _, _ in settings.interruption.request() }
    let first = outcome(download)
    #expect(first == .failure(.transfer(.cancelled)))
    #expect(server.leftovers == ["new.bin.part", "new.bin.part.info"])
    #expect(server.contents("new.bin.part")?.count == 150_001)
    #expect(try server.mode("new.bin.part") == 0o600)
    let second = outcome(try server.download("plain"))
    #expect(second == .success(.init(resumedAt: 150_001, requests: 1)))
    #expect(server.contents("new.bin") == server.firmware)
    #expect(server.requests().last == "GET /plain bytes=150001-")
    #expect(server.leftovers == ["new.bin"])
  }

  @Test func `what was left of another firmware is started over`() throws {
    let server = try HTTPSServer()
    try Data(repeating: 7, count: 1_000).write(to: server.folder.appending(path: "new.bin.part"))
    try Data("nbiot firmware 1 00 300001\n".utf8)
      .write(to: server.folder.appending(path: "new.bin.part.info"))
    let result = outcome(try server.download("plain"))
    #expect(result == .success(.init(resumedAt: 0, requests: 1)))
    #expect(server.contents("new.bin") == server.firmware)
  }

  @Test func `a part that went bad on the disk is found by the digest, and all comes anew at once`()
    throws
  {
    let server = try HTTPSServer()
    var download = try server.download("cut")
    download.onRetry = { [settings = download.settings] _, _ in settings.interruption.request() }
    _ = outcome(download)
    var part = try #require(server.contents("new.bin.part"))
    part[77] ^= 1
    let file = try FileHandle(forWritingTo: server.folder.appending(path: "new.bin.part"))
    try file.write(contentsOf: Data(part))
    try file.close()
    let second = outcome(try server.download("plain"))
    #expect(second == .success(.init(resumedAt: 150_001, requests: 2)))
    #expect(server.leftovers == ["new.bin"])
    #expect(server.contents("new.bin") == server.firmware)
  }

  @Test func `one flipped bit leaves no file, and is the step -3`() throws {
    let server = try HTTPSServer()
    try Data("old".utf8).write(to: server.folder.appending(path: "new.bin"))
    let result = outcome(try server.download("flip"))
    #expect(result == .failure(.digest))
    #expect(FirmwareDownloadError.digest.step == .verification)
    #expect(server.contents("new.bin") == Array("old".utf8))
    #expect(server.leftovers == ["new.bin"])
  }

  @Test(arguments: ["a folder", "a pipe", "a socket", "a link to a device"])
  func `what is no file keeps its name, and nothing is asked for`(_ kind: String) throws {
    let server = try HTTPSServer()
    let path = server.folder.appending(path: "new.bin").path
    switch kind {
    case "a folder": try #require(unsafe mkdir(path, 0o700) == 0)
    case "a pipe": try #require(unsafe mkfifo(path, 0o600) == 0)
    case "a socket": try #require(unsafe mknod(path, S_IFSOCK | 0o600, 0) == 0)
    default: try #require(unsafe symlink("/dev/null", path) == 0)
    }
    var (before, after) = (stat(), stat())
    try #require(unsafe lstat(path, &before) == 0)
    #expect(outcome(try server.download("plain")) == .failure(.foreign(path: path)))
    #expect(unsafe lstat(path, &after) == 0 && before.st_ino == after.st_ino)
    #expect(server.requests() == [])
  }

  @Test func `a server without ranges starts over, and is no endless loop when it always breaks`()
    throws
  {
    let server = try HTTPSServer()
    let first = outcome(try server.download("no-ranges-cut-once"))
    #expect(first == .success(.init(resumedAt: 0, requests: 2)))
    #expect(server.contents("new.bin") == server.firmware)
    try FileManager.default.removeItem(atPath: server.path("new.bin"))
    guard case .failure(.transfer(.broken)) = outcome(try server.download("no-ranges-cut")) else {
      Issue.record("a server that always breaks delivers nothing")
      return
    }
  }

  @Test func `a range that the server refuses is not asked for again`() throws {
    let server = try HTTPSServer()
    var download = try server.download("cut")
    download.onRetry = { [settings = download.settings] _, _ in settings.interruption.request() }
    _ = outcome(download)
    let result = outcome(try server.download("no-416"))
    #expect(result == .success(.init(resumedAt: 150_001, requests: 2)))
    #expect(server.contents("new.bin") == server.firmware)
  }

  @Test func `a part where another was asked for is not taken, and all is asked for`() throws {
    let server = try HTTPSServer()
    var download = try server.download("cut")
    download.onRetry = { [settings = download.settings] _, _ in settings.interruption.request() }
    _ = outcome(download)
    let result = outcome(try server.download("wrong-range"))
    #expect(result == .success(.init(resumedAt: 150_001, requests: 2)))
    #expect(server.contents("new.bin") == server.firmware)
  }

  @Test(arguments: [
    ("longer", FirmwareDownloadError.size(expected: 300_001, found: 300_002)),
    ("shorter", .size(expected: 300_001, found: 300_000)),
    ("endless", .size(expected: 300_001, found: nil)),
  ])
  func `a file of another size leaves nothing`(path: String, expected: FirmwareDownloadError) throws
  {
    let server = try HTTPSServer()
    let result = outcome(try server.download(path))
    #expect(result == .failure(expected))
    #expect(expected.step == .download)
    #expect(server.leftovers == [])
  }

  @Test func `a file that ends early is given up after the attempts, and what came is kept`() throws
  {
    let server = try HTTPSServer()
    var download = try server.download("early-end")
    download.maxAttempts = 1
    let result = outcome(download)
    #expect(result == .failure(.incomplete(have: 299_901, of: 300_001)))
    #expect(server.contents("new.bin.part")?.count == 299_901)
  }

  @Test func `a link that stalls counts as broken after the patience`() throws {
    let server = try HTTPSServer()
    var download = try server.download("stall")
    download.settings.patience = 1
    download.maxAttempts = 1
    let reasons = Reasons()
    download.onRetry = { [settings = download.settings] reason, _ in
      reasons.all.append(reason)
      settings.interruption.request()
    }
    let result = outcome(download)
    #expect(reasons.all == [.transfer(.stalled)])
    #expect(result == .failure(.transfer(.cancelled)))
  }

  @Test func `a server that is busy once is asked again`() throws {
    let server = try HTTPSServer()
    let result = outcome(try server.download("busy-once"))
    #expect(result == .success(.init(resumedAt: 0, requests: 2)))
  }

  @Test func `a link at the place of the part is not followed`() throws {
    let server = try HTTPSServer()
    let victim = server.path("victim")
    try Data("precious".utf8).write(to: URL(filePath: victim))
    try FileManager.default.createSymbolicLink(
      atPath: server.path("new.bin.part"),
      withDestinationPath: victim
    )
    let result = outcome(try server.download("plain"))
    #expect(result == .failure(.foreign(path: server.path("new.bin.part"))))
    #expect(server.contents("victim") == Array("precious".utf8))
  }

  @Test func `two downloads to one place do not mix`() throws {
    let server = try HTTPSServer()
    var download = try server.download("plain")
    let inner = try server.download("plain")
    let reasons = Reasons()
    download.onProgress = { _ in
      guard reasons.all.isEmpty, case .failure(let reason) = outcome(inner) else { return }
      reasons.all.append(reason)
    }
    let result = outcome(download)
    #expect(result == .success(.init(resumedAt: 0, requests: 1)))
    #expect(reasons.all == [.busy(path: server.path("new.bin.part"))])
  }

  @Test func `more than the disk has room for is not begun`() throws {
    let server = try HTTPSServer()
    var download = try server.download("plain")
    download.size = 1 << 60
    guard case .failure(.space(needed: 1 << 60, _)) = outcome(download) else {
      Issue.record("no disk has an exbibyte free")
      return
    }
    #expect(server.requests() == [])
    #expect(server.contents("new.bin.part") == nil)
    #expect(server.contents("new.bin.part.info") == nil)
  }

  @Test func `what cannot be installed is the step -4`() throws {
    let server = try HTTPSServer()
    var download = try server.download("plain")
    download.install = { (path) throws(UpgradeFailure) in
      #expect(path == download.destination)
      throw .burning
    }
    let result = outcome(download)
    #expect(result == .failure(.installation))
    #expect(FirmwareDownloadError.installation.step == .burning)
  }

  @Test func `the downloader for the hook tells a rising percentage and the step that failed`()
    throws
  {
    let server = try HTTPSServer()
    let template = try server.download("plain")
    var downloader = HTTPSFirmwareDownloader(to: template.destination)
    downloader.settings = template.settings
    var percents: [UInt8] = []
    let good = Array(server.url("plain").utf8)
    try downloader.download(url: good.span, size: template.size, digest: template.digest) {
      percents.append($0)
    }
    #expect(percents.last == 100 && percents.sorted() == percents)
    try FileManager.default.removeItem(atPath: server.path("new.bin"))
    let bad = Array(server.url("flip").utf8)
    #expect(throws: UpgradeFailure.verification) {
      try downloader.download(url: bad.span, size: template.size, digest: template.digest) { _ in }
    }
    #expect(downloader.lastError == .digest)
  }
}

/// Collects the reasons reported by a download, for use in closures.
final class Reasons {
  var all: [FirmwareDownloadError] = []
}
