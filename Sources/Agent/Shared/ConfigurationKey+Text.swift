// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A key's words, from the tables of the agent that has it.
extension ConfigurationKey {
  #if !hasFeature(Embedded)
  /// The names of all keys.
  package static var allNames: [String] {
    let text = Span(names)
    return text.indices.map { text[$0] }.split(separator: UInt8(ascii: "|")).map {
      String(decoding: $0, as: UTF8.self)
    }
  }
  #endif

  /// The name of the key.
  package var name: Span<UInt8> {
    @_lifetime(immortal)
    get { Self.names.word(Int(rawValue)) }
  }

  /// What values it takes; words with `|` between them are all that it takes, and `number` reads its limits here.
  var values: Span<UInt8> {
    @_lifetime(immortal)
    get { Self.values.word(Int(rawValue), by: UInt8(ascii: ";")) }
  }

  /// The key of that name.
  @inline(never)
  init?(_ bytes: Span<UInt8>) {
    guard let index = bytes.index(in: Span(Self.names)) else { return nil }
    self.init(rawValue: UInt8(truncatingIfNeeded: index))
  }
}
