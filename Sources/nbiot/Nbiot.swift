// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPLink
internal import Foundation
internal import SecurityLayer

/// The command line's exit statuses; scripts rely on them.
enum ExitStatus: Int32 {
  /// Everything was acknowledged.
  case success = 0
  /// Some reports were not acknowledged.
  case undelivered = 1
  /// The arguments are invalid; nothing was sent.
  case usage = 2
  /// The platform refused the authentication.
  case unauthenticated = 3
  /// The endpoint never answered.
  case unreachable = 4
  /// Standard output cannot be written.
  case output = 5
  /// The same identity has connected elsewhere.
  case kicked = 6

  var error: ExitCode { ExitCode(rawValue) }
}

extension AuthenticationFailure {
  /// Whether nothing was ever received from the endpoint.
  var isSilence: Bool { self == .timedOut || self == .handshake(.noAnswer) }
}

/// Ends the program with a sentence on standard error.
struct Complaint: Error {
  let message: String
  let status: ExitStatus

  init(_ message: String, _ status: ExitStatus = .usage) {
    self.message = message
    self.status = status
  }
}

@main
struct Nbiot: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nbiot",
    abstract:
      "A device of the Alibaba Cloud IoT platform over CoAP, MQTT and HTTPS, and a platform to try it with.",
    discussion: """
      Example, a platform and a device on this machine, which need no account:
        nbiot demo

      Exit status: 0 all acknowledged or done, 1 some not, 2 usage, 3 refused by the other side, 4 the \
      other side never answered, 5 standard output cannot be written, 6 another device has the same identity (MQTT), \
      130 ended by Ctrl-C, 143 by SIGTERM.
      """,
    version: "0.9.0",
    subcommands: [
      DemoCommand.self, PublishCommand.self, ListenCommand.self, SimulateCommand.self,
      PushCommand.self,
      BrokerCommand.self, FaultCommand.self, CallCommand.self,
      PullCommand.self, DoctorCommand.self, InspectCommand.self,
      RegisterCommand.self, OTACommand.self, GatewayCommand.self, SignCommand.self,
      OPCUACommand.self,
      EstimateCommand.self, RadioCommand.self, FleetCommand.self,
    ]
  )

  static func main() async {
    Console.reserveDescriptors()
    EndingSignal.prepare()
    HelpPage.boundWidth()
    do {
      try checkArguments()
      var command = try parse()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      EndingSignal.endIfNoted()
    } catch let complaint as Complaint {
      Console.complain("nbiot: \(complaint.message)")
      EndingSignal.endIfNoted()
      Foundation.exit(complaint.status.rawValue)
    } catch {
      EndingSignal.endIfNoted()
      let code = exitCode(for: error)
      guard code == .validationFailure else {
        if code == .success { show(fullMessage(for: error)) }
        exit(withError: error)
      }
      // ArgumentParser's own status for a usage error is 64; ours is documented as 2.
      Console.complain(lines: fullMessage(for: error))
      Foundation.exit(ExitStatus.usage.rawValue)
    }
  }

  /// Prints help or a version, and ends the program.
  private static func show(_ message: String) -> Never {
    if let page = HelpPage(message, root: Self.self) {
      do throws(Complaint) {
        try UnknownNames.checkCommand(Array(CommandLine.arguments.dropFirst()))
      } catch {
        Console.complain("nbiot: \(error.message)")
        Foundation.exit(error.status.rawValue)
      }
      Console.print(lines: page.text)
    } else if !message.isEmpty {
      Console.print(raw: Array(message.utf8).span)
    }
    Foundation.exit(ExitStatus.success.rawValue)
  }

  /// Parses the command, or reports an error in the arguments, unknown names first.
  private static func parse() throws -> any ParsableCommand {
    do {
      return try parseAsRoot()
    } catch {
      if exitCode(for: error) == .validationFailure {
        let arguments = Array(CommandLine.arguments.dropFirst())
        try UnknownNames.check(arguments)
        // A value that begins with - is taken for an option unless it is joined to its own.
        if let joined = UnknownNames.joined(arguments) { return try parseAsRoot(joined) }
      }
      throw error
    }
  }

  /// Refuses arguments and variables that are not UTF-8: Swift would silently replace them.
  private static func checkArguments() throws {
    for index in 1..<max(1, Int(CommandLine.argc)) {
      // SAFETY: the system passes `argc` texts that end with a zero byte.
      guard let text = unsafe CommandLine.unsafeArgv[index] else { continue }
      guard unsafe String(validatingCString: text) == nil else { continue }
      throw Complaint(
        "argument \(index) is not UTF-8, which topics and JSON are: check the encoding of your terminal or script"
      )
    }
    for variable in Variable.allCases
    where String(validating: Variable.bytes(variable.rawValue), as: UTF8.self) == nil {
      throw Complaint(
        "the variable \(variable.rawValue) is not UTF-8: check the encoding of your terminal or script"
      )
    }
  }
}
