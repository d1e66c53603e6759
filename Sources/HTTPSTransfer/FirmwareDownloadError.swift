// SPDX-License-Identifier: Apache-2.0
public import Platform

/// Why a firmware was not downloaded.
public enum FirmwareDownloadError: Error, Equatable, Sendable {
  /// The server could not be reached, or the connection failed.
  case transfer(HTTPSError)
  /// The server responded with a status other than 200 or 206.
  case status(Int)
  /// The server is busy, and asks for a retry after `seconds`.
  case busyServer(status: Int, seconds: Int)
  /// The server compresses the file without being asked.
  case encoded
  /// The server's file has a size other than the firmware's; `nil` if it is only known to be
  /// longer.
  case size(expected: UInt64, found: UInt64?)
  /// The server responded with a range that does not continue the part.
  case range
  /// Several attempts in a row brought no more bytes.
  case incomplete(have: UInt64, of: UInt64)
  /// The download did not match the digest; it was deleted.
  case digest
  /// A file could not be used; `code` is `errno`.
  case file(path: String, code: Int32)
  /// The existing file is not a regular file owned by the user.
  case foreign(path: String)
  /// Another process is downloading to the same destination.
  case busy(path: String)
  /// The disk has too little free space.
  case space(needed: UInt64, free: UInt64)
  /// The firmware was downloaded and verified, but could not be installed.
  case installation
  /// OpenSSL failed, with its error code.
  case library(code: UInt)

  /// The step reported in the upgrade's progress (device guide 4).
  public var step: UpgradeFailure {
    switch self {
    case .transfer, .status, .busyServer, .encoded, .size, .range, .incomplete: .download
    case .digest: .verification
    case .installation: .burning
    case .file, .foreign, .busy, .space, .library: .upgrade
    }
  }
}

extension FirmwareDownloadError: CustomStringConvertible {
  /// States what happened, then what to do.
  public var description: String {
    switch self {
    case .transfer(let error): error.description
    case .status(403):
      "the server refuses the file (403): the address is altered, or older than 24 hours; ask the "
        + "platform for a new one; the download then resumes (device guide 4)"
    case .status(404): "the server has no such file (404): check the address"
    case .status(let status):
      "the server answered with status \(status): check the address, or try again later"
    case .busyServer(let status, let seconds):
      "the server is busy (\(status)) and asks for a retry after \(seconds) s: run it again then"
    case .encoded: "the server compresses the file: ask whoever gave the address for another"
    case .size(let expected, .some(let found)):
      "the server's file has \(found) bytes, not \(expected): check size and address"
    case .size(let expected, .none):
      "the server's file has more than \(expected) bytes: check size and address"
    case .range: "the server answers with another part of the file than was asked for: try again"
    case .incomplete(let have, let size):
      "no more data arrives: \(have) of \(size) bytes are there; run it again to resume"
    case .digest:
      "the download does not match the digest and was deleted; check the digest, "
        + "or try again"
    case .file(let path, let code): "\(path) cannot be used: \(systemText(code))"
    case .foreign(let path):
      "\(path) is not a regular file of your own: remove it, or choose another name"
    case .busy(let path): "another process downloads to \(path): wait for it, or end it"
    case .space(let needed, let free):
      "the disk has room for \(free) bytes, and \(needed) are needed: delete something"
    case .installation: "the firmware was downloaded and verified, but could not be installed"
    case .library(let code): "OpenSSL failed (error \(code))"
    }
  }
}
