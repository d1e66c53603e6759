internal import CPOSIX
internal import ConstrainedCore

/// The command line.
@safe
struct Arguments {
  /// What it asks for instead of running.
  enum Request {
    case run, check, help, version
  }

  var request = Request.run
  /// The configuration's path, a zero byte at its end.
  var path = FixedBytes<256>()
  var isOnce = false
  /// What `--format` says; `nil` when it is not given.
  var isCBOR: Bool?
  /// `main`'s own.
  private let values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

  /// Reads it; `nil` when it makes no sense.
  init?(
    _ count: Int32,
    _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
  ) {
    unsafe self.values = values
    var index = 1
    while index < Int(count) {
      // SAFETY: `main`'s arguments end with zero bytes and live as long as the program.
      let word = unsafe Self.word(values, index)
      // SAFETY: the same; empty behind the last one.
      let value = unsafe Self.word(values, index + 1)
      switch word.index(in: Span("--check|--help|-h|--version|--once|--config|--format")) {
      case 0: request = .check
      case 1, 2: request = .help
      case 3: request = .version
      case 4: isOnce = true
      case 5:
        guard path.isEmpty, !value.isEmpty, value.copyAsPath(into: &path) else { return nil }
        index += 1
      case 6:
        guard let format = value.index(in: ConfigurationKey.format.values) else { return nil }
        isCBOR = format == 1
        index += 1
      default: return nil
      }
      index += 1
    }
    if path.isEmpty, request == .run || request == .check { return nil }
  }

  /// Runs the program from the start, in place of this process.
  func startOver() -> Never {
    // SAFETY: `main`'s arguments, which end with a null pointer.
    if let values = unsafe values, let name = unsafe values[0] { _ = unsafe execvp(name, values) }
    exit(ExitStatus.store.rawValue)
  }

  @unsafe
  @_lifetime(immortal)
  private static func word(
    _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ index: Int
  ) -> Span<UInt8> {
    guard let values = unsafe values, let text = unsafe values[index] else { return Span() }
    var count = 0
    while unsafe text[count] != 0 { count += 1 }
    let bytes = unsafe UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
    return unsafe _overrideLifetime(Span(_unsafeStart: bytes, count: count), copying: ())
  }
}
