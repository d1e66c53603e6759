// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import CPOSIX

extension SessionFileError: CustomStringConvertible {
  /// States what is wrong with the file, then what to do.
  public var description: String {
    switch self {
    case .notOpened(let code):
      "it cannot be opened or made (\(Self.text(code))): check path and folder"
    case .notAFile: "it is no file, but a directory, a device, a pipe or a link: give a regular one"
    case .notOwned: "it belongs to another user: give one of your own"
    case .inUse:
      "another process uses it, and each would lose what the other writes: wait for that one, or give each a "
        + "file of its own"
    case .notASession: "it is no session file, and would be overwritten: give another name"
    case .foreign:
      "it holds the session of another device, secret, endpoint or kind of security: give each a file of its "
        + "own, or remove it"
    case .store(.read(let code)): "it cannot be read (\(Self.text(code))): check the disk"
    case .store(.write(let code)), .store(.sync(let code)):
      "it cannot be written (\(Self.text(code))): check space and mount"
    case .store(.directory(let code)), .store(.open(let code)), .store(.rename(let code)):
      "it cannot be opened or replaced (\(Self.text(code))): check path, folder and how many files are open"
    case .store(.inUse): Self.inUse.description
    case .store(.notPrivate): "others can change it: take it over with chown, and chmod 600"
    case .store(let error): error.description
    }
  }

  private static func text(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
#endif
