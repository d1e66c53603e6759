internal import ConstrainedCore
internal import OpenSSLSupport
internal import SystemClocks

/// The ids of a program's requests of the thing model, where nothing keeps the last one (device guide 6.1: unique
/// for the device, a number in a text).
///
/// They begin with the time, 128 a second, in 32 bits: two programs that begin more than 8 ms apart have other
/// ids for 388 days, and then come across an old one by chance alone, once in 2^32 times the number of old
/// ones. The price are 10 digits instead of 1, in the request and in its reply. A device that keeps
/// `CoAPLink.nextRequestID`, or whose reports number themselves as those of a durable device, needs none of
/// it: see `DeviceSettings.firstRequestID`.
public enum RequestIDs {
  /// The first id at a time in milliseconds since 1970.
  ///
  /// Before 2024 nobody has set the clock, and it may say the same after each start: `random` then is the id.
  public static func first(at milliseconds: UInt64, random: UInt32) -> UInt32 {
    guard milliseconds >= 1_704_067_200_000 else { return random }
    // 128 a second are 16 in 125 milliseconds.
    let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1_000)
    return UInt32(truncatingIfNeeded: seconds &* 128 &+ rest * 16 / 125)
  }

  /// The first id now.
  static func first() -> UInt32 {
    var random = SystemRandom()
    return first(at: WallClock.milliseconds(), random: max(1, random.nextUInt32()))
  }
}
