public import Platform

/// Why a firmware was not downloaded.
public enum FirmwareDownloadError: Error, Equatable, Sendable {
  /// The server could not be talked to, or not any more.
  case transfer(HTTPSError)
  /// The server answered with another status than 200 or 206.
  case status(Int)
  /// The server is busy, and asks not to be asked again for so many seconds.
  case busyServer(status: Int, seconds: Int)
  /// The server compresses the file although it was not asked to.
  case encoded
  /// The server's file has another size than the firmware; `nil` when it is only known to be longer.
  case size(expected: UInt64, found: UInt64?)
  /// The server answered with another part of the file than was asked for.
  case range
  /// Time and again no more bytes came.
  case incomplete(have: UInt64, of: UInt64)
  /// What came is not what the digest says; it was deleted.
  case digest
  /// A file could not be used; `code` is `errno`.
  case file(path: String, code: Int32)
  /// What is there is no regular file of the user's own.
  case foreign(path: String)
  /// Another process downloads to the same place.
  case busy(path: String)
  /// The disk has too little room left.
  case space(needed: UInt64, free: UInt64)
  /// The firmware came and fits its digest, and could not be installed.
  case installation
  /// OpenSSL failed, with its error code.
  case library(code: UInt)

  /// How the progress of an upgrade tells it (device guide 4).
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
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .transfer(let error): error.description
    case .status(403):
      "the server refuses the file (403): the address is altered, or older than 24 hours; ask the "
        + "platform for a new one, with which the download goes on (device guide 4)"
    case .status(404): "the server has no such file (404): check the address"
    case .status(let status):
      "the server answered with status \(status): check the address, or try again later"
    case .busyServer(let status, let seconds):
      "the server is busy (\(status)) and asks to be left alone for \(seconds) s: run it again then"
    case .encoded: "the server compresses the file: ask whoever gave the address for another"
    case .size(let expected, .some(let found)):
      "the server's file has \(found) bytes, not \(expected): check size and address"
    case .size(let expected, .none):
      "the server's file has more than \(expected) bytes: check size and address"
    case .range: "the server answers with another part of the file than was asked for: try again"
    case .incomplete(let have, let size):
      "no more comes: \(have) of \(size) bytes are there; run it again to go on from there"
    case .digest:
      "what came is not the firmware: its digest differs, so that it was deleted; check the digest, "
        + "or try again"
    case .file(let path, let code): "\(path) cannot be used: \(systemText(code))"
    case .foreign(let path):
      "\(path) is no regular file of your own: remove it, or choose another name"
    case .busy(let path): "another process downloads to \(path): wait for it, or end it"
    case .space(let needed, let free):
      "the disk has room for \(free) bytes, and \(needed) are needed: delete something"
    case .installation: "the firmware is there and right, and could not be installed"
    case .library(let code): "OpenSSL failed (error \(code))"
    }
  }
}
