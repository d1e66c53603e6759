// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PlatformCore
public import PlatformFaults
internal import PlatformSimulator

extension FleetPlan {
  /// What makes it this fleet beside seed, interval and scenario, by the names of the options of `nbiot fleet`.
  var settings: [FleetSummary.Setting] {
    var names = FNVHash()
    for identity in identities {
      names.add(Array("\(identity.productKey)/\(identity.deviceName),".utf8).span)
    }
    let faults = scenario.steps.flatMap { step in
      step.rules.map { "\(step.time.count)ms: \($0.description)" }
    }
    let standard = SimulatorAssumptions()
    let assumed = Assumption.all.compactMap { assumption in
      let value = assumption.value(in: assumptions)
      return value == assumption.value(in: standard) ? nil : "\(assumption.name)=\(value)"
    }
    let listed = "\(identities.count), \(String(names.value, radix: 16))"
    let settings = [
      ("devices", "\(devices)"), ("ramp", "\(ramp.count)ms"),
      (isVirtual ? "virtual" : "for", "\(duration.count)ms"), ("settle", "\(settling.count)ms"),
      ("radio", Self.text(radio) { "ecl\($0)" }), ("security", Self.text(security) { $0.rawValue }),
      ("payload-template", template.text), ("fault", faults.joined(separator: "; ")),
      ("assume", assumed.joined(separator: ",")),
      ("device-list", identities.isEmpty ? "" : listed),
      ("target", endpoint.map { "\($0.host):\($0.port)" } ?? ""),
    ]
    return settings.map { .init(name: $0.0, value: $0.1) }
  }

  private static func text<Kind>(_ mix: FleetMix<Kind>, _ name: (Kind) -> String) -> String {
    mix.parts.map { "\(name($0.kind))=\($0.share)" }.joined(separator: ",")
  }

  /// Faults whose devices or topics no device of the whole fleet has, or whose requests none makes.
  public var idleFaults: [FaultRule] {
    scenario.steps.flatMap(\.rules).filter { rule in
      if case .answer(let status, _, let request) = rule.effect,
        status > 999 || request == .pull || request == .registration
      {
        return true
      }
      guard rule.device != nil || rule.topic != nil else { return false }
      return !(0..<devices).contains { number in
        let identity = identity(of: number)
        return rule.mayTouch("\(identity.productKey)/\(identity.deviceName)")
          && rule.mayTouch(topic: identity.topic)
      }
    }
  }
}
