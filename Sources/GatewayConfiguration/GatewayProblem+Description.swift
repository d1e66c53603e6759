// SPDX-License-Identifier: Apache-2.0
internal import PayloadCoding

extension GatewayProblem: CustomStringConvertible {
  /// The place, what is wrong there, and what to do.
  public var description: String {
    let place = place.path.isEmpty ? "byte \(place.offset)" : "\(place) (byte \(place.offset))"
    return "\(place): \(reason)"
  }
}

extension GatewayPlace: CustomStringConvertible {
  /// The member, or that it is the whole file.
  public var description: String { path.isEmpty ? "the file" : path }
}

extension GatewayProblem.Reason: CustomStringConvertible {
  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .fileTooLong(let count):
      "the file has \(count) bytes, and at most \(GatewayConfiguration.maxBytes) are read"
    case .tooManyValues: "the file has more than \(GatewayConfiguration.maxValues) values"
    case .syntax(let error): "this is not JSON: \(error)"
    case .notAConfiguration:
      "none of modelList, serverList, deviceList and tslList is here: give a gateway's configuration (device "
        + "guide 6.7)"
    case .repeatedName(let name): "the name \(name) is in the object twice: leave one out"
    case .missing(let name): "\(name) is missing"
    case .expected(let type): "this must be \(type)"
    case .empty: "this must not be empty"
    case .textTooLong(let count, let limit):
      "the text has \(count) bytes, and at most \(limit) are read"
    case .outOfRange(let number, let range):
      "\(number) is outside \(range.lowerBound) to \(range.upperBound)"
    case .unknownWord(let word, let known):
      "\"\(word)\" is not known: give \(Self.list(known))"
    case .notAnAddress(let text):
      "\"\(text)\" is no address of a register: give 0 to 65535, or 0x0 to 0xFFFF"
    case .unknownMapping:
      "a property has registerAddress (Modbus), displayName (OPC UA) or customize, and this one has none of them"
    case .mixedMappings:
      "this property belongs to another protocol than the first one of the product: a product has one"
    case .unknownServer: "a server has protocol (Modbus) or url (OPC UA), and this one has neither"
    case .twoPositions: "slaveId is for Modbus and displayNamePath for OPC UA: leave one out"
    case .deviceName(let name):
      "\"\(name)\" is no device name: 4 to 32 letters, digits and _ @ . - : (device guide 6.3)"
    case .doubled(let name, let first):
      "\(name) is here a second time; the first is \(first)"
    case .noServer(let id): "the server \(id) is not in serverList: add it, or correct the id"
    case .noProduct(let key):
      "the product \(key) is not in modelList: nothing says how to read its devices"
    case .noThingModel(let key): "the product \(key) is not in tslList: it has no thing model"
    case .notInThingModel(let name): "\(name) is not in the product's thing model"
    case .unmapped(let name):
      "nothing says where the property \(name) is read: modelList does not have it"
    case .otherProtocol(let product, let server):
      "the product is read over \(product), and the device's server speaks \(server)"
    case .noPosition(let member): "the device's server needs its \(member)"
    case .slaveAddress(let address):
      "\(address) is no address of a device on a serial line, which are 1 to 247"
    case .doubledPosition(let position, let first):
      "\(position) is taken on this server, by \(first)"
    case .registerCount(let count, let type, let needed):
      "\(type) takes \(needed) \(needed == 1 ? "register" : "registers"), and registerCount is \(count)"
    case .bitType(let type): "a coil or an input is one bit, and the type is \(type): give bool"
    case .beyondTable(let address, let count):
      "\(count) from address \(address) go beyond address 65535"
    case .readOnlyTable(let name, let table):
      "the platform may set \(name), and \(table) cannot be written"
    case .unusedServer(let id): "no device uses the server \(id)"
    case .policyWithoutMode(let policy): "\(policy) does nothing while secMode is None"
    case .modeWithoutPolicy(let mode): "\(mode) needs a secPolicy other than None"
    case .password(let error): "the password cannot be decrypted: \(error)"
    }
  }

  private static func list(_ words: [String]) -> String {
    words.count < 2
      ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + words[words.count - 1]
  }
}
