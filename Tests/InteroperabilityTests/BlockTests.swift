// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import Testing

/// Bodies of more than one message; the table of which peer serves what is with `CoreTests`.
@Suite("ETSI plugtests: RFC 7959", .timeLimit(.minutes(15)))
struct BlockTests {
  typealias Option = Dissection.Option
  typealias Transfer = BlockwiseTransfer<64>

  /// 1,000 bytes that say where they are, so that a gap or a swap shows: 16 blocks of 64, the last of
  /// 40 bytes.
  static let thousand = Array((0..<125).map { String(10_000 + $0) + ".. " }.joined().utf8)

  /// 2,000 bytes: two blocks of 1,024.
  static let twoThousand = thousand + thousand.reversed()

  /// What aiocoap's /large holds.
  static let large = Array(
    (0..<250).map { String(10_000_000 + $0).dropFirst() + " " }.joined().utf8
  )

  func transfer(
    _ code: Code,
    _ path: String,
    blockSize: Int = 1_024,
    responseBlockSize: Int? = nil,
    format: ContentFormat? = nil
  ) throws -> Transfer {
    let segments = Array(path.utf8)
    return try Transfer(
      code,
      blockSize: BlockSize(atMost: blockSize),
      responseBlockSize: responseBlockSize.map { BlockSize(atMost: $0) }
    ) { (message: inout MessageWriter) throws(MessageWriterError) in
      try message.path(segments.span)
      if let format { try message.option(.contentFormat, uint: UInt64(format.rawValue)) }
    }
  }

  /// Puts a body of any length, and checks that the server took it.
  func upload(_ path: String, _ body: [UInt8], to peer: any Peer) throws {
    var transfer = try transfer(.put, path, format: .json)
    let last = try PeerClient(port: peer.port).transfer(&transfer, body: body).last
    #expect(last.code.hasPrefix("2.0"))
  }

  /// Gets a body of any length.
  func download(_ path: String, from peer: any Peer) throws -> [UInt8] {
    var transfer = try transfer(.get, path)
    return try PeerClient(port: peer.port).transfer(&transfer).body
  }

  /// What every request of a transfer must have, and that no message ID or token comes twice.
  func checkRequests(
    _ requests: [Dissection],
    _ code: String,
    _ path: [String],
    format: Int?,
    _ location: SourceLocation = #_sourceLocation
  ) {
    for request in requests {
      #expect(request.kind == .con, sourceLocation: location)
      #expect(request.code == code, sourceLocation: location)
      #expect(request.texts(Option.uriPath) == path, sourceLocation: location)
      #expect(request.number(Option.contentFormat) == format, sourceLocation: location)
    }
    #expect(Set(requests.map(\.messageID)).count == requests.count, sourceLocation: location)
    #expect(Set(requests.map(\.token)).count == requests.count, sourceLocation: location)
  }

  // MARK: Block2

