// SPDX-License-Identifier: Apache-2.0
/// Prints each check when it ends.
struct DoctorChecks {
  let output: OutputArgument

  mutating func pass(_ name: String, _ detail: String) { show(name, "ok", detail) }

  mutating func doubt(_ name: String, _ detail: String) { show(name, "doubtful", detail) }

  /// Shows a failure, in JSON with the platform's own reason as a separate member; the returned
  /// error ends the program.
  mutating func fail(
    _ name: String,
    _ detail: String,
    _ status: ExitStatus,
    because diagnostic: String = "",
    connack: UInt8? = nil
  ) -> any Error {
    show(name, "failed", detail, diagnostic, connack)
    return status.error
  }

  private func show(
    _ name: String,
    _ result: String,
    _ detail: String,
    _ diagnostic: String = "",
    _ connack: UInt8? = nil
  ) {
    guard output == .text else {
      var lines = ResultLines()
      lines.add("check", "check", name)
      lines.add("result", "result", result)
      lines.add("detail", "detail", detail)
      if !diagnostic.isEmpty { lines.add("diagnostic", "diagnostic", diagnostic) }
      if let connack { lines.add("connack", "connack", UInt64(connack)) }
      return lines.print(.json)
    }
    let label = name + String(repeating: " ", count: max(0, 13 - name.count))
    let verdict = result + String(repeating: " ", count: max(0, 10 - result.count))
    Console.print(label + verdict + detail)
  }
}
