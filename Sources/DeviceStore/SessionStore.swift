// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
package import ConstrainedCore

/// The device's session in one file, `session`, which has room for two.
///
/// A new one is written beside the one that holds, which is wiped out when the new one is durable. The
/// highest number that may be used stands in each, and is written over in place.
///
/// So a new session needs no room on a full disk, once the file is there (`keepRoom`). The record has a
/// checksum, and that of the number covers it as well. Any doubt about either means that the session is not
/// used, which costs one authentication: no number may be used twice under one token.
///
/// Order of calls: `join` and `load` once, `replace` for each new session, `reserve` before a number above
/// the ceiling is used.
///
/// Public only because the Embedded build must see how a part of a public value ends.
public struct SessionStore: ~Copyable {
  private var kept = KeptFile()
  /// Whether numbers can be reserved: the session found or stored last is valid.
  package private(set) var isUsable = false
  /// The offset of the session's slot, and whether the other slot, or both, are empty.
  private var place = 0
  private var isOtherEmpty = false
  private var isEmpty = false
  private var generation: UInt64 = 0
  private var ceiling: UInt64 = 0
  private var recordChecksum: UInt32 = 0
  /// The bytes written over the ceiling in the file.
  private var slot = SessionCeiling()
  #if SMALL
  // A device program has a directory, in which the session is one of two files.
  private var isAlone: Bool {
    get { false }
    set { precondition(!newValue, "a SMALL store keeps its session in a directory") }
  }
  #else
  /// Whether it is a single file: it is open from the start, and never replaced.
  private var isAlone = false
  #endif

  /// What was written so far.
  package var writes: StoreWrites { kept.writes }

  /// Creates a store for `join`, to be called before anything else: all zeros, which costs least as
  /// a part of a larger value.
  package init() {}

  /// Keeps the directory open.
  package mutating func join(_ directory: borrowing StateDirectory) { kept.join(directory) }

  /// Keeps the session in a file that stands alone, which stays open and locked.
  package mutating func join(_ file: borrowing SessionFile) {
    kept.join(file)
    isAlone = true
  }

  /// Reads the session that belongs to `fingerprint`; `record` holds nothing when it was not found.
  @inline(never)
  package mutating func load(
    for fingerprint: borrowing FixedBytes<32>,
    into record: inout SessionRecord,
    _ finding: inout SessionFinding
  ) -> StoreResult {
    var image = SessionImage()
    let result = read(&image, &finding)
    if finding == .found { finding = image.copy(to: &record, for: fingerprint) }
    isUsable = finding == .found && result.isGood
    // Another device's session, or an incomplete one.
    if finding != .found { Self.wipe(&record) }
    ceiling = image.ceiling.number
    recordChecksum = image.recordChecksum
    isEmpty = finding == .none
    generation = isUsable || finding == .foreign ? image.generation : 0
    image.wipe()
    return result
  }

  private mutating func read(
    _ image: inout SessionImage,
    _ finding: inout SessionFinding
  ) -> StoreResult {
    finding = .none
    if !isAlone { kept.file.open(.session, in: kept.directory, flags: O_RDWR) }
    if !kept.file.isOpen {
      switch kept.file.code {
      case ENOENT: break
      case ELOOP, EACCES, EPERM, EISDIR, ENXIO: finding = .notPrivate
      default: return StoreResult(.open, code: kept.file.code)
      }
      return .good
    }
    var found = FoundFile()
    var result = kept.file.look(&found)
    if result == StoreResult(.notPrivate) || found.isReadable {
      finding = .notPrivate
      kept.file.close()
      return .good
    }
    if !result.isGood { return result }
    // The process that wrote this may have been killed before the file's name was durable.
    result = kept.syncDirectory()
    var other = SessionFinding.none
    if result.isGood { result = read(&image, at: SessionImage.spacing, &other) }
    let otherGeneration = other == .found ? image.generation : 0
    if result.isGood { result = read(&image, at: 0, &finding) }
    if !result.isGood { return result }
    let areTwo = finding == .found && other == .found
    let isOther =
      other == .found && (finding != .found || otherGeneration > image.generation)
      || finding == .none
    isOtherEmpty = isOther ? finding == .none : other == .none
    place = isOther ? SessionImage.spacing : 0
    if isOther { result = read(&image, at: place, &finding) }
    if finding != .found || !result.isGood { return result }
    // Written again, because the contents may not be durable: after a sync that failed, Linux takes pages
    // for written that are not, and no later sync would tell. A power failure could then restore a former
    // session with the same token and a lower ceiling. Only this one is valid, even if it is damaged later.
    result = kept.write(image.count, of: &image, at: place)
    if result.isGood, areTwo { result = kept.sync() }
    if result.isGood { result = wipeOther(isThere: found.count > SessionImage.spacing) }
    return result
  }

