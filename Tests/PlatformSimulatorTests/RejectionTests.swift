import CoAPMessage
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("RFC 7252 5.4.1: critical options of non-confirmable requests")
struct RejectionTests {
  static let path = ["topic", "pk", "device", "user", "update"]

  /// The number of an option and its value, as often as it comes.
  static let unknown: [[(UInt16, [UInt8])]] = [
    [(13, [1])], [(17, [50]), (17, [50])], [(17, [0, 0, 50])], [(61, [1])], [(2_049, [])],
  ]

  @Test(arguments: unknown)
  func `a request with one that is unknown is rejected with a Reset, and has no answer`(
    options: [(UInt16, [UInt8])]
  ) throws {
    for path in [Self.path, ["auth"], ["pull"], ["elsewhere"]] {
      var bench = Bench()
      let record = try bench.send(path, options, [1], type: .nonConfirmable)
      #expect(record.code == nil)
      #expect(record.line.contains("-> nothing"))
      #expect(record.note.contains("Reset"))
      #expect(bench.answers == [[0x70, 0, 0, 1]])
      #expect(record.bytesDown == 4)
      // RFC 7252 Section 4.3: a duplicate is ignored.
      bench.messageID -= 1
      let again = try bench.send(path, options, [1], type: .nonConfirmable)
      #expect(again.kind == .duplicate)
      #expect(bench.answers.isEmpty)
      // A confirmable one is answered with 4.02.
      let confirmable = try bench.send(path, options, [1])
      #expect(confirmable.code == .badOption)
      #expect(bench.answers.count == 1)
    }
  }

  @Test func `one that no topic or block could have is unknown as well`() throws {
    var bench = Bench()
    for path in [["topic", ""], ["topic", ".."]] {
      let record = try bench.send(path, [], [], type: .nonConfirmable)
      #expect(record.code == nil)
      #expect(bench.answers.count == 1)
      #expect(bench.answers[0][0] == 0x70)
    }
    let block = try bench.send(
      ["auth"],
      [(12, [50]), (23, [0])],
      Array(try Bench.valid().utf8),
      type: .nonConfirmable
    )
    #expect(block.code == nil)
  }

  @Test func `option 2089 over DTLS is unknown`() throws {
    let bench = try SecureBench()
    let client = try SecureBench.Client()
    let token = try bench.authenticate(client)
    var request = try bench.request(Self.path, [(2_088, token), (2_089, [1])], [1])
    request[0] |= 0x10
    let answer = try #require(bench.send(request, client))
    #expect(answer == [0x70, 0, 0, UInt8(bench.messageID)])
  }

  @Test func `elective ones and other refusals are answered as before`() throws {
    var bench = Bench()
    let elective = try bench.send(["auth"], [(12, [50]), (2_050, [1])], [], type: .nonConfirmable)
    #expect(elective.code == .badRequest)
    #expect(try type(of: bench.answers[0]) == .nonConfirmable)
    let missing = try bench.send(["elsewhere"], [], [], type: .nonConfirmable)
    #expect(missing.code == .notFound)
  }

  @Test func `with separate answers there is one Reset and nothing waits`() throws {
    var bench = Bench { $0.answerMode = .separate }
    _ = try bench.send(Self.path, [(13, [1])], [1], type: .nonConfirmable)
    #expect(bench.answers == [[0x70, 0, 0, 1]])
    #expect(bench.platform.waitingResponses == 0)
  }
}
