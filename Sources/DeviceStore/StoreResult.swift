internal import CPOSIX

/// How a step on the files went: well, or what failed and why, as one number.
///
/// Within the device steps say it so, and only what they make together throws: a typed error costs each
/// caller on the way twice the code.
package struct StoreResult: Equatable {
  /// The failed step in the highest byte, `errno` in the others; 0 when all went well.
  private let number: UInt32

  /// What can fail.
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

  /// All went well.
  package static var good: Self { Self(number: 0) }

  /// Whether all went well.
  package var isGood: Bool { number == 0 }

  private init(number: UInt32) {
    self.number = number
  }

  /// A step failed, `code` is the system's number for why.
  init(_ step: Step, code: Int32 = 0) {
    number = step.rawValue &<< 24 | UInt32(bitPattern: code)
  }

  /// A step failed just now, for what `errno` says.
  @inline(never)
  static func failed(_ step: Step) -> Self { Self(step, code: nbiot_errno()) }

  /// What failed; only where something did.
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
