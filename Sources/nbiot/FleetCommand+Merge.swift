// SPDX-License-Identifier: Apache-2.0
internal import Fleet
internal import PayloadValues

/// Parts that are put together, and what a scenario expects.
extension FleetCommand {
  func merge() throws {
    var whole: FleetSummary?
    for file in words.dropFirst() {
      guard let value = PayloadValue(InputText.trimmed(try PrivateFile.read(file)), .json),
        let part = FleetSummary(value)
      else { throw Complaint("\(file) is no result of nbiot fleet --output json") }
      guard let sum = whole else {
        whole = part
        continue
      }
      let differences = sum.differences(from: part)
      guard differences.isEmpty else {
        let names = differences.map { "--\($0)" }.joined(separator: ", ")
        throw Complaint("\(file) is of another fleet: it differs in \(names)")
      }
      if let number = part.parts.intersection(sum.parts).min() {
        throw Complaint("\(file): part \(number)/\(sum.partCount) is there already")
      }
      whole?.merge(part)
    }
    guard let whole else { return }
    show(whole)
    if let first = (1...whole.partCount).first(where: { !whole.parts.contains($0) }) {
      let count = whole.partCount - whole.parts.count
      Console.complain(
        "nbiot: not the whole fleet: \(count) of \(whole.partCount) parts "
          + "\(count == 1 ? "is" : "are") missing, the first is \(first)/\(whole.partCount)"
      )
    }
    try check(whole)
  }

  /// Says which of the scenario's expectations do not hold; they are those of a whole fleet.
  func check(_ summary: FleetSummary) throws {
    guard !summary.expectations.isEmpty else { return }
    guard summary.isWhole else {
      Console.complain(
        isMerge
          ? "nbiot: what the scenario expects cannot be checked without the missing parts"
          : "nbiot: a part of a fleet: what the scenario expects is checked by nbiot fleet merge"
      )
      if isMerge { throw ExitStatus.undelivered.error }
      return
    }
    let complaints = summary.expectations.compactMap { $0.complaint(about: summary) }
    for complaint in complaints { Console.complain("nbiot: \(complaint)") }
    guard complaints.isEmpty else { throw ExitStatus.undelivered.error }
  }
}
