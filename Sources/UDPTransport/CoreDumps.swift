// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX

/// Protects a process that holds a secret against dumps of its memory.
package enum CoreDumps {
  /// From now on keeps the process's memory out of core files and away from other processes of its
  /// user.
  package static func forbid() { nbiot_forbid_core() }

  /// Takes crash signals and SIGQUIT away from the Swift runtime, whose backtrace shows registers
  /// and memory.
  ///
  /// Call it at the start of a program. The signals then have the system's default action, which
  /// ends the program; under the runtime it would continue after SIGQUIT.
  package static func forbidBacktraces() { nbiot_end_by_crashes() }
}
