// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import CPOSIX

extension StoreError: CustomStringConvertible {
  /// States what happened, then what to do.
  public var description: String {
    switch self {
    case .directory(let code):
      "the state directory cannot be used (\(Self.text(code))): check its path, or make it"
    case .inUse: "another process uses the state directory: end that one, or give another directory"
    case .notPrivate:
      "the state directory or a file in it belongs to another user, or others can write to it: "
        + "take it over with chown, and others' leave away with chmod go-w"
    case .open(let code):
      "a file of the state directory cannot be opened (\(Self.text(code))): check its permissions"
    case .read(let code): "a file of the state directory cannot be read (\(Self.text(code)))"
    case .write(let code):
      "a file of the state directory cannot be written (\(Self.text(code))): check space and mount"
    case .sync(let code):
      "the storage did not confirm what was written (\(Self.text(code))): it may be failing"
    case .rename(let code):
      "a file of the state directory cannot be replaced (\(Self.text(code)))"
    case .version:
      "the outbox was written by a later version: install that one, or deliver it there first"
    case .oldVersion:
      "the outbox was written by an earlier version: deliver what waits in it with that one, or move "
        + "the file away"
    case .tooLarge:
      "the outbox is longer than any that is written here: move the file away"
    case .noSession: "no session is stored: store one before numbers are reserved for it"
    }
  }

  private static func text(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}

extension OutboxError: CustomStringConvertible {
  /// States what happened, then what to do.
  public var description: String {
    switch self {
    case .full: "the outbox is full: deliver first, or give it more room"
    case .tooLong: "the topic has more than 128 bytes or the payload more than 1024: shorten it"
    case .store(let error): error.description
    }
  }
}
#endif
