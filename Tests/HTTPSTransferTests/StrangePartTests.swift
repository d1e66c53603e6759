// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPSTransfer
import Testing

@Suite(
  "RFC 9110 Sections 10.2.3, 14 and 15.3.7: servers that answer in other ways than they are asked"
)
struct StrangePartTests {
  /// Responses with a range that continues the part.
  @Test(arguments: ["aligned", "whole", "unknown-total", "short"])
  func `a part that overlaps or ends sooner is gone on from`(kind: String) throws {
    let server = try HTTPSServer(firmwareCount: 60_001)
    let result = outcome(try server.download("part-\(kind)"))
    #expect(result == .success(.init(resumedAt: 0, requests: kind == "short" ? 3 : 2)))
    #expect(server.contents("new.bin") == server.firmware)
    #expect(server.requests().last?.hasSuffix("-") == true)
    #expect(server.requests().dropFirst().allSatisfy { $0.contains("bytes=") })
  }

  @Test(arguments: [
    "bare", "multipart", "gap", "before", "other-total", "wrong-length", "called-200",
    "called-200-closed", "other-tag", "other-bytes",
  ])
  func `with any other the download starts over within the same run`(kind: String) throws {
    let server = try HTTPSServer(firmwareCount: 60_001)
    let result = outcome(try server.download("part-\(kind)"))
    #expect(result == .success(.init(resumedAt: 0, requests: 3)))
    #expect(server.contents("new.bin") == server.firmware)
    #expect(server.leftovers == ["new.bin"])
    #expect(server.requests().last == "GET /part-\(kind) -")
  }

  @Test(arguments: ["gzip", "gzip-chunked"])
  func `a server that compresses unasked is decoded`(path: String) throws {
    let server = try HTTPSServer()
    let result = outcome(try server.download(path))
    #expect(result == .success(.init(resumedAt: 0, requests: 2)))
    #expect(server.contents("new.bin") == server.firmware)
  }

  @Test func `a file that is only called compressed is taken as it is`() throws {
    let server = try HTTPSServer()
    let result = outcome(try server.download("called-gzip"))
    #expect(result == .success(.init(resumedAt: 0, requests: 1)))
  }

  @Test func `a part that is whole needs no request`() throws {
    let server = try HTTPSServer()
    try Data(server.firmware).write(to: server.folder.appending(path: "new.bin.part"))
    try Data("nbiot firmware 1 \(try server.digest("md5")) 300001\n".utf8)
      .write(to: server.folder.appending(path: "new.bin.part.info"))
    let result = outcome(try server.download("no-416"))
    #expect(result == .success(.init(resumedAt: 300_001, requests: 0)))
    #expect(server.requests() == [])
  }

  @Test func `a part that is whole and wrong is asked for anew within the same run`() throws {
    let server = try HTTPSServer()
    try Data(server.firmware.reversed()).write(to: server.folder.appending(path: "new.bin.part"))
    try Data("nbiot firmware 1 \(try server.digest("md5")) 300001\n".utf8)
      .write(to: server.folder.appending(path: "new.bin.part.info"))
    let result = outcome(try server.download("plain"))
    #expect(result == .success(.init(resumedAt: 300_001, requests: 1)))
    #expect(server.contents("new.bin") == server.firmware)
  }

  @Test func `a right file is not downloaded again by another name, mode or link to it`() throws {
    let server = try HTTPSServer()
    try Data(server.firmware).write(to: server.folder.appending(path: "first.bin"))
    let manager = FileManager.default
    try manager.linkItem(atPath: server.path("first.bin"), toPath: server.path("new.bin"))
    let download = try server.download("plain")
    #expect(outcome(download) == .success(.init(resumedAt: 300_001, requests: 0)))
    try manager.removeItem(atPath: server.path("new.bin"))
    try manager.createSymbolicLink(
      atPath: server.path("new.bin"),
      withDestinationPath: server.path("first.bin")
    )
    #expect(outcome(download) == .success(.init(resumedAt: 300_001, requests: 0)))
    #expect(server.requests() == [])
  }

  /// The time without requests after the server's first response, in seconds.
  private func pause(_ server: HTTPSServer) -> Double {
    let times = String(decoding: server.contents("times.log") ?? [], as: UTF8.self)
      .split(separator: "\n").compactMap { Double($0) }
    return times.count < 2 ? 0 : times[1] - times[0]
  }

  @Test(arguments: ["503-seconds", "429-seconds", "503-date", "429-date"])
  func `a busy server is not asked before its Retry-After is over`(kind: String) throws {
    let server = try HTTPSServer()
    var download = try server.download("after-\(kind)")
    let reasons = Reasons()
    download.onRetry = { reason, seconds in
      reasons.all.append(reason)
      #expect(seconds == 2)
    }
    #expect(outcome(download) == .success(.init(resumedAt: 0, requests: 2)))
    let status = kind.hasPrefix("503") ? 503 : 429
    #expect(reasons.all == [.busyServer(status: status, seconds: 2)])
    #expect(pause(server) >= 2)
  }

  @Test(arguments: ["503-nonsense", "503-past"])
  func `a Retry-After that is none, or over, is the usual wait`(kind: String) throws {
    let server = try HTTPSServer()
    var download = try server.download("after-\(kind)")
    download.onRetry = { _, seconds in #expect(seconds == 1) }
    #expect(outcome(download) == .success(.init(resumedAt: 0, requests: 2)))
  }

  @Test func `a busy server that is asked no more says when to ask it`() throws {
    let server = try HTTPSServer()
    var download = try server.download("after-503-seconds")
    download.maxAttempts = 1
    let result = outcome(download)
    #expect(result == .failure(.busyServer(status: 503, seconds: 2)))
    #expect("\(FirmwareDownloadError.busyServer(status: 503, seconds: 2))".contains("after 2 s"))
  }

  @Test func `a form is told the wait`() throws {
    let server = try HTTPSServer()
    var settings = HTTPSSettings()
    settings.authorities = server.contents("ca.pem")
    var connection = try HTTPSConnection(settings)
    let form = Array("a=b".utf8)
    for kind in ["503-seconds", "429-date"] {
      let answer = try connection.post(
        form: form.span,
        to: server.url("after-\(kind)"),
        limit: 1_000
      )
      #expect(answer.retryAfter == 2)
    }
    #expect(try connection.post(form: form.span, to: server.url("500"), limit: 9).retryAfter == nil)
  }

  @Test(
    arguments: [
      ("0", 0), ("3600", 3_600), ("3601", 3_600), ("99999999999999999999", 3_600), ("-1", nil),
      ("", nil), ("1.5", nil), ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
      ("Sunday, 06-Nov-94 08:50:37 GMT", 60), ("Sun Nov  6 08:49:37 1994", 0),
      ("Mon, 07 Nov 1994 08:49:37 GMT", 3_600), ("Sat, 05 Nov 1994 08:49:37 GMT", 0),
      ("tomorrow", nil),
    ] as [(String, Int?)]
  )
  func `seconds and dates are read, and an hour is the most`(field: String, seconds: Int?) {
    var head = HTTPSHead()
    head.take("HTTP/1.1 503 Service Unavailable")
    head.take("Date: Sun, 06 Nov 1994 08:49:37 GMT")
    head.take("Retry-After:  \(field)")
    #expect(head.retryAfter == seconds)
  }
}
