internal import Dispatch
internal import Foundation
internal import HTTPSTransfer

/// Turns Ctrl-C and a wish to terminate into an interruption, so that files are left in order.
final class InterruptSignal {
  private let sources: [any DispatchSourceSignal]

  init(_ interruption: Interruption) {
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { interruption.request() }
      source.resume()
      return source
    }
  }

  deinit {
    for source in sources { source.cancel() }
  }
}
