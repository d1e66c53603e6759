/// A name that an object has twice; readers of such an object differ in which one they take.
public struct RepeatedKey: Equatable, Sendable {
  /// Where the name stands first.
  public let first: PayloadText

  /// Where it stands the next time.
  public let second: PayloadText
}

extension PayloadReader where Self: ~Escapable {
  /// The first name that comes again within its object; `nil` when every object's names differ.
  ///
  /// RFC 8259 Section 4: "The names within an object SHOULD be unique"; RFC 8949 Section 5.6 calls a map
  /// with duplicate keys not valid. Names are compared as they are meant: `"a"` is `"\u0061"`. Reads from
  /// where the reader stands, which itself stays there, to the end, and fails where it would.
  ///
  /// Each name is compared with all that follow it in its object: for n bytes up to the order of n * n
  /// steps, a million for a message of 1 KB. Memory held: two more readers, no heap.
  public func repeatedKey() throws(Failure) -> RepeatedKey? {
    var reader = self
    var found: RepeatedKey?
    while let token = try reader.nextToken() {
      guard found == nil, case .key(let name) = token else { continue }
      if let second = try reader.next(occurrenceOf: name) {
        found = RepeatedKey(first: name, second: second)
      }
    }
    return found
  }

  /// Where `name`, which was read last, comes again in its object.
  private func next(occurrenceOf name: PayloadText) throws(Failure) -> PayloadText? {
    var ahead = self
    try ahead.skipValue()
    while case .key(let other)? = try ahead.nextToken() {
      if isSame(name, as: other) { return other }
      try ahead.skipValue()
    }
    return nil
  }
}
