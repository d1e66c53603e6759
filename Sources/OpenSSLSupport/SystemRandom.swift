// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
public import ConstrainedCore

/// Unpredictable numbers from the operating system's generator.
public struct SystemRandom: RandomSource, Sendable {
  /// Creates a handle to the generator, which all share.
  public init() {}

  /// 64 random bits.
  ///
  /// Traps if there is no randomness: no key or token could be trusted then.
  public mutating func next() -> UInt64 {
    var value: UInt64 = 0
    // SAFETY: exactly the 8 bytes of `value` are written.
    let made = unsafe nbiot_draw(&value)
    precondition(made == 1, "the system's random generator must work")
    return value
  }
}
