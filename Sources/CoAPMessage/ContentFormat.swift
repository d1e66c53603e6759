// SPDX-License-Identifier: Apache-2.0
/// The format of a payload (RFC 7252 Section 12.3).
@frozen
public struct ContentFormat: RawRepresentable, Hashable, Sendable {
  /// The registered number.
  public var rawValue: UInt16

  /// The format of that number.
  @inlinable
  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  /// 0 text/plain; charset=utf-8.
  @inlinable public static var textPlain: ContentFormat { ContentFormat(rawValue: 0) }
  /// 42 application/octet-stream.
  @inlinable public static var octetStream: ContentFormat { ContentFormat(rawValue: 42) }
  /// 50 application/json.
  @inlinable public static var json: ContentFormat { ContentFormat(rawValue: 50) }
  /// 60 application/cbor (RFC 8949 Section 9.3).
  @inlinable public static var cbor: ContentFormat { ContentFormat(rawValue: 60) }
}
