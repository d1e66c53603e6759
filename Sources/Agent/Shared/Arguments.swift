// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// The command line.
@safe
package struct Arguments {
  /// An action requested instead of running.
  enum Request {
    case run, check, send, help, version
  }

  private(set) var request = Request.run
  private(set) var isOnce = false
  /// The value of `--format`; `nil` if it is not given.
  private(set) var isCBOR: Bool?
  /// The index of the configuration's path; 0 for none.
  private var pathIndex = 0
  /// The index of the first word of the line to be sent.
  private var lineIndex = 0
  /// A descriptor for the state left by the previous program in this process; -1 for none.
  private(set) var rest: Int32 = -1
  /// The number of arguments, without `--rest`.
  private var count = 1
  /// The index of the invalid argument.
  private var culpritIndex = 0
  /// The arguments of `main`.
  private let values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

  /// Stores the arguments of `main`, to be read.
  package init(_ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) {
    unsafe self.values = values
  }

  /// Parses `count` arguments; returns `false` if they are invalid.
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
        #if MQTT || HTTPS
        // Payloads go as they are.
        return false
        #else
        index &+= 1
        guard let format = value.index(in: ConfigurationKey.format.values) else { return false }
        isCBOR = format == 1
        #endif
      case 7:
        // Always last: `startOver` has put it there.
        guard let number = value.decimal else { return false }
        rest = Int32(truncatingIfNeeded: number)
        return pathIndex > 0
      case 8:
        if request != .run || isOnce || isCBOR != nil { return false }
        // All others are part of the line. A payload that names a file, standard input or an option
        // is refused.
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

  /// The argument that made `read` fail; empty if one is missing.
  var culprit: Span<UInt8> {
    @_lifetime(immortal)
    get {
      let word = word(culpritIndex)
      #if HTTPS
      // The agents for modules have no room for it.
      if word.isEmpty { return Span("--config FILE") }
      #endif
      return word
    }
  }

  /// The path of the configuration.
  var path: Span<UInt8> {
    @_lifetime(immortal)
    get { word(pathIndex) }
  }

  /// The path of the configuration with a terminating zero byte.
  var pathForC: Span<UInt8> {
    @_lifetime(immortal)
    get { word(pathIndex, withEnd: 1) }
  }

  /// Writes the line to be sent: the arguments, separated by a tab.
  func writeLine(into writer: inout ByteWriter) throws(CapacityError) {
    var index = lineIndex
    repeat {
      if index > lineIndex { try writer.append(UInt8(ascii: "\t")) }
      try writer.append(word(index))
      index &+= 1
    } while !word(index, withEnd: 1).isEmpty
  }

  /// Whether the current configuration passes the check, which logs its errors.
  func areStillGood() -> Bool {
    // SAFETY: `main`'s arguments, with their count.
    unsafe nbiot_run_again(values, count, nil, nil, 0) != 0
  }

  /// Restarts the program in this process, and passes it the input read so far.
  func startOver(_ legacy: nbiot_legacy, _ rest: Span<UInt8>) {
    var legacy = legacy
    // SAFETY: `main`'s arguments, with their count; the bytes are copied.
    unsafe rest.withUnsafeBytes {
      #if HTTPS
      // More than a socket has to take without being read.
      _ = unsafe nbiot_run_on(values, count, &legacy, $0.baseAddress, $0.count)
      #else
      _ = unsafe nbiot_run_again(values, count, &legacy, $0.baseAddress, $0.count)
      #endif
    }
  }

  /// Runs the program from the start, in place of this process; returns if that fails.
  func startOver() {
    // SAFETY: `main`'s arguments, which end with a null pointer.
    if let values = unsafe values, let name = unsafe values[0] { _ = unsafe execvp(name, values) }
  }

  /// The argument at that index, optionally with its terminating zero byte; empty after the last.
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
