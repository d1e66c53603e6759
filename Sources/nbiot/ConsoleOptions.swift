// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPMessage
internal import PlatformCore
internal import PlatformSimulator

/// The console's actions on devices, and failures of the platform.
struct ConsoleOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Disable a device, from the start or once so many of its reports and pulls were taken: 4.03. "
        + "Repeat it for more.",
      valueName: "pk,dn[,count]"
    )
  )
  var disable: [String] = []

  @Option(
    help: ArgumentHelp(
      "Take a token back once so many reports and pulls with it were taken: 4.01, until the device "
        + "authenticates anew.",
      valueName: "count"
    )
  )
  var tokenUses: Int?

  @Option(
    help: ArgumentHelp(
      """
      Answer the next requests with an error, such as 5.00, 5.00,3 or \
      4.29,3,max-age=60,on=report; on is auth, report, pull or register. Over HTTPS 4.29 is the status 429, max-age \
      Retry-After, and a code of five digits such as 30001 is that of the answer. Repeat it for more.
      """,
      valueName: "code[,times][,max-age=s][,on=what]"
    )
  )
  var fail: [String] = []

  @Flag(help: "Answer reports of properties and events with 6313, as without the TSL service.")
  var modelServiceDown = false

  /// Adds everything to the configuration, which already has devices and products.
  func apply(to configuration: inout SimulatorConfiguration) throws {
    configuration.isModelServiceDown = modelServiceDown
    if let tokenUses, tokenUses < 1 { throw Complaint("--token-uses is 1 report or pull or more") }
    configuration.tokenUses = tokenUses
    let registrable = configuration.products.flatMap { product in
      product.registrable.map { "\(product.key)/\($0)" }
    }
    let known = Set(
      configuration.devices.map { "\($0.productKey)/\($0.deviceName)" } + registrable
    )
    var disabled = NamedOnce("--disable")
    for text in disable {
      let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      // PK/DN, the form in the log, is accepted as well.
      let names = parts.first?.contains("/") == true ? 1 : 2
      let path = parts.prefix(names).joined(separator: "/")
      let rest = Array(parts.dropFirst(names))
      guard parts.count >= names, rest.count < 2, let requests = Int(rest.first ?? "0"),
        requests >= 0
      else { throw Complaint("--disable takes PRODUCTKEY,DEVICENAME[,COUNT], not \(text)") }
      guard known.contains(path) else {
        throw Complaint("--disable \(text) names no --device and no --register")
      }
      try disabled.add(path.replacing("/", with: ","))
      configuration.disabledDevices[path] = requests
    }
    configuration.failures = try fail.map(Self.failure)
  }

  private static func failure(_ text: String) throws -> SimulatedFailure {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    var failure: SimulatedFailure
    if let code = Code(dotted: parts.first ?? ""), (4...5).contains(code.class) {
      failure = SimulatedFailure(code)
    } else if let code = Int(parts.first ?? ""), (10_000...99_999).contains(code) {
      failure = SimulatedFailure(status: code)
    } else {
      throw Complaint("--fail begins with a code such as 5.00, 4.29 or 30001, not \(text)")
    }
    var given = NamedOnce("in --fail \(text) a part")
    for part in parts.dropFirst() {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = pair.count == 2 ? String(pair[0]) : "times"
      let value = String(pair.last ?? "")
      try given.add(name)
      switch name {
      case "times":
        guard let times = Int(value), times > 0 else { throw wrong(part, of: text) }
        failure.times = times
      case "max-age":
        guard let seconds = UInt32(value) else { throw wrong(part, of: text) }
        failure.retryAfter = seconds
      case "on":
        guard let kind = kinds[value] else { throw wrong(part, of: text) }
        failure.kind = kind
      default: throw wrong(part, of: text)
      }
    }
    return failure
  }

  private static func wrong(_ part: String, of text: String) -> Complaint {
    Complaint(
      "--fail takes CODE,TIMES,max-age=SECONDS,on=auth, report, pull or register; "
        + "not \(part) in \(text)"
    )
  }

  private static let kinds: [String: RequestKind] = [
    "auth": .authentication, "report": .report, "pull": .pull, "register": .registration,
  ]
}
