// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ArgumentParser
internal import DeviceClient
internal import PlatformCore
internal import PlatformSimulator

/// The unit of a text's `length`.
enum TextLengthArgument: String, ExpressibleByArgument, CaseIterable {
  case bytes, characters
}

/// The meaning of an array's `size`.
enum ArraySizeArgument: String, ExpressibleByArgument, CaseIterable {
  case maximum, exact
}

/// How parts of a thing model are interpreted that the device guide only names.
struct ModelRuleOptions: ParsableArguments {
  @Flag(
    help: """
      Refuse numbers that are off the thing model's step; the guide's own examples are. Unverified: what the \
      platform does.
      """
  )
  var checkSteps = false

  @Option(help: "What a text's length in the thing model counts (unverified).")
  var textLength = TextLengthArgument.bytes

  @Option(help: "What an array's size in the thing model says (unverified).")
  var arraySize = ArraySizeArgument.maximum

  var rules: ThingModelRules {
    var rules = ThingModelRules()
    rules.checksSteps = checkSteps
    rules.textLength = textLength == .bytes ? .bytes : .characters
    rules.arraySize = arraySize == .maximum ? .maximum : .exact
    return rules
  }
}

/// The thing models against which a request is checked before it is sent.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Check properties and events against this thing model (TSL) before they are sent.",
      valueName: "file"
    ),
    completion: .file()
  )
  var thingModel: String?

  @Option(
    help: ArgumentHelp(
      "The thing model of a product of sub-devices, for a pack post; repeat it for more.",
      valueName: "pk=file"
    ),
    completion: .file()
  )
  var subDeviceModel: [String] = []

  @OptionGroup var rules: ModelRuleOptions

  /// Adds the models to a client's configuration.
  func apply(to configuration: inout DeviceClientConfiguration) throws {
    configuration.thingModel = try thingModel.map(InputText.read)
    for text in subDeviceModel {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw Complaint("--sub-device-model takes PRODUCTKEY=FILE, not \(text)")
      }
      configuration.subDeviceModels[String(parts[0])] = try InputText.read(String(parts[1]))
    }
    configuration.thingModelRules = rules.rules
  }

  /// Warns about products whose sub-devices are not checked, if there is a model at all.
  func warn(about products: Set<String>, gateway: String) {
    guard thingModel != nil || !subDeviceModel.isEmpty else { return }
    var known = Set(subDeviceModel.compactMap { $0.split(separator: "=").first.map(String.init) })
    if thingModel != nil { known.insert(gateway) }
    for product in products.subtracting(known).sorted() {
      Console.complain(
        "warning: what is said of the sub-devices of \(product) is not checked; give --sub-device-model "
          + "\(product)=FILE"
      )
    }
  }
}

extension ModelRuleOptions {
  /// The simulator's equivalent.
  var simulated: SimulatedModelRules {
    var rules = SimulatedModelRules()
    rules.checksSteps = checkSteps
    rules.textLength = textLength == .bytes ? .bytes : .characters
    rules.needsWholeArrays = arraySize == .exact
    return rules
  }
}

extension DeviceNamesArgument {
  /// The simulator's equivalent.
  var simulated: SimulatedDeviceNames { self == .current ? .current : .guide }
}
