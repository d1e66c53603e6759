// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Demonstration

struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Runs a platform and a device on this machine and reports its readings.",
    discussion: """
      Example:
        nbiot demo
        nbiot demo --security dtls

      The device signs, authenticates, derives the key and reports load, memory, uptime and, where \
      there is a sensor, the temperature, over UDP on the loopback interface. Exit status 0 only if \
      every report was acknowledged and the platform decrypted exactly what was read.
      """
  )

  @Option(help: "How many reports to send.")
  var reports = 10

  @Option(help: ArgumentHelp("How messages are protected.", valueName: "mode"))
  var security = SecurityArgument.symmetric

  func validate() throws {
    guard reports >= 1, reports <= 100_000 else {
      throw ValidationError("--reports is 1 to 100,000")
    }
  }

  func run() async throws {
    let demonstration = Demonstration(
      reports: reports,
      isSecureChannel: security == .dtls
    )
    switch try await demonstration.run(print: { Console.print($0) }) {
    case .delivered: break
    case .undelivered: throw ExitStatus.undelivered.error
    case .unauthenticated(let reason): throw Complaint(reason, .unauthenticated)
    case .unreachable(let reason): throw Complaint(reason, .unreachable)
    }
  }
}
