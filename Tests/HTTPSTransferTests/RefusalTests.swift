// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPSTransfer
import Testing

@Suite("RFC 9110 Section 4.3.4: whom a client believes, and where it lets itself be led")
struct RefusalTests {
  @Test(arguments: ["misnamed", "foreign", "expired"])
  func `a server with a wrong certificate gets no request`(certificate: String) throws {
    let server = try HTTPSServer(certificate: certificate)
    guard case .failure(.transfer(.certificate(let text))) = outcome(try server.download("plain"))
    else {
      Issue.record("the certificate was taken")
      return
    }
    #expect(!text.isEmpty)
    #expect(server.requests() == [])
    #expect(server.leftovers == [])
  }

  @Test(arguments: ["unnamed", "wildcard"])
  func `a common name is no name, unless it is asked for and there is no other`(
    certificate: String
  ) throws {
    let server = try HTTPSServer(certificate: certificate)
    var download = try server.download("plain")
    download.address = server.url("plain", host: "localhost")
    guard case .failure(.transfer(.certificate)) = outcome(download) else {
      Issue.record("the certificate was taken")
      return
    }
    #expect(server.requests() == [])
    download.settings.allowsCommonName = true
    let result = outcome(download)
    if certificate == "unnamed" {
      #expect(result == .success(.init(resumedAt: 0, requests: 1)))
    } else if case .failure(.transfer(.certificate)) = result {
    } else {
      Issue.record("the certificate was taken for another host's")
    }
  }

  @Test func `without the authority, the system's authorities do not vouch for the server`() throws
  {
    let server = try HTTPSServer()
    var download = try server.download("plain")
    download.settings.authorities = nil
    guard case .failure(.transfer(.certificate)) = outcome(download) else {
      Issue.record("the certificate was taken")
      return
    }
  }

  @Test(arguments: [
    ("to-http", HTTPSError.insecureRedirect), ("round", .tooManyRedirects),
  ])
  func `a redirect to plain HTTP, and one in a circle, is refused`(
    path: String,
    expected: HTTPSError
  ) throws {
    let server = try HTTPSServer()
    let result = outcome(try server.download(path))
    #expect(result == .failure(.transfer(expected)))
    #expect(!expected.isTemporary)
  }

  @Test func `a redirect to HTTPS is followed`() throws {
    let server = try HTTPSServer()
    let result = outcome(try server.download("to-https"))
    #expect(result == .success(.init(resumedAt: 0, requests: 1)))
    #expect(server.requests() == ["GET /to-https -", "GET /plain -"])
  }

  @Test(arguments: [403, 404, 400])
  func `a refusal is not asked for again`(status: Int) throws {
    let server = try HTTPSServer()
    let result = outcome(try server.download("\(status)"))
    #expect(result == .failure(.status(status)))
    #expect(server.leftovers == [])
    #expect(server.requests().count == 1)
  }

  @Test(arguments: [
    "http://127.0.0.1/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "", "https://a b/",
    "127.0.0.1",
  ])
  func `an address without HTTPS is refused before anything is sent`(address: String) throws {
    let server = try HTTPSServer()
    var download = try server.download("plain")
    download.address = address
    let result = outcome(download)
    #expect(result == .failure(.transfer(.address)))
  }

  @Test func `authorities that are none are told from a bad certificate`() throws {
    let server = try HTTPSServer()
    var download = try server.download("plain")
    download.settings.authorities = Array("no certificate".utf8)
    let result = outcome(download)
    #expect(result == .failure(.transfer(.authorities)))
  }

  @Test func `an answer over the limit is refused`() throws {
    let server = try HTTPSServer()
    var settings = HTTPSSettings()
    settings.authorities = server.contents("ca.pem")
    var connection = try HTTPSConnection(settings)
    let form = Array("a=b".utf8)
    let address = server.url("long")
    #expect(throws: HTTPSError.tooLong(limit: 99_999)) {
      _ = try connection.post(form: form.span, to: address, limit: 99_999)
    }
    let answer = try connection.post(form: form.span, to: address, limit: 100_000)
    #expect(answer.status == 200 && answer.body.count == 100_000)
  }

  @Test func `a form goes to no other address than the one given`() throws {
    let server = try HTTPSServer()
    var settings = HTTPSSettings()
    settings.authorities = server.contents("ca.pem")
    var connection = try HTTPSConnection(settings)
    let form = Array("a=b".utf8)
    let answer = try connection.post(form: form.span, to: server.url("moved"), limit: 1_000)
    #expect(answer.status == 307)
    #expect(server.requests() == ["POST /moved -"])
  }
}

@Suite("RFC 9110 Section 14.4: the field Content-Range")
struct HTTPSHeadTests {
  @Test(
    arguments: [
      ("bytes 0-499/1234", 0...499, 1_234), ("bytes 5-5/*", 5...5, nil),
      ("BYTES 1-2/3", 1...2, 3), ("bytes */77", nil, 77),
    ] as [(String, ClosedRange<UInt64>?, UInt64?)]
  )
  func `a range is read`(field: String, bytes: ClosedRange<UInt64>?, total: UInt64?) {
    var head = HTTPSHead()
    head.take("HTTP/1.1 206 Partial Content")
    head.take("content-RANGE: \(field)")
    #expect(head.status == 206)
    #expect(head.contentRange?.bytes == bytes)
    #expect(head.contentRange?.total == total)
  }

  @Test(arguments: [
    "bytes 2-1/3", "bytes 0-1", "items 0-1/2", "bytes -1/2", "bytes 0-1/x", "bytes", "",
    "bytes 0-99999999999999999999999/1", "bytes 0-1/2/3",
  ])
  func `what is no range is passed over`(field: String) {
    var head = HTTPSHead()
    head.take("Content-Range: \(field)")
    #expect(head.contentRange == nil)
  }

  @Test func `another status line begins another head`() {
    var head = HTTPSHead()
    head.take("HTTP/1.1 302 Found")
    head.take("Content-Length: 7")
    #expect(head.contentLength == 7)
    head.take("HTTP/1.1 200 OK")
    #expect(head.status == 200)
    #expect(head.contentLength == nil)
  }
}
