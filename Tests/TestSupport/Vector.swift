// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// One of the published messages, with its parts or the reason why it is none.
package struct Vector: Decodable, Sendable, CustomStringConvertible {
  package struct Option: Decodable, Sendable, Equatable {
    package let number: UInt16
    package let value: [UInt8]

    package init(number: UInt16, value: [UInt8]) {
      self.number = number
      self.value = value
    }

    package init(from decoder: any Decoder) throws {
      var container = try decoder.unkeyedContainer()
      number = try container.decode(UInt16.self)
      value = TestSupport.hex(try container.decode(String.self))
    }
  }

  package struct Decoded: Decodable, Sendable {
    package let type: UInt8
    package let code: UInt8
    package let mid: UInt16
    package let token: String
    package let options: [Option]
    package let payload: String
  }

  package let id: String
  package let hex: String
  package let valid: Bool
  package let reason: String?
  /// What a layer above the format must notice: a class of codes or an option that it cannot use.
  package let semantic: [String]?
  package let decoded: Decoded?

  package var description: String { id }

  package static let all: [Vector] = {
    guard let url = Bundle.module.url(forResource: "coap-messages", withExtension: "json"),
      let data = try? Data(contentsOf: url),
      let vectors = try? JSONDecoder().decode([Vector].self, from: data)
    else { preconditionFailure("the vectors are a resource of this target") }
    return vectors
  }()
}
