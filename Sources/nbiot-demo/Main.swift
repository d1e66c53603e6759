// SPDX-License-Identifier: Apache-2.0
internal import Demonstration
internal import Foundation

/// `nbiot demo` without the rest of `nbiot`, for `make demo`.
@main
struct Main {
  static func main() async {
    var reports = 10
    var isSecureChannel = false
    for argument in CommandLine.arguments.dropFirst() {
      switch (argument, Int(argument)) {
      case ("dtls", _): isSecureChannel = true
      case (_, let count?) where count >= 1 && count <= 100_000: reports = count
      default:
        complain("takes `dtls`, and how many reports to send, 1 to 100,000; not '\(argument)'")
        exit(2)
      }
    }
    do {
      let demonstration = Demonstration(reports: reports, isSecureChannel: isSecureChannel)
      switch try await demonstration.run(print: { print($0) }) {
      case .delivered: break
      case .undelivered: exit(1)
      case .unauthenticated(let reason):
        complain(reason)
        exit(3)
      case .unreachable(let reason):
        complain(reason)
        exit(4)
      }
    } catch {
      complain("\(error)")
      exit(1)
    }
  }

  private static func complain(_ text: String) {
    FileHandle.standardError.write(Data("nbiot-demo: \(text)\n".utf8))
  }
}
