internal import CPOSIX

/// What the system may do with the memory of a process that holds a secret.
package enum CoreDumps {
  /// Keeps the process's memory out of core files and away from the other processes of its user, from now on.
  package static func forbid() { nbiot_forbid_core() }

  /// Takes the signals of a crash, and SIGQUIT, from the Swift runtime, whose backtrace shows registers and memory.
  ///
  /// At the start of a program: they end it as the system does, SIGQUIT too, which the runtime goes on after.
  package static func forbidBacktraces() { nbiot_end_by_crashes() }
}
