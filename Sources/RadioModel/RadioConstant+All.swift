// SPDX-License-Identifier: Apache-2.0
extension RadioConstant {
  /// What the guesses about a class's radio go by.
  private static let thesis = "Robinson, Stellenbosch 2019 (dan-leo/masters)"

  static func classes(
    _ number: Int,
    _ base: any (WritableKeyPath<RadioModel, CoverageClass> & Sendable),
    _ spread: any (WritableKeyPath<RadioModel, PublishedSpread> & Sendable)
  ) -> [RadioConstant] {
    func constant(
      _ name: String,
      _ unit: RadioUnit,
      _ range: ClosedRange<Double>,
      _ origin: Origin,
      _ source: String,
      _ path: any (WritableKeyPath<CoverageClass, Double> & Sendable)
    ) -> RadioConstant {
      RadioConstant(
        name: "class\(number).\(name)",
        unit: unit,
        range: range,
        origin: origin,
        source: source,
        base: base,
        path: path
      )
    }
    func ratio(
      _ name: String,
      _ path: any (WritableKeyPath<PublishedSpread, Double> & Sendable)
    ) -> RadioConstant {
      RadioConstant(
        name: "class\(number).\(name)",
        unit: .ratio,
        range: 0.001...1_000,
        origin: .fitted,
        source: "published messages over this model, by make energy-check",
        base: spread,
        path: path
      )
    }
    let repeated =
      number == 0
      ? "one transmission: the BG96's rate in all classes (KU Leuven 2019)"
      : "to the Ericsson network of \(thesis)"
    return [
      constant(
        "roundTripMedian",
        .milliseconds,
        10...300_000,
        .fitted,
        "by eye to the medians of \(thesis)",
        \.roundTripMedian
      ),
      constant(
        "roundTripHigh",
        .milliseconds,
        10...300_000,
        .fitted,
        "by eye to the 95 % of \(thesis), and 5 to 10 % of a fleet up to 40 s (bc-java 2470)",
        \.roundTripHigh
      ),
      constant(
        "loss",
        .percent,
        0...0.9,
        .assumed,
        "no measurement is published; each way",
        \.loss
      ),
      constant(
        "wakeUp",
        .milliseconds,
        0...120_000,
        .fitted,
        number == 0
          ? "to an nRF9160's wake-up of 0.25 J (boaks/zephyr-coaps-client)"
          : "to the Ericsson network of \(thesis); 2 to 3 s are usual",
        \.wakeUp
      ),
      constant(
        "uplinkBlock",
        .bytes,
        2...317,
        .published,
        "3GPP TS 36.213 Release 13: 1,000 bits; Release 14 has 2,536",
        \.uplinkBlock
      ),
      constant(
        "resourceUnits",
        .count,
        1...10,
        .fitted,
        "3GPP TS 36.213 allows 4 to 10 for 1,000 bits; \(repeated)",
        \.resourceUnits
      ),
      constant("uplinkRepetitions", .count, 1...128, .fitted, repeated, \.uplinkRepetitions),
      constant(
        "downlinkRepetitions",
        .count,
        1...2_048,
        .assumed,
        "the base station sends with more power, so fewer than uplink",
        \.downlinkRepetitions
      ),
      ratio("lowest", \.lowest),
      ratio("lowerQuartile", \.lowerQuartile),
      ratio("upperQuartile", \.upperQuartile),
      ratio("highest", \.highest),
    ]
  }

  private static func network(
    _ name: String,
    _ unit: RadioUnit,
    _ range: ClosedRange<Double>,
    _ origin: Origin,
    _ path: any (WritableKeyPath<RadioNetwork, Double> & Sendable),
    _ source: String
  ) -> RadioConstant {
    let base: any (WritableKeyPath<RadioModel, RadioNetwork> & Sendable) = \.network
    return RadioConstant(
      name: "network.\(name)",
      unit: unit,
      range: range,
      origin: origin,
      source: source,
      base: base,
      path: path
    )
  }

