internal import Foundation

/// Whole lines to standard output and standard error, each written at once.
enum Console {
  static func print(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
  }

  static func print(_ line: Span<UInt8>) {
    var data = Data(capacity: line.count + 1)
    for index in line.indices { data.append(line[index]) }
    data.append(0x0A)
    FileHandle.standardOutput.write(data)
  }

  static func complain(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
  }

  /// Whether a person reads standard error.
  static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }
}

/// Lines of standard input, read when they are asked for, so that a fast writer waits in the pipe.
actor LineReader {
  private var buffer: [UInt8] = []
  private var isAtEnd = false

  /// The next line that is not empty, without its end; `nil` after the last.
  func next() async -> [UInt8]? {
    while true {
      if let end = buffer.firstIndex(of: 0x0A) {
        var line = Array(buffer[..<end])
        buffer.removeFirst(end + 1)
        if line.last == 0x0D { line.removeLast() }
        if !line.isEmpty { return line }
      } else if isAtEnd {
        guard !buffer.isEmpty else { return nil }
        defer { buffer = [] }
        return buffer
      } else {
        let more = await Self.read()
        isAtEnd = more.isEmpty
        buffer += more
      }
    }
  }

  private static func read() async -> Data {
    await withCheckedContinuation { continuation in
      // A blocking read, off the threads that concurrency runs on.
      DispatchQueue.global().async {
        continuation.resume(returning: FileHandle.standardInput.availableData)
      }
    }
  }
}
