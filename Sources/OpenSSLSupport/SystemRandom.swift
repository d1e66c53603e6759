internal import COpenSSL
public import ConstrainedCore

/// Unpredictable numbers from OpenSSL's generator, which the operating system seeds.
public struct SystemRandom: RandomSource, Sendable {
  /// Creates a handle to the generator, which all share.
  public init() {}

  /// 64 random bits.
  ///
  /// Traps if OpenSSL has no randomness: no key or token could be trusted then.
  public mutating func next() -> UInt64 {
    var value: UInt64 = 0
    // SAFETY: exactly the 8 bytes of `value` are written.
    let made = unsafe withUnsafeMutableBytes(of: &value) {
      unsafe RAND_bytes($0.bindMemory(to: UInt8.self).baseAddress, 8)
    }
    precondition(made == 1, "OpenSSL's random generator must be seeded")
    return value
  }
}