  static let network: [RadioConstant] = [
    network(
      "resourceUnit",
      .milliseconds,
      1...32,
      .published,
      \.resourceUnit,
      "3GPP TS 36.211: 8 ms for one tone of 15 kHz, 32 for 3.75 kHz, 1 for 12 tones"
    ),
    network(
      "scheduling",
      .milliseconds,
      0...10_000,
      .fitted,
      \.scheduling,
      "to the durations of BG96 sets 3 and 7 over their payloads (KU Leuven 2019)"
    ),
    network(
      "downlinkBlock",
      .bytes,
      2...317,
      .published,
      \.downlinkBlock,
      "3GPP TS 36.213 Release 13: 680 bits"
    ),
    network(
      "downlinkTime",
      .milliseconds,
      1...10_000,
      .published,
      \.downlinkTime,
      "680 bits at the 24 kbit/s of a BC95"
    ),
    network(
      "controlPlane",
      .bytes,
      0...1_000,
      .published,
      \.controlPlane,
      "Andres-Maldonado 2017 with other authors' settings"
    ),
    network("headers", .bytes, 0...100, .published, \.headers, "RFC 791 and RFC 768; IPv6 has 48"),
    network(
      "longestDelay",
      .milliseconds,
      1_000...3_600_000,
      .assumed,
      \.longestDelay,
      "outliers of 300 s in \(thesis)"
    ),
    network(
      "inactivity",
      .milliseconds,
      0...120_000,
      .published,
      \.inactivity,
      "20 s is usual (OMA LwM2M 293); 5 to 60 s occur (Nordic)"
    ),
    network(
      "release",
      .milliseconds,
      0...120_000,
      .assumed,
      \.release,
      "the release itself takes 92 ms (AT&T); networks wait about a second"
    ),
    network(
      "activeTime",
      .milliseconds,
      0...11_160_000,
      .assumed,
      \.activeTime,
      "T3324, the shortest of 3GPP TS 24.008 above 0"
    ),
    network(
      "updatePeriod",
      .milliseconds,
      60_000...1_116_000_000,
      .published,
      \.updatePeriod,
      "T3412, 54 min (3GPP TS 24.008)"
    ),
    network(
      "sleepingUpdatePeriod",
      .milliseconds,
      60_000...36_000_000_000,
      .published,
      \.sleepingUpdatePeriod,
      "T3412 extended, 310 h (3GPP TS 24.008)"
    ),
    network(
      "pagingCycle",
      .milliseconds,
      1_280...10_240,
      .published,
      \.pagingCycle,
      "3GPP TS 36.331; 1.28 to 10.24 s occur"
    ),
    network(
      "pagingWindow",
      .milliseconds,
      2_560...40_960,
      .assumed,
      \.pagingWindow,
      "3GPP TS 24.008 allows 2.56 to 40.96 s"
    ),
    network(
      "natLifetime",
      .milliseconds,
      1_000...86_400_000,
      .published,
      \.natLifetime,
      "60 s at two Finnish operators (zephyr 25935); 30 s at Twilio"
    ),
  ]

  private static func power(
    _ name: String,
    _ unit: RadioUnit,
    _ range: ClosedRange<Double>,
    _ path: any (WritableKeyPath<RadioPowers, Double> & Sendable),
    modem: (Origin, String),
    device: (Origin, String)
  ) -> [RadioConstant] {
    let modemBase: any (WritableKeyPath<RadioModel, RadioPowers> & Sendable) = \.modem
    let deviceBase: any (WritableKeyPath<RadioModel, RadioPowers> & Sendable) = \.device
    return [
      RadioConstant(
        name: "modem.\(name)",
        unit: unit,
        range: range,
        origin: modem.0,
        source: modem.1,
        base: modemBase,
        path: path
      ),
      RadioConstant(
        name: "device.\(name)",
        unit: unit,
        range: range,
        origin: device.0,
        source: device.1,
        base: deviceBase,
        path: path
      ),
    ]
  }

  /// The measurements of the whole device.
  private static let kit = "to an nRF9160 kit at 5 V (boaks/zephyr-coaps-client)"

  static let powers: [RadioConstant] = [
    power(
      "transmitting",
      .watts,
      0.001...10,
      \.transmitting,
      modem: (.published, "TU Dortmund for a BG96: 155 mA at 3.8 V"),
      device: (.fitted, kit)
    ),
    power(
      "connected",
      .watts,
      0.001...10,
      \.connected,
      modem: (.fitted, "mean of the fits to BG96 sets 1, 3, 6 and 7, class 0: 0.18 to 0.25 W"),
      device: (.fitted, kit)
    ),
    power(
      "paging",
      .watts,
      0...10,
      \.paging,
      modem: (.published, "TU Dortmund for a BG96: 1.56 mA at 3.8 V"),
      device: (.assumed, "the modem's")
    ),
    power(
      "extendedPaging",
      .watts,
      0...10,
      \.extendedPaging,
      modem: (.published, "TU Dortmund for a BG96: 0.81 mA at 3.8 V"),
      device: (.assumed, "the modem's")
    ),
    power(
      "sleeping",
      .watts,
      0...10,
      \.sleeping,
      modem: (.published, "TU Dortmund for a BG96: 3.9 uA at 3.8 V"),
      device: (.published, "a Thingy:91: 40 uA, taken at 5 V (boaks/zephyr-coaps-client)")
    ),
    power(
      "attaching",
      .joules,
      0...1_000,
      \.attaching,
      modem: (.published, "1.2 to 24 mWh in \(thesis): the lower end"),
      device: (.fitted, "to the row of \(kit.dropFirst(3)) with the modem switched off and on")
    ),
    power(
      "voltage",
      .volts,
      0.5...60,
      \.voltage,
      modem: (.published, "TU Dortmund for a BG96"),
      device: (.published, "boaks/zephyr-coaps-client")
    ),
  ].flatMap { $0 }
}
