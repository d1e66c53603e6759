// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX

extension StoreError {
  /// Sets `errno`, for a caller in C, to the system's number, or to the one whose meaning is closest
  /// where a file was refused for its contents or its owner.
  package func setErrno() {
    let code: Int32 =
      switch self {
      case .directory(let code), .open(let code), .read(let code), .write(let code),
        .sync(let code), .rename(let code):
        code
      case .inUse: EBUSY
      case .notPrivate: EPERM
      case .version: ENOTSUP
      case .oldVersion: EPROTO
      case .tooLarge: EFBIG
      case .noSession: ENOENT
      }
    nbiot_set_errno(code)
  }
}
