// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPSPeers
import TestSupport
import Testing

@Suite(
  "The C library over HTTPS, by packaging/upload.c (device guide 3.7, 3.8)",
  .timeLimit(.minutes(10))
)
struct HTTPSDeviceLibraryTests {
  /// The simulator, and the program beside it.
  private final class World {
    let scratch: Scratch
    let simulator: RunningSimulator
    let port: UInt16

    init(_ options: [String] = []) throws {
      scratch = try Self.folder()
      simulator = try RunningSimulator(
        [
          "nbiot", "simulate", "--port", "0", "--https", "0", "--certificates", "certificates",
          "--device", "a1B2c3D4e5F,device1,secret.txt",
        ] + options,
        in: scratch
      )
      port = try simulator.port(of: "https")
    }

    /// A folder with the program, the secret and a report; the program takes its clock for synchronised or not as it is
    /// told to, whatever this machine's says of itself.
    static func folder(believesClock: Bool? = nil) throws -> Scratch {
      let scratch = try Scratch()
      try scratch.write(Scratch.secret + "\n", to: "secret.txt")
      try scratch.write(#"{"value":1}"#, to: "report")
      var program = try Place.contents("packaging/upload.c")
      if let believesClock {
        program += """
          #include <sys/timex.h>
          int adjtimex(struct timex *clock) {
            memset(clock, 0, sizeof *clock);
            clock->status = \(believesClock ? "0" : "STA_UNSYNC");
            return \(believesClock ? "TIME_OK" : "TIME_ERROR");
          }

          """
      }
      try Compiler(scratch: scratch).c(program, to: "upload", over: .https)
      return scratch
    }

    func upload(
      _ options: [String],
      secret: String = "secret.txt",
      port: UInt16? = nil,
      authorities: String = "certificates/ca.pem",
      environment: [String: String] = [:]
    ) throws -> Finished {
      try scratch.run(
        [
          "./upload", "a1B2c3D4e5F", "device1", secret, "state", "127.0.0.1",
          "\(port ?? self.port)",
          authorities,
        ] + options,
        environment: environment
      )
    }

    /// Writes a report of so many bytes.
    func report(_ count: Int) throws -> String {
      let name = "report-\(count)"
      try scratch.write(String(repeating: "x", count: count), to: name)
      return name
    }
  }

  @Test func `reports arrive, the longest whole, and the next start needs no token`() throws {
    let world = try World()
    let files = try [1, 1_024, 1_025, 131_072].map { try world.report($0) }
    let over = try world.report(131_073)
    let first = try world.upload(files + [over])
    // NBIOT_TOO_LONG, which the program's exit status tells.
    #expect(first.status == 1 && first.output.contains("\nrefused \(over) -6\n"), "\(first.output)")
    let ids = first.output.matches(
      of: /delivered [1-4] status=200 code=0 reason=0 \(none\) answer=([0-9]+)\n/
    ).map { String($0.1) }
    #expect(ids.count == 4, "\(first.output)")
    #expect(first.output.contains("\n4 delivered, 1 authentications, 5 requests, 0 pending, "))
    let second = try world.upload(["report"])
    #expect(second.status == 0 && second.output.contains("\n1 delivered, 0 authentications"))
    let log = try world.simulator.stop()
    // Beyond what a Double holds.
    for id in ids { #expect(id.count == 18 && log.contains(" id \(id)"), "\(id)") }
    #expect(log.contains("xxx… (131072 bytes) -> 200 code 0"), "\(log)")
    #expect(!log.contains("131073"))
  }

  @Test func `payload_limit bounds a report, and each way to sign is taken`() throws {
    let world = try World()
    let (most, over) = try (world.report(2_000), world.report(2_001))
    let options = ["payload_limit=2000", "outbox_bytes=4096", "sign_method=2", "timestamp=1"]
    let run = try world.upload(options + [most, over])
    #expect(run.status == 1 && run.output.contains("refused \(over) -6"), "\(run.output)")
    #expect(run.output.contains("\n1 delivered, 1 authentications"))
  }

  @Test func `more than the outbox holds is taken as there is room again`() throws {
    let world = try World()
    let long = try world.report(131_072)
    let run = try world.upload(Array(repeating: long, count: 12))
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    // Eight would be more than its 1 MB, with their topics.
    let taken = try #require(run.output.firstRange(of: "accepted 8\n"))
    #expect(run.output[..<taken.lowerBound].contains("\ndelivered 1 "), "\(run.output)")
    #expect(run.output.contains("\n12 delivered, 1 authentications, 13 requests, 0 pending"))
  }

  @Test func `the environment's proxy is used where proxy is 1, and not otherwise`() throws {
    let world = try World()
    let proxy = ["https_proxy": "http://127.0.0.1:1", "no_proxy": ""]
    let with = try world.upload(["once=1", "proxy=1", "report"], environment: proxy)
    #expect(with.status == 4 && with.output.contains("no-link 0 "), "\(with.output)")
    let without = try world.upload([], environment: proxy)
    #expect(without.status == 0 && without.output.contains("delivered 1 "), "\(without.output)")
  }

  @Test func `what the platform refuses has its code and text`() throws {
    let world = try World([
      "--fail", "10001,1,on=report", "--fail", "30001,1,on=report", "--fail",
      "4.29,1,max-age=1,on=report",
    ])
    // NBIOT_REASON_REFUSED.
    let final = try world.upload(["report"])
    #expect(final.status == 1, "\(final.output)\(final.errors)")
    let expected =
      /rejected 1 status=200 code=10001 reason=1 \(the platform refused it.*\) answer=.+/
    #expect(final.output.contains(expected), "\(final.output)")
    let later = try world.upload(["once=1", "report"])
    #expect(
      later.status == 4 && later.output.contains("postponed 2 status=200 code=30001 reason=1")
    )
    let busy = try world.upload(["once=1"])
    #expect(busy.status == 4, "\(busy.output)")
    #expect(busy.output.contains("postponed 2 status=429 code=40000 reason=1"), "\(busy.output)")
    // It is in the state directory all the same.
    let last = try world.upload([])
    #expect(last.status == 0 && last.output.contains("delivered 2 status=200 "), "\(last.output)")
  }

