/// What a payload is written in (RFC 7252 Section 12.3).
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
  public static let textPlain = ContentFormat(rawValue: 0)
  /// 42 application/octet-stream.
  public static let octetStream = ContentFormat(rawValue: 42)
  /// 50 application/json.
  public static let json = ContentFormat(rawValue: 50)
  /// 60 application/cbor (RFC 8949 Section 9.3).
  public static let cbor = ContentFormat(rawValue: 60)
}
