// SPDX-License-Identifier: Apache-2.0
import Foundation
import PlatformWebServer
import Testing

@Suite("Files over HTTPS (RFC 9110)")
struct WebFileTests {
  private final class Folder {
    let url = URL.temporaryDirectory.appending(path: "nbiot-web-\(UUID().uuidString)")
    init() throws {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(at: url) }
    func path(_ name: String) -> String { url.appending(path: name).path }
  }

  private let folder: Folder
  private let file: WebFile
  private let bench: WebBench

  init() throws {
    let folder = try Folder()
    try Data(0..<100).write(to: URL(filePath: folder.path("app.bin")))
    let file = WebFile(productKey: "p/k", name: "firmware", file: folder.path("app.bin"))
    self.folder = folder
    self.file = file
    bench = WebBench { _, settings in settings.files = [file] }
  }

  private func get(_ fields: [(String, String)] = [], _ method: String = "GET") -> Outcome {
    var request = WebRequest(method, file.path)
    request.fields = fields.map { (name: $0.0, value: $0.1) }
    return bench.send(request)
  }

  /// The offset and length of what is sent.
  private func part(_ outcome: Outcome) -> [Int64]? {
    guard case .file(_, let offset, let count) = outcome.answer.body else { return nil }
    return [offset, count]
  }

  @Test func `a file has a URL, a length and a tag`() throws {
    let address = WebAddress(host: "::1", port: 8_443)
    #expect(file.url(address) == "https://[::1]:8443/files/p%2Fk/firmware")
    let outcome = get()
    #expect(outcome.answer.status == 200 && part(outcome) == [0, 100])
    #expect(outcome.answer.value("Accept-Ranges") == "bytes")
    let tag = try #require(outcome.answer.value("ETag"))
    #expect(tag.hasPrefix("\"") && tag.hasSuffix("\""))
    guard case .file(let open, _, _) = outcome.answer.body else { return }
    #expect(open.read(at: 98, count: 10) == [98, 99])
    #expect(open.read(at: 100, count: 10) == nil)
    // Another content has another tag.
    try Data(1..<101).write(to: URL(filePath: folder.path("app.bin")))
    #expect(get().answer.value("ETag") != tag)
  }

  @Test(
    arguments: [
      ("bytes=0-0", 206, [0, 1]), ("bytes=10-19", 206, [10, 10]), ("bytes=90-", 206, [90, 10]),
      ("bytes=-1", 206, [99, 1]), ("bytes=-1000", 206, [0, 100]), ("bytes=50-1000", 206, [50, 50]),
      ("Bytes=99-99", 206, [99, 1]), ("bytes= 1-1", 206, [1, 1]),
      ("bytes=50-99999999999999999999999", 206, [50, 50]),
      // Nothing of it is there.
      ("bytes=100-", 416, []), ("bytes=100-200", 416, []), ("bytes=-0", 416, []),
      ("bytes=99999999999999999999999-", 416, []),
      // To be ignored (Section 14.2).
      ("bytes=0-0,2-2", 200, [0, 100]), ("lines=1-2", 200, [0, 100]), ("bytes=2-1", 200, [0, 100]),
      ("bytes=-", 200, [0, 100]), ("bytes=a-b", 200, [0, 100]), ("bytes", 200, [0, 100]),
      ("bytes=+1-2", 200, [0, 100]), ("bytes=1-2-3", 200, [0, 100]), ("", 200, [0, 100]),
    ] as [(String, Int, [Int64])]
  )
  func `a range is sent, refused or ignored`(range: String, status: Int, expected: [Int64]) {
    let outcome = get([("Range", range)])
    #expect(outcome.answer.status == status)
    #expect(part(outcome) ?? [] == expected)
    let place = outcome.answer.value("Content-Range")
    switch status {
    case 206:
      #expect(place == "bytes \(expected[0])-\(expected[0] + expected[1] - 1)/100")
    case 416: #expect(place == "bytes */100" && outcome.answer.count == 0)
    default: #expect(place == nil)
    }
    // Section 14.2: Range is defined for GET alone.
    let head = get([("Range", range)], "HEAD")
    #expect(head.answer.status == 200 && head.answer.count == 100)
  }

  @Test func `conditions hold for this tag alone (Section 13)`() throws {
    let tag = try #require(get().answer.value("ETag"))
    let range = ("Range", "bytes=1-2")
    #expect(get([range, ("If-Range", tag)]).answer.status == 206)
    for other in ["\"other\"", "W/\(tag)", "Sun, 06 Nov 1994 08:49:37 GMT"] {
      #expect(get([range, ("If-Range", other)]).answer.status == 200, "\(other)")
    }
    #expect(get([range, ("If-Match", "\"a\", \(tag)")]).answer.status == 206)
    #expect(get([("If-Match", "*")]).answer.status == 200)
    #expect(get([range, ("If-Match", "\"a\"")]).answer.status == 412)
    #expect(get([("If-Match", "W/\(tag)")]).answer.status == 412)
    let unchanged = get([range, ("If-None-Match", "W/\(tag)")])
    #expect(unchanged.answer.status == 304 && unchanged.answer.value("ETag") == tag)
    #expect(get([("If-None-Match", "\"a\"")]).answer.status == 200)
  }

  @Test func `nothing else is served, nor by another method`() throws {
    #expect(get([], "POST").answer.status == 405)
    #expect(get([], "POST").answer.value("Allow") == "GET, HEAD")
    for path in ["/files/p%2Fk/", "/files/p/k/firmware", "/app.bin", "\(file.path)?x=1", "/../etc"]
    {
      #expect(bench.send(WebRequest("GET", path)).answer.status == 404, "\(path)")
    }
    try FileManager.default.removeItem(atPath: folder.path("app.bin"))
    #expect(get().answer.status == 500)
    // A pipe would hold the server up.
    try #require(unsafe mkfifo(folder.path("app.bin"), 0o600) == 0)
    #expect(get().answer.status == 500)
    try FileManager.default.removeItem(atPath: folder.path("app.bin"))
    try FileManager.default.createDirectory(
      atPath: folder.path("app.bin"),
      withIntermediateDirectories: false
    )
    #expect(get().answer.status == 500)
  }

  @Test func `an empty file has no range`() throws {
    try Data().write(to: URL(filePath: folder.path("app.bin")))
    #expect(get().answer.count == 0)
    for range in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
      #expect(get([("Range", range)]).answer.status == 416, "\(range)")
    }
  }
}