  @Test func `a token that was taken back is renewed`() throws {
    let world = try World(["--token-uses", "1"])
    let run = try world.upload(["report", "report"])
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    #expect(run.output.contains("\n2 delivered, 2 authentications, 5 requests, 0 pending"))
  }

  @Test func `a request that does not come about has its reason`() throws {
    let world = try World()
    try world.scratch.write("another\n", to: "wrong.txt")
    let refused = try world.upload(["once=1", "report"], secret: "wrong.txt")
    #expect(refused.status == 4, "\(refused.output)\(refused.errors)")
    #expect(
      refused.output.contains(
        /authentication-failed 0 status=200 code=20000 reason=1 \(.*\) answer=auth check error\n/
      ),
      "\(refused.output)"
    )
    let nobody = try world.upload(["once=1"], port: 1)
    // NBIOT_NO_LINK, NBIOT_REASON_UNREACHABLE.
    #expect(nobody.output.contains("no-link 0 status=0 code=0 reason=10 "), "\(nobody.output)")
    let other = world.scratch.url.appending(path: "other").path
    let made = try world.scratch.run([
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-subj", "/CN=other", "-days", "2", "-keyout", "\(other).key", "-out", "\(other).pem",
    ])
    try #require(made.status == 0, "\(made.errors)")
    let unknown = try world.upload(["once=1"], authorities: "other.pem")
    // NBIOT_REASON_UNKNOWN_AUTHORITY.
    #expect(unknown.output.contains("no-link 0 status=0 code=0 reason=13 "), "\(unknown.output)")
    // The report has waited through all of it.
    let last = try world.upload([])
    #expect(last.status == 0 && last.output.contains("delivered 1 status=200 "), "\(last.output)")
  }

  /// A run against a server that answers in that way.
  private func meet(
    _ kind: String,
    ofAuth: Bool = false,
    believesClock: Bool? = nil
  ) throws -> Finished {
    let peer = try HTTPSPeer()
    let scratch = try World.folder(believesClock: believesClock)
    return try withExtendedLifetime(peer) {
      try scratch.run([
        "./upload", "a1B2c3D4e5F", "device1", "secret.txt", "state", "127.0.0.1", "\(peer.port)",
        peer.authorityFile, "once=1",
        ofAuth ? "client_id=\(kind)" : "topic=/a1B2c3D4e5F/device1/user/\(kind)", "report",
      ])
    }
  }

  @Test(
    arguments: [
      ("dead", "status=0 code=0 reason=29"), ("cut", "status=0 code=0 reason=29"),
      ("garbage", "status=0 code=0 reason=34"), ("long-body", "status=0 code=0 reason=35"),
      ("long-head", "status=0 code=0 reason=35"), ("text", "status=0 code=0 reason=4"),
      ("none", "status=0 code=0 reason=4"), ("redirect", "status=302 code=0 reason=36"),
      ("status-503", "status=503 code=0 reason=36"), ("bare-404", "status=404 code=0 reason=36"),
      ("code-99999", "status=200 code=99999 reason=1"),
      ("code-20002", "status=200 code=20002 reason=1"),
    ] as [(String, String)]
  )
  func `an answer that is none has its reason, and the report waits`(
    kind: String,
    expected: String
  ) throws {
    let run = try meet(kind)
    #expect(run.output.contains("postponed 1 \(expected) "), "\(run.output)\(run.errors)")
    #expect(run.status == 4 && run.output.contains(" 1 pending, "))
  }

  @Test(
    arguments: [
      ("long-token", "authentication-failed 0 status=0 code=0 reason=37"),
      ("no-token", "authentication-failed 0 status=0 code=0 reason=4"),
      ("redirect", "authentication-failed 0 status=302 code=0 reason=36"),
      ("dead", "no-link 0 status=0 code=0 reason=29"),
    ] as [(String, String)]
  )
  func `so has one of an authentication`(kind: String, expected: String) throws {
    let run = try meet(kind, ofAuth: true)
    #expect(run.output.contains("\n\(expected) "), "\(run.output)\(run.errors)")
    #expect(run.status == 4 && run.output.contains(" 1 pending, "))
    #expect(!run.output.contains("ttt"))
  }

  @Test(arguments: [true, false])
  func `a clock that is wrong is an event, synchronised or not`(believesClock: Bool) throws {
    let run = try meet("late", believesClock: believesClock)
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    // The server is in 1994.
    let ahead = try #require(run.output.firstMatch(of: /\nwrong-clock ahead=([0-9]+)\n/))
    let difference = try #require(Double(ahead.1))
    #expect(abs(Date.now.timeIntervalSince1970 - 784_111_777 - difference) < 600)
  }
}
