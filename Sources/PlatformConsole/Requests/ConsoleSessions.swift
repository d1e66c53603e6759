// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// The browsers that have logged in, each by a random value of its own.
///
/// Memory: `limit` values of 32 characters at most; one more ends the oldest.
final class ConsoleSessions: Sendable {
  private let values = Mutex<[String]>([])
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Begins one; what its cookie says, and the session that has ended for it, if any.
  func begin() -> (value: String, ended: String?) {
    let value = ConsoleServer.makeToken()
    let ended = values.withLock { values in
      values.append(value)
      return values.count > limit ? values.removeFirst() : nil
    }
    return (value, ended)
  }

  /// The session that a cookie names, compared in a time that does not depend on which one it is.
  func find(_ cookie: String) -> String? {
    values.withLock { values in
      var found: String?
      for value in values where ConsoleFront.isEqual(cookie, value) { found = value }
      return found
    }
  }

  /// Ends one.
  func end(_ value: String) {
    values.withLock { values in values.removeAll { $0 == value } }
  }
}
