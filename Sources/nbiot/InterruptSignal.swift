internal import Dispatch
internal import Foundation
internal import HTTPSTransfer

/// Turns Ctrl-C and a wish to terminate into an interruption, so that files are left in order; as long as
/// the value lives.
final class InterruptSignal {
  private static let numbers = [SIGINT, SIGTERM]

  private let sources: [any DispatchSourceSignal]
  /// What the signals did before.
  private let handlers: [__sighandler_t?]

  init(_ interruption: Interruption) {
    handlers = Self.numbers.map { signal($0, SIG_IGN) }
    sources = Self.numbers.map { number in
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { interruption.request() }
      source.resume()
      return source
    }
  }

  deinit {
    for source in sources { source.cancel() }
    for (number, handler) in zip(Self.numbers, handlers) { signal(number, handler) }
  }
}
