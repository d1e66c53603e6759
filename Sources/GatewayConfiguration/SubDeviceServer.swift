// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
public import PlatformCredentials

/// A connection to sub-devices, an entry of `serverList` (device guide 6.7).
public struct SubDeviceServer: Equatable, Sendable {
  /// How it is made.
  public enum Channel: Equatable, Sendable {
    /// Modbus over a serial line.
    case modbusRTU(SerialLine)
    /// Modbus over TCP.
    case modbusTCP(host: String, port: UInt16)
    /// OPC UA.
    case opcUA(OPCUAServer)
  }

  /// What devices name it by.
  public let id: String
  /// What a person calls it; empty if the file does not say.
  public let name: String
  /// How it is made.
  public let channel: Channel
  /// Where the entry is.
  public let place: GatewayPlace
}

/// A serial line.
public struct SerialLine: Equatable, Sendable {
  /// The bit that is added to each character.
  public enum Parity: Equatable, Sendable {
    case even, odd, none
    /// A number, as in the guide's example, which says of letters alone what they mean.
    case numbered(Int)
  }

  /// The port, as the gateway calls it.
  public let port: String
  /// Bits a second.
  public let baudRate: Int
  /// Bits of a character, 5 to 8.
  public let byteSize: Int
  /// Stop bits, 1 or 2.
  public let stopBits: Int
  /// The parity.
  public let parity: Parity

  /// Creates a line.
  public init(port: String, baudRate: Int, byteSize: Int, stopBits: Int, parity: Parity) {
    self.port = port
    self.baudRate = baudRate
    self.byteSize = byteSize
    self.stopBits = stopBits
    self.parity = parity
  }
}

/// An OPC UA server.
public struct OPCUAServer: Equatable, Sendable {
  /// The guide's security policies.
  public enum SecurityPolicy: String, Sendable, CaseIterable {
    case none = "None"
    case basic128Rsa15 = "Basic128Rsa15"
    case basic256 = "Basic256"
  }

  /// The guide's security modes.
  public enum SecurityMode: String, Sendable, CaseIterable {
    case none = "None"
    case sign = "Sign"
    case signAndEncrypt = "SignAndEncrypt"
  }

  /// The address.
  public let url: String
  /// The user; empty for nobody.
  public let userName: String
  /// The password as the file has it, encrypted under the gateway's secret; empty for none.
  public let encryptedPassword: String
  /// The policy; `nil` if the file does not say.
  public let securityPolicy: SecurityPolicy?
  /// The mode; `nil` if the file does not say.
  public let securityMode: SecurityMode?
  /// How long to wait for an answer, without a unit in the guide; `nil` if the file does not say.
  public let timeout: Int?

  /// The password, which the caller wipes; empty if there is none.
  ///
  /// `secret` is the gateway's device secret.
  public func password(secret: [UInt8]) throws(OPCUAPasswordError) -> [UInt8] {
    guard !encryptedPassword.isEmpty else { return [] }
    let text = Array(encryptedPassword.utf8)
    var buffer = [UInt8](repeating: 0, count: OPCUAPassword.maxCount + 1)
    defer {
      var span = buffer.mutableSpan
      for index in span.indices { span[index] = 0 }
    }
    var writer = ByteWriter(buffer.mutableSpan)
    try OPCUAPassword.decrypt(text.span, secret: secret.span, into: &writer)
    let count = writer.count
    return Array(buffer[..<count])
  }
}