  func checkDownload(
    _ kind: PeerKind,
    responseBlockSize: Int?
  ) async throws {
    try await withPeer(kind) { peer in
      if kind == .libcoap { try upload("large", Self.large, to: peer) }
      let client = try PeerClient(port: peer.port)
      var transfer = try transfer(.get, "large", responseBlockSize: responseBlockSize)
      let (body, last) = try client.transfer(&transfer)
      #expect(body == Self.large)
      #expect(last.code == "2.05")
      checkRequests(client.sent, "0.01", ["large"], format: nil)

      let size = responseBlockSize ?? 1_024
      let blocks = (Self.large.count + size - 1) / size
      #expect(client.sent.count == blocks)
      #expect(client.received.count == blocks)
      for (number, request) in client.sent.enumerated() {
        #expect(request.values(Option.block1) == [])
        #expect(request.payload == [])
        let block = request.block(Option.block2)
        if number == 0, responseBlockSize == nil {
          #expect(block == nil)
        } else {
          #expect(block?.number == number)
          #expect(block?.isMore == false)
          #expect(block?.size == size)
        }
      }
      for (number, answer) in client.received.enumerated() {
        let block = try #require(answer.block(Option.block2))
        #expect(block.number == number)
        #expect(block.isMore == (number < blocks - 1))
        #expect(block.size == size)
        if block.isMore { #expect(answer.payload.count == size) }
      }
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_BLOCK_01: GET with early negotiation`(kind: PeerKind) async throws {
    try await checkDownload(kind, responseBlockSize: 64)
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_BLOCK_02: GET with late negotiation`(kind: PeerKind) async throws {
    try await checkDownload(kind, responseBlockSize: nil)
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_BLOCK_06: GET with early negotiation of 16 bytes`(kind: PeerKind) async throws {
    try await checkDownload(kind, responseBlockSize: 16)
  }

  // MARK: Block1

  /// Checks the requests that carried the body, block by block of `size` bytes, and their answers
  /// before the last; returns how many they were.
  func checkUpload(
    _ client: PeerClient,
    _ body: [UInt8],
    size: Int,
    _ location: SourceLocation = #_sourceLocation
  ) throws -> Int {
    let blocks = (body.count + size - 1) / size
    let requests = client.sent.filter { !$0.values(Option.block1).isEmpty }
    #expect(requests.count == blocks, sourceLocation: location)
    for (number, request) in requests.enumerated() {
      let block = try #require(request.block(Option.block1), sourceLocation: location)
      #expect(block.number == number, sourceLocation: location)
      #expect(block.isMore == (number < blocks - 1), sourceLocation: location)
      #expect(block.size == size, sourceLocation: location)
      #expect(
        request.payload == Array(body[number * size..<min(body.count, (number + 1) * size)]),
        sourceLocation: location
      )
    }
    for (number, answer) in client.received.prefix(blocks - 1).enumerated() {
      #expect(answer.code == "2.31", sourceLocation: location)
      let block = try #require(answer.block(Option.block1), sourceLocation: location)
      #expect(block.number == number, sourceLocation: location)
      #expect(block.size == size, sourceLocation: location)
    }
    return blocks
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_BLOCK_03: PUT`(kind: PeerKind) async throws {
    try await withPeer(kind) { peer in
      if kind == .libcoap { try upload("large-update", Self.large, to: peer) }
      let client = try PeerClient(port: peer.port)
      var transfer = try transfer(.put, "large-update", blockSize: 64, format: .json)
      let last = try client.transfer(&transfer, body: Self.thousand).last
      #expect(last.code == "2.04")
      let blocks = try checkUpload(client, Self.thousand, size: 64)
      checkRequests(client.sent, "0.03", ["large-update"], format: 50)
      // libcoap leaves Block1 out of its last answer.
      if kind == .aiocoap {
        #expect(last.block(Option.block1)?.number == blocks - 1)
        #expect(last.block(Option.block1)?.isMore == false)
      }
      #expect(try download("large-update", from: peer) == Self.thousand)
    }
  }

  @Test func `TD_COAP_BLOCK_03: PUT to a server that wants smaller blocks, aiocoap`() async throws {
    try await withPeer(.aiocoap) { peer in
      let client = try PeerClient(port: peer.port)
      var transfer = try transfer(.put, "large-update-64", blockSize: 512, format: .json)
      #expect(try client.transfer(&transfer, body: Self.thousand).last.code == "2.04")
      checkRequests(client.sent, "0.03", ["large-update-64"], format: 50)
      let blocks = client.sent.compactMap { $0.block(Option.block1) }
      // 512 bytes, then 488 in blocks of 64, from the eighth on.
      #expect(blocks.map(\.number) == [0] + Array(8...15))
      #expect(blocks.map(\.size) == [512] + Array(repeating: 64, count: 8))
      #expect(blocks.map(\.isMore) == Array(repeating: true, count: 8) + [false])
      #expect(try download("large-update-64", from: peer) == Self.thousand)
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_BLOCK_04: POST that creates`(kind: PeerKind) async throws {
    try await withPeer(kind) { peer in
      let client = try PeerClient(port: peer.port)
      var transfer = try transfer(.post, "large-create", blockSize: 64, format: .json)
      let last = try client.transfer(&transfer, body: Self.thousand).last
      let blocks = try checkUpload(client, Self.thousand, size: 64)
      let requests = Array(client.sent.prefix(blocks))
      checkRequests(requests, "0.02", ["large-create"], format: 50)
      #expect(last.code == "2.01")
      let location = last.texts(Option.locationPath)
      if kind == .aiocoap {
        #expect(last.block(Option.block1)?.number == blocks - 1)
        #expect(location == ["large-create", "1"])
      } else {
        #expect(location == ["large-create"])
      }
      #expect(
        try download(location.joined(separator: "/"), from: peer) == Self.thousand
      )
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_BLOCK_05: POST with a large response`(kind: PeerKind) async throws {
    try await withPeer(kind) { peer in
      let client = try PeerClient(port: peer.port)
      var transfer = try transfer(.post, "large-post", format: .json)
      let (body, last) = try client.transfer(&transfer, body: Self.twoThousand)
      // libcoap echoes, aiocoap's resource turns the bytes round.
      #expect(body == (kind == .libcoap ? Self.twoThousand : Self.twoThousand.reversed()))
      #expect(last.code == (kind == .libcoap ? "2.01" : "2.04"))

      let blocks = try checkUpload(client, Self.twoThousand, size: 1_024)
      checkRequests(client.sent, "0.02", ["large-post"], format: 50)
      try #require(client.received.count == blocks + 1)
      let turn = client.received[blocks - 1]
      #expect(turn.block(Option.block2)?.number == 0)
      #expect(turn.block(Option.block2)?.isMore == true)
      // "A POST request, with the same options except for Block1, without payload".
      let fetches = client.sent.dropFirst(blocks)
      #expect(fetches.count == 1)
      for request in fetches {
        #expect(request.values(Option.block1) == [])
        #expect(request.payload == [])
        #expect(request.block(Option.block2) == .init(number: 1, isMore: false, exponent: 6))
      }
    }
  }
}
