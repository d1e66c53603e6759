// SPDX-License-Identifier: Apache-2.0
import Foundation
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("Lines that wait together", .serialized)
struct BatchTests {
  @Test func `what became of each is told in their order, refusals in their place`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port, ["id-placeholder = @ID@"])
    defer { folder.remove() }
    var input = "{\"id\":@ID@}\n\nnowhere\t{}\n{\"id\":\"@ID@\"}\npriority=8\t{}\n"
    input += "{\"a\":\"\(String(repeating: "x", count: 1_024))\"}\r\n"
    input += String(repeating: "x", count: 5_000) + "\n{\"id\":[@ID@,@ID@]}"
    let agent = try folder.run(input: input)
    let told = agent.lines.filter { !$0.hasPrefix("delivered") }
    #expect(
      told == [
        "accepted 1", "refused 3 bad-option", "accepted 2", "refused 5 bad-option",
        "refused 6 too-long", "refused 7 too-long", "accepted 3",
      ]
    )
    let payloads = platform.records.filter(\.isAcceptedReport)
      .map { String(decoding: $0.payload, as: UTF8.self) }
    #expect(payloads == [#"{"id":1}"#, #"{"id":"2"}"#, #"{"id":[3,3]}"#])
    #expect(agent.status == 1)
    try await platform.close()
  }

  @Test(arguments: ["off", "topic"])
  func `a thousand lines are accepted and delivered with few syncs`(coalesce: String) async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port, ["coalesce = \(coalesce)"])
    defer { folder.remove() }
    let agent = folder.agent()
    try agent.start()
    agent.write((1...1_000).map { "{\"value\":\($0)}\n" }.joined())
    #expect(agent.wait { $0.output.contains("delivered 1000 ") })
    agent.signal(SIGUSR1)
    #expect(agent.wait { $0.log.contains(" disk-syncs=") })
    agent.endInput()
    agent.wait()
    #expect(agent.status == 0)
    #expect(
      agent.lines.filter { $0.hasPrefix("accepted") } == (1...1_000).map { "accepted \($0)" }
    )
    let ended = agent.lines.count { $0.hasPrefix("delivered") || $0.hasPrefix("superseded") }
    #expect(ended == 1_000)
    let syncs = agent.log.firstMatch(of: /disk-syncs=([0-9]+)/).flatMap { Int($0.1) }
    // One for 16 that are delivered, some for the lines of each read, for files and for numbers.
    #expect(syncs.map { $0 >= 5 && $0 <= 85 } == true, "\(agent.log)")
    try await platform.close()
  }

  @Test func `datagrams that wait are answered one by one, each by what became of it`() async throws
  {
    let platform = try await Platform()
    let (folder, path) = try AgentFolder.withSocket(port: platform.port)
    defer { folder.remove() }
    let agent = folder.agent()
    try agent.start()
    agent.endInput()
    #expect(agent.wait { _ in FileManager.default.fileExists(atPath: path) })
    let senders = (0..<10).map {
      UnixSender(named: folder.url.appending(path: "sender\($0)").path)
    }
    agent.signal(SIGSTOP)
    for (index, sender) in senders.enumerated() {
      sender.send(index % 3 == 1 ? "nowhere\t{}" : "{\"value\":\(index)}", to: path)
    }
    agent.signal(SIGCONT)
    var id = 0
    for (index, sender) in senders.enumerated() {
      if index % 3 != 1 { id += 1 }
      #expect(sender.answer() == (index % 3 == 1 ? "refused 0 bad-option" : "accepted \(id)"))
    }
    #expect(agent.wait { $0.output.contains("delivered \(id) ") })
    agent.signal(SIGTERM)
    agent.wait()
    try await platform.close()
  }

  @Test func `lines that the disk refuses together are tried again, and told of once`() async throws
  {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let faults = try Faults(in: folder)
    // The file is there.
    #expect(try folder.run(input: "{\"value\":0}\n").status == 0)
    let agent = folder.agent(environment: faults.environment(["FAULT_SYNCS": "4"]))
    try agent.start()
    agent.write("{\"value\":1}\nnowhere\t{}\n{\"value\":2}\n")
    #expect(agent.wait { $0.log.contains("disk") })
    #expect(agent.lines.isEmpty)
    agent.endInput()
    agent.wait()
    #expect(agent.lines.prefix(3) == ["accepted 2", "refused 2 bad-option", "accepted 3"])
    #expect(agent.lines.count { $0.hasPrefix("delivered") } == 2)
    try await platform.close()
  }
}
