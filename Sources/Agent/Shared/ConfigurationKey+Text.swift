// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A key's words, from the tables of the agent that has it.
extension ConfigurationKey {
  #if !hasFeature(Embedded)
  /// The names of all keys.
  package static var allNames: [String] {
    let text = Span(names)
    let all = text.indices.map { text[$0] }.split(separator: UInt8(ascii: "|")).map {
      String(decoding: $0, as: UTF8.self)
    }
    #if LEDGER
    return all + ["ledger"]
    #else
    return all
    #endif
  }
  #endif

  /// The name of the key.
  package var name: Span<UInt8> {
    @_lifetime(immortal)
    get {
      #if LEDGER
      if self == .ledger { return Span("ledger" as StaticString) }
      #endif
      return Self.names.word(Int(rawValue))
    }
  }

  /// What values it takes; words with `|` between them are all that it takes, and `number` reads its limits here.
  var values: Span<UInt8> {
    @_lifetime(immortal)
    get {
      #if LEDGER
      if self == .ledger { return Span("a path of less than 250 bytes" as StaticString) }
      #endif
      return Self.values.word(Int(rawValue), by: UInt8(ascii: ";"))
    }
  }

  /// The key of that name.
  @inline(never)
  init?(_ bytes: Span<UInt8>) {
    #if LEDGER
    // Only the agents that have room for it know it.
    if bytes.isEqual(to: "ledger") {
      self = .ledger
      return
    }
    #endif
    guard let index = bytes.index(in: Span(Self.names)) else { return nil }
    self.init(rawValue: UInt8(truncatingIfNeeded: index))
  }
}