  /// Reads one of the two slots.
  private mutating func read(
    _ image: inout SessionImage,
    at place: Int,
    _ finding: inout SessionFinding
  ) -> StoreResult {
    let missing = kept.read(SessionImage.maxCount, into: &image, at: place)
    if missing < 0 { return .failed(.read) }
    finding = image.finding(read: SessionImage.maxCount &- missing)
    return .good
  }

  /// Invalidates the other slot if the file has it, and makes all that was written durable.
  private mutating func wipeOther(isThere: Bool) -> StoreResult {
    var nothing: UInt64 = 0
    var result = StoreResult.good
    if isThere { result = kept.write(8, of: &nothing, at: SessionImage.spacing &- place) }
    if result.isGood { result = kept.sync() }
    isOtherEmpty = result.isGood
    return result
  }

  /// Creates the file if it does not exist, so that a disk that fills up later has room for a
  /// session.
  ///
  /// If that fails, the first `replace` tries again.
  package mutating func keepRoom() {
    guard !kept.file.isOpen, kept.file.code == ENOENT else { return }
    var image = SessionImage()
    _ = make(&image)
    isEmpty = true
  }

  /// Rewrites the file, with an image in the first slot.
  private mutating func make(_ image: inout SessionImage) -> StoreResult {
    // It is no longer private, and a replacement would have another name.
    if isAlone { return StoreResult(.notPrivate) }
    kept.file.close()
    var result = kept.begin()
    // Write both slots completely, so that they need no further allocation later.
    if result.isGood { result = write(&image, at: 0) }
    if result.isGood {
      var nothing = SessionImage()
      result = write(&nothing, at: SessionImage.spacing)
    }
    result = kept.finish(.session, after: result)
    if result.isGood { result = kept.syncDirectory() }
    if !result.isGood { kept.file.close() }
    place = 0
    isOtherEmpty = true
    return result
  }

  private mutating func write(_ image: inout SessionImage, at place: Int) -> StoreResult {
    kept.write(SessionImage.maxCount, of: &image, at: place, .writeAnew)
  }

  /// Stores a session in the place of the former one; the record stays as it is.
  ///
  /// When it fails, either of the two may be found later, and `reserve` refuses until the next success: no
  /// number above `record.ceiling` may then be used under this token.
  @inline(never)
  package mutating func replace(with record: inout SessionRecord) -> StoreResult {
    var image = SessionImage()
    generation &+= 1
    image.copy(from: &record, generation: generation)
    ceiling = record.ceiling
    recordChecksum = image.recordChecksum
    isUsable = false
    var result: StoreResult
    if kept.file.isOpen {
      let other = SessionImage.spacing &- place
      let isFormerEmpty = isEmpty
      // Until this is durable the former session is valid, then this one, and in the end only this
      // one.
      isOtherEmpty = false
      result = kept.write(image.count, of: &image, at: other)
      if result.isGood { result = kept.sync() }
      if result.isGood {
        place = other
        isOtherEmpty = isFormerEmpty
        isEmpty = false
        if !isOtherEmpty { result = wipeOther(isThere: true) }
      }
    } else {
      result = make(&image)
      isEmpty = false
    }
    isUsable = result.isGood
    image.wipe()
    return result
  }

  /// Lets numbers up to `ceiling` be used, also after a power cut; a lower one than before changes
  /// nothing.
  ///
  /// 12 bytes written over in place, which needs no room on a full disk, and one sync. When it fails
  /// no number above the former ceiling may be used; it may be called again.
  @inline(never)
  package mutating func reserve(upTo ceiling: UInt64) -> StoreResult {
    guard isUsable else { return StoreResult(.noSession) }
    guard ceiling > self.ceiling else { return .good }
    slot.seal(ceiling, after: recordChecksum)
    // A power failure during this write leaves a wrong checksum, never a wrong number. After a
    // failure the next call writes the bytes again, so that its sync reports their state.
    var result = kept.write(12, of: &slot, at: place &+ SessionImage.ceilingOffset)
    if result.isGood { result = kept.sync() }
    if result.isGood { self.ceiling = ceiling }
    return result
  }

  private static func wipe(_ record: inout SessionRecord) {
    // SAFETY: the pointer covers exactly the value and does not outlive the call.
    unsafe withUnsafeMutableBytes(of: &record) { bytes in
      unsafe explicit_bzero(bytes.baseAddress.unsafelyUnwrapped, bytes.count)
    }
  }
}
