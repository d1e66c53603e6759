// SPDX-License-Identifier: Apache-2.0
public import PayloadValues

/// The platform behind a console, as far as the pages ask it for something.
public protocol ConsolePlatform: Sendable {
  /// What the pages call it.
  var title: String { get }

  /// Why nothing can be sent to devices; `nil` where it can.
  var pushObstacle: String? { get }

  /// Does what a request over the control socket asks for, and answers with one object: `fault-add`, `fault-list`,
  /// `fault-remove`, `push`; and `describe`, which answers with what the platform holds of a device.
  ///
  /// `answer` may be called on any thread, once.
  func perform(_ request: PayloadValue, _ answer: @escaping @Sendable (PayloadValue) -> Void)
}
