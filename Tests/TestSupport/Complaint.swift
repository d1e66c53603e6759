// SPDX-License-Identifier: Apache-2.0
/// What a program that trapped has said: `contents` is what it wrote to standard error.
///
/// An exit test passes for any failure, also for an error that its body throws: the words of the precondition tell
/// which one it was.
package func complaint(_ contents: [UInt8]?) -> String {
  String(decoding: contents ?? [], as: UTF8.self)
}
