// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import ConstrainedCore
internal import Fleet
internal import PayloadValues
internal import PlatformCore
internal import PlatformFaults

/// What the options say.
extension FleetCommand {
  func makePlan() throws -> FleetPlan {
    var plan = FleetPlan()
    plan.identities = try list.devices().map {
      FleetIdentity(productKey: $0.productKey, deviceName: $0.deviceName, secret: $0.secret)
    }
    plan.devices = plan.identities.isEmpty ? devices : plan.identities.count
    plan.endpoint = target.map { FleetEndpoint(host: $0.host, port: $0.port ?? 0) }
    plan.seed = seed
    plan.isVirtual = virtual != nil
    let times = try times()
    (plan.interval, plan.ramp, plan.duration, plan.settling) =
      (times.interval, times.ramp, times.duration, times.settling)
    let mixes = try mixes()
    (plan.radio, plan.security) = (mixes.radio, mixes.security)
    plan.template = try template()
    plan.shard = try part()
    guard plan.shard.count <= plan.devices else {
      throw Complaint(
        "--shard \(shard ?? ""): there are \(plan.shard.count) parts, and the list has only "
          + EstimatePage.count(plan.devices, "device")
      )
    }
    if let scenario {
      plan.scenario = try Self.scenario(scenario)
      if let step = plan.scenario.steps.last, step.time >= plan.duration {
        throw Complaint(
          "\(scenario): a fault begins \(step.time.count / 1_000) s after the start, when no report is made any more: "
            + "give --virtual or --for more time",
          .usage
        )
      }
    }
    plan.assumptions = try assumptions.assumptions()
    let rules = try faults.rules()
    if !rules.isEmpty {
      plan.scenario.steps.insert(.init(time: Milliseconds(0), rules: rules), at: 0)
    }
    let table = FaultTable()
    for step in plan.scenario.steps {
      let now = Instant(milliseconds: 0) + step.time
      guard step.rules.allSatisfy({ table.add($0, at: now) != nil }) else {
        throw Complaint(
          "\(step.time.count / 1_000) s after the start --fault and --scenario have over \(FaultTable.limit) faults at "
            + "once: give them an end (for=)"
        )
      }
    }
    return plan
  }

  func times() throws -> (
    interval: Milliseconds, ramp: Milliseconds, duration: Milliseconds, settling: Milliseconds
  ) {
    func time(
      _ option: String,
      _ text: String,
      _ range: ClosedRange<Int64>,
      _ limits: String
    ) throws -> Milliseconds {
      guard let count = FaultRule.milliseconds(text), range.contains(count) else {
        throw ValidationError("\(option) \(text): it is a time with its unit, \(limits)")
      }
      return Milliseconds(count)
    }
    let month: Int64 = 2_592_000_000
    let period = try time("--interval", interval, 1_000...month, "1s to 30d")
    let start = try ramp.map { try time("--ramp", $0, 0...month, "0s to 30d") } ?? period
    let year: Int64 = 31_536_000_000
    let duration =
      try virtual.map { try time("--virtual", $0, 1_000...year, "1s to 365d") }
      ?? length.map { try time("--for", $0, 1_000...year, "1s to 365d") } ?? Milliseconds(year)
    let settling =
      try settle.map { try time("--settle", $0, 0...month, "0s to 30d") }
      ?? Milliseconds(virtual == nil ? 300_000 : 21_600_000)
    return (period, start, duration, settling)
  }

  func mixes() throws -> (radio: FleetMix<Int>, security: FleetMix<FleetSecurity>) {
    let classes = Dictionary(
      uniqueKeysWithValues: CoverageArgument.allCases.map { ($0.rawValue, $0.coverage) }
    )
    let kinds = Dictionary(
      uniqueKeysWithValues: FleetSecurity.allCases.map { ($0.rawValue, $0) }
    )
    return (
      try Self.mix("--radio", radio == "mix" ? "ecl0=70%,ecl1=20%,ecl2=10%" : radio, classes),
      try Self.mix(
        "--security",
        security == "mix" ? "symmetric=70%,psk=20%,dtls=10%" : security,
        kinds
      )
    )
  }

  private static func mix<Kind: Hashable & Sendable>(
    _ option: String,
    _ text: String,
    _ kinds: [String: Kind]
  ) throws -> FleetMix<Kind> {
    var parts: [(Kind, Double)] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      let pair = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let kind = kinds[String(pair[0])] else {
        let names = kinds.keys.sorted().joined(separator: ", ")
        throw ValidationError("\(option) \(word): there are \(names) and mix")
      }
      guard let share = pair.count == 1 ? 1 : FaultRule.share(pair[1]) else {
        throw ValidationError(
          "\(option) \(word): a share is above 0% and up to 100%, such as 5% or 0.05"
        )
      }
      guard !parts.contains(where: { $0.0 == kind }) else {
        throw ValidationError("\(option) \(word): \(pair[0]) is given twice")
      }
      parts.append((kind, share))
    }
    let sum = (parts.reduce(0) { $0 + $1.1 } * 1e6).rounded() / 1e4
    guard (99.9...100.1).contains(sum) else {
      throw ValidationError("\(option) \(text): the shares make \(sum)%, not 100%")
    }
    return FleetMix(parts)
  }

  func template() throws -> ReportTemplate {
    guard let payloadTemplate else { return .standard }
    var text = payloadTemplate
    if text.hasPrefix("@") {
      let bytes = try PrivateFile.read(String(text.dropFirst()))
      text = String(decoding: InputText.trimmed(bytes), as: UTF8.self)
    }
    do throws(ReportTemplate.Failure) {
      return try ReportTemplate(text)
    } catch {
      switch error {
      case .noNumber:
        throw ValidationError(
          "--payload-template has no {n}, the number by which reports are told apart"
        )
      case .nothingBeforeNumber:
        throw ValidationError(
          "--payload-template has nothing right before {n} by which it can be found: give it a text that is not all "
            + "digits"
        )
      case .digitBehindNumber:
        throw ValidationError(
          "--payload-template has a digit or a placeholder right after {n}, so that the number's end cannot be found"
        )
      case .tooLong(let count):
        throw ValidationError(
          "--payload-template makes reports of up to \(count) bytes: the platform takes 1,024"
        )
      }
    }
  }

  func part() throws -> FleetPlan.Shard {
    guard let shard else { return FleetPlan.Shard(1, of: 1) }
    let devices = list.file == nil ? self.devices : 200_000
    let parts = shard.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let number = parts[0], let count = parts[1],
      (1...devices).contains(count), (1...count).contains(number)
    else {
      throw ValidationError(
        "--shard \(shard): it is K/N, such as 2/8, with K at most N and N at most --devices"
      )
    }
    return FleetPlan.Shard(number, of: count)
  }

  private static func scenario(_ name: String) throws -> FleetScenario {
    let isKnown = name == "region-outage"
    let bytes = isKnown ? Array(FleetScenario.regionOutage.utf8) : try PrivateFile.read(name)
    let scenario: FleetScenario
    do throws(FleetScenarioError) {
      scenario = try FleetScenario(toml: bytes)
    } catch {
      throw Complaint("\(name), line \(error.line): \(error.description)")
    }
    guard !scenario.steps.isEmpty || !scenario.expectations.isEmpty else {
      throw Complaint("\(name) has neither [[fault]] nor [[expect]]")
    }
    return scenario
  }
}
