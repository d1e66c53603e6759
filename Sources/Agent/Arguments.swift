internal import CPOSIX
internal import ConstrainedCore

/// The command line.
@safe
package struct Arguments {
  /// What it asks for instead of running.
  enum Request {
    case run, check, send, help, version
  }

  private(set) var request = Request.run
  private(set) var isOnce = false
  /// What `--format` says; `nil` when it is not given.
  private(set) var isCBOR: Bool?
  /// Which one is the configuration's path; 0 for none.
  private var pathIndex = 0
  /// Where the line to be sent begins.
  private var lineIndex = 0
  /// A descriptor to read from what the program has left that ran in this process before; -1 for none.
  private(set) var rest: Int32 = -1
  /// How many there are, `--rest` apart.
  private var count = 1
  /// Which one makes no sense.
  private var culpritIndex = 0
  /// `main`'s own.
  private let values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

  /// Holds `main`'s, to be read.
  package init(_ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) {
    unsafe self.values = values
  }

  /// Reads so many; `false` when they make no sense.
  package mutating func read(_ count: Int32) -> Bool {
    var index = 1
    while index < Int(count) {
      culpritIndex = index
      let value = word(index &+ 1)
      switch word(index).index(
        in: Span("--check|--help|-h|--version|--once|--config|--format|--rest|--send")
      ) {
      case 0: request = .check
      case 1, 2: request = .help
      case 3: request = .version
      case 4: isOnce = true
      case 5:
        index &+= 1
        if pathIndex > 0 || value.isEmpty || value.count > Configuration.maxPath { return false }
        pathIndex = index
      case 6:
        index &+= 1
        guard let format = value.index(in: ConfigurationKey.format.values) else { return false }
        isCBOR = format == 1
      case 7:
        // Always the last: `startOver` has put it there.
        guard let number = value.decimal else { return false }
        rest = Int32(truncatingIfNeeded: number)
        return pathIndex > 0
      case 8:
        if request != .run || isOnce || isCBOR != nil { return false }
        // All the others are the line's. One that asks for a file, standard input or an option is no payload.
        request = .send
        lineIndex = index &+ 1
        culpritIndex = lineIndex
        while culpritIndex < Int(count) {
          let word = word(culpritIndex)
          if word.starts(with: Span("@")) || word.starts(with: Span("--"))
            || word.isEqual(to: Span("-"))
          {
            return false
          }
          culpritIndex &+= 1
        }
        return pathIndex > 0 && lineIndex < Int(count)
      default: return false
      }
      index &+= 1
      self.count = index
    }
    culpritIndex = index
    return pathIndex > 0 || request == .help || request == .version
  }

  /// The argument that made `read` fail; empty where one is missing.
  var culprit: Span<UInt8> {
    @_lifetime(immortal)
    get { word(culpritIndex) }
  }

  /// The configuration's path.
  var path: Span<UInt8> {
    @_lifetime(immortal)
    get { word(pathIndex) }
  }

  /// The configuration's path with a zero byte at its end.
  var pathForC: Span<UInt8> {
    @_lifetime(immortal)
    get { word(pathIndex, withEnd: 1) }
  }

  /// Writes the line to be sent: the arguments with a tab between two of them.
  func writeLine(into writer: inout ByteWriter) throws(CapacityError) {
    var index = lineIndex
    repeat {
      if index > lineIndex { try writer.append(UInt8(ascii: "\t")) }
      try writer.append(word(index))
      index &+= 1
    } while !word(index, withEnd: 1).isEmpty
  }

  /// Whether the program takes the configuration as it is now; what is wrong with it is logged.
  func areStillGood() -> Bool {
    // SAFETY: `main`'s arguments, of which there are as many.
    unsafe nbiot_run_again(values, count, nil, nil, 0) != 0
  }

  /// Runs the program from the start, in place of this process, and leaves what it has read to it.
  func startOver(_ legacy: nbiot_legacy, _ rest: Span<UInt8>) {
    var legacy = legacy
    // SAFETY: `main`'s arguments, of which there are as many; the bytes are copied.
    unsafe rest.withUnsafeBytes {
      _ = unsafe nbiot_run_again(values, count, &legacy, $0.baseAddress, $0.count)
    }
  }

  /// Runs the program from the start, in place of this process; returns if that fails.
  func startOver() {
    // SAFETY: `main`'s arguments, which end with a null pointer.
    if let values = unsafe values, let name = unsafe values[0] { _ = unsafe execvp(name, values) }
  }

  /// The argument of that number, with so many of its zero byte; empty behind the last one.
  @inline(never)
  @_lifetime(immortal)
  private func word(_ index: Int, withEnd end: Int = 0) -> Span<UInt8> {
    // SAFETY: `main`'s arguments end with zero bytes, the last one is followed by a null pointer, and all
    // live as long as the program.
    guard let values = unsafe values, let text = unsafe values[index] else { return Span() }
    var count = 0
    while unsafe text[count] != 0 { count += 1 }
    let bytes = unsafe UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
    return unsafe _overrideLifetime(Span(_unsafeStart: bytes, count: count &+ end), copying: ())
  }
}
