// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import Glibc
internal import OpenSSLSupport
internal import Synchronization
internal import SystemClocks

/// The ids of a program's requests of the thing model, where nothing keeps the last one (device guide 6.1: unique
/// for the device, a number in a text).
///
/// They begin with the time in seconds, 25 bits of it, and 7 bits that differ between the programs of one second:
/// two programs have different ids for 388 days, and after that reuse an old one only by chance, once in 2^32
/// times the number of old ones. The price is 10 digits instead of 1, in the request and in its reply. A device
/// that keeps `CoAPLink.nextRequestID`, or whose reports number themselves as those of a durable device, does not
/// need this: see `DeviceSettings.firstRequestID`.
public enum RequestIDs {
  /// How many clients this program has made so far.
  private static let clients = Atomic<UInt32>(0)

  /// The first id of a program's client at a time in milliseconds since 1970.
  ///
  /// `process` is the program's process id, of which the lowest 7 bits are used: programs that start in the same
  /// second have different ones, however close together they start. Linux gives the ids below 300 only once,
  /// right after the start of the system or of a container (RESERVED_PIDS), and perhaps to the same program each
  /// time: there the fraction of the second is used, in steps of 8 ms. `client` counts the clients of one program.
  /// Before 2024 the clock has not been set, and it may show the same time after each start: the id is `random`.
  public static func first(
    at milliseconds: UInt64,
    process: UInt32 = 0,
    client: UInt32 = 0,
    random: UInt32
  ) -> UInt32 {
    guard milliseconds >= 1_704_067_200_000 else { return random }
    let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1_000)
    // 128 a second are 16 in 125 milliseconds.
    let start = process < 300 ? UInt32(truncatingIfNeeded: rest * 16 / 125) : process
    // An odd step comes to all 128 numbers, and leaves a client room for some requests before the next one's.
    let place = (start &+ client &* 53) & 127
    return UInt32(truncatingIfNeeded: seconds &* 128) | place
  }

  /// The first id now.
  static func first() -> UInt32 {
    var random = SystemRandom()
    return first(
      at: WallClock.milliseconds(),
      process: UInt32(bitPattern: getpid()),
      client: clients.wrappingAdd(1, ordering: .relaxed).oldValue,
      random: max(1, random.nextUInt32())
    )
  }
}
