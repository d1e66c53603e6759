// SPDX-License-Identifier: Apache-2.0
/// A duplicate name in an object; readers differ in which of the two values they use.
public struct RepeatedKey: Equatable, Sendable {
  /// The first occurrence of the name.
  public let first: PayloadText

  /// The next occurrence of the name.
  public let second: PayloadText
}

extension PayloadReader where Self: ~Escapable {
  /// The first name that is repeated within its object; `nil` if all names are unique.
  ///
  /// RFC 8259 Section 4: "The names within an object SHOULD be unique"; RFC 8949 Section 5.6 calls
  /// a map with duplicate keys not valid. Names are compared after resolving escapes: `"a"` equals
  /// `"\u0061"`. It reads from the reader's position to the end, without moving the reader, and
  /// throws where the reader would.
  ///
  /// Each name is compared with all later ones in its object: for n bytes on the order of n * n
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

  /// The next occurrence of `name`, which was just read, in its object.
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
