// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore
internal import DeviceStore

#if !hasFeature(Embedded)
/// Redirects messages about a configuration to a program other than the agent.
package enum AgentLog {
  /// Receives each line instead of standard error, and must end the program if it begins with
  /// `error`; set it before any other thread runs.
  nonisolated(unsafe) package static var reader: ((String) -> Void)?
}
#endif

/// Ends the process.
///
/// On a device no output is buffered, and the system reclaims what is held.
func leave(_ status: AgentStatus) -> Never {
  #if hasFeature(Embedded)
  _exit(status.rawValue)
  #else
  exit(status.rawValue)
  #endif
}

/// Prints a text to standard output and ends the process.
func finish(printing text: StaticString) -> Never {
  // SAFETY: a StaticString's bytes live as long as the program.
  let count = unsafe write(1, text.utf8Start, text.utf8CodeUnitCount)
  leave(count == text.utf8CodeUnitCount ? .success : .output)
}

/// Prints a line to standard error and ends the process.
@inline(never)
func fail(_ status: AgentStatus, _ line: inout TextLine) -> Never {
  log(&line)
  leave(status)
}

/// Prints a constant line to standard error and ends the process.
@inline(never)
func fail(_ status: AgentStatus, _ text: Span<UInt8>) -> Never {
  log(text)
  leave(status)
}

/// Reports a problem with a file, with the system's error, and ends the process.
@inline(never)
func fail(_ problem: Phrase, _ path: Span<UInt8>, code: Int32 = nbiot_errno()) -> Never {
  say(problem, path, code)
  leave(.usage)
}

/// Reports a problem with a file: an error with a positive code, a warning with a negative one.
@inline(never)
func say(_ problem: Phrase, _ path: Span<UInt8>, _ code: Int32) {
  var line = TextLine()
  if code >= 0 { line.add(.error) }
  line.add(problem)
  line.add(.colonAndSpace)
  line.add(path)
  if code > 0 {
    line.add(.space)
    line.add(errno: code)
  }
  log(&line)
}

extension StoreError {
  /// Whether the failure may pass by itself.
  var mayPass: Bool {
    switch self {
    case .inUse, .notPrivate, .version, .oldVersion, .tooLarge, .directory: false
    default: true
    }
  }

  /// Appends the failed step and the system's reason.
  func describe(in line: inout TextLine) {
    switch self {
    case .inUse: return line.add(.inUse)
    case .notPrivate: return line.add(.notPrivate)
    case .version: return line.add(.laterVersion)
    case .oldVersion: return line.add(.earlierVersion)
    case .tooLarge: return line.add(.tooLarge)
    case .noSession: return line.add(.noSession)
    default: line.add(errno: number)
    }
  }

  /// The system's error number; 0 if the file was refused for another reason.
  var number: Int32 {
    switch self {
    case .directory(let number), .open(let number), .read(let number), .write(let number),
      .sync(let number), .rename(let number):
      number
    default: 0
    }
  }
}
