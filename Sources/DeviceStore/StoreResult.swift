// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX

/// The result of an operation on the files: success, or the failed step and its cause, as one
/// number.
///
/// Functions within the store return it, and only the public ones throw: a typed error costs each
/// caller twice the code.
package struct StoreResult: Equatable {
  /// The failed step in the highest byte, `errno` in the others; 0 for success.
  private let number: UInt32

  /// The steps that can fail.
  enum Step: UInt32 {
    case directory = 1
    case open
    case read
    case write
    case sync
    case rename
    case inUse
    case notPrivate
    case version
    case oldVersion
    case tooLarge
    case noSession
  }

  /// The operation succeeded.
  package static var good: Self { Self(number: 0) }

  /// Whether the operation succeeded.
  package var isGood: Bool { number == 0 }

  private init(number: UInt32) {
    self.number = number
  }

  /// Creates the result of a failed step; `code` is the system's error number.
  init(_ step: Step, code: Int32 = 0) {
    number = step.rawValue &<< 24 | UInt32(bitPattern: code)
  }

  /// Creates the result of a step that has just failed, with the current `errno`.
  @inline(never)
  static func failed(_ step: Step) -> Self { Self(step, code: nbiot_errno()) }

  /// The error; valid only after a failure.
  package var error: StoreError {
    @inline(never)
    get {
      let code = Int32(bitPattern: number & 0xFF_FFFF)
      return switch Step(rawValue: number &>> 24) {
      case .directory: .directory(code: code)
      case .open: .open(code: code)
      case .read: .read(code: code)
      case .write: .write(code: code)
      case .sync: .sync(code: code)
      case .rename: .rename(code: code)
      case .inUse: .inUse
      case .notPrivate: .notPrivate
      case .version: .version
      case .oldVersion: .oldVersion
      case .tooLarge: .tooLarge
      case .noSession, nil: .noSession
      }
    }
  }

  /// Throws what failed.
  package func check() throws(StoreError) {
    if !isGood { throw error }
  }
}
