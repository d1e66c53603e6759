// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import PayloadValues

/// Adds faults to a simulator while it runs.
struct FaultCommand: ParsableCommand {
  /// What it does.
  enum Action: String, ExpressibleByArgument, CaseIterable {
    case add, list, remove
  }

  static let configuration = CommandConfiguration(
    commandName: "fault",
    abstract: "Lets a running simulator fail on purpose, or stops that.",
    usage: "nbiot fault ACTION [FAULT|ID] --at 127.0.0.1:PORT",
    discussion: """
      Example, with a simulator that runs with --control 5690: a tenth of the datagrams is lost for an hour:
        nbiot fault add drop=10%,for=1h --at 127.0.0.1:5690

      Example, three reports of some devices answered with 5.00, and all tokens forgotten:
        nbiot fault add answer=5.00,on=report,times=3,device=meter* \\
          --at 127.0.0.1:5690
        nbiot fault add forget --at 127.0.0.1:5690

      Example, which there are, and an end of them:
        nbiot fault list --at 127.0.0.1:5690
        nbiot fault remove all --at 127.0.0.1:5690

      Of the network over CoAP: drop, duplicate, corrupt and reorder, each with =SHARE such as 5% or alone for all; \
      delay=2s or delay=1s..3s; nat for another address of each device at once, nat=60s after each such silence. Of the \
      platform: answer=CODE with on=auth, report, pull or register and max-age=SECONDS, which MQTT shows as a refused \
      connection or a closed one; forget for tokens and sessions, restart=TIME to be gone as well, clock=TIME to jump \
      forward. All but the ones that happen once take device=NAME or PRODUCTKEY/NAME, with * for any characters, \
      share=SHARE, after=COUNT, times=COUNT and for=TIME; datagrams take way=up or down, answers topic=TOPIC. The network \
      knows a device by its address once the platform has recognised it.

      Exit status: 0 done, 1 there is no such fault, 2 usage, 3 refused, 4 nothing listens there.
      """
  )

  @Argument(help: "add, list or remove.")
  var action: Action

  @Argument(help: "The fault to add, or the number of the one to remove, or all.")
  var subject: String?

  @OptionGroup var control: ControlOptions

  @OptionGroup var output: OutputOption

  func validate() throws {
    switch (action, subject) {
    case (.add, nil):
      throw ValidationError("add needs a fault, such as drop=10%,for=1h")
    case (.add, let text?): _ = try FaultText.rules("fault", text)
    case (.remove, let text):
      guard text == "all" || text.flatMap({ UInt32($0) }) != nil else {
        throw ValidationError("remove needs the number of a fault, as list prints it, or all")
      }
    case (.list, nil): break
    case (.list, _): throw ValidationError("list takes no fault")
    }
  }

  func run() throws {
    var members: [PayloadValue.Member] = [.init("do", .text("fault-\(action.rawValue)"))]
    if let subject {
      let id = UInt32(subject).map { PayloadValue.integer(Int64($0)) } ?? .text(subject)
      members.append(action == .add ? .init("fault", .text(subject)) : .init("id", id))
    }
    let answer = try control.ask(.object(members))
    if output.form == .json {
      Console.print(json: answer.encoded(.json).span)
    } else if let reason = answer["reason"]?.string {
      Console.complain("nbiot: \(reason)")
    } else {
      show(answer)
    }
    switch answer["outcome"]?.string {
    case "done": return
    case "offline": throw ExitStatus.undelivered.error
    default: throw ExitStatus.unauthenticated.error
    }
  }

  private func show(_ answer: PayloadValue) {
    switch action {
    case .add:
      let numbers = (answer["ids"]?.elements ?? []).compactMap(\.integer).map { "\($0)" }
      Console.print(
        numbers.isEmpty ? "done" : "added as number \(numbers.joined(separator: ", "))"
      )
    case .remove: Console.print("removed")
    case .list:
      let faults = answer["faults"]?.elements ?? []
      if faults.isEmpty { Console.complain("nbiot: there are no faults") }
      for fault in faults {
        let left = fault["milliseconds"]?.integer.map { ", \(Self.seconds($0)) s left" } ?? ""
        Console.print(
          "\(fault["id"]?.integer ?? 0) \(fault["fault"]?.string ?? ""): "
            + "happened \(fault["count"]?.integer ?? 0) times\(left)"
        )
      }
    }
  }

  /// Milliseconds in seconds, rounded up; whatever number an answer has.
  private static func seconds(_ milliseconds: Int64) -> Int64 {
    milliseconds > 0 ? (milliseconds - 1) / 1_000 + 1 : 0
  }
}
