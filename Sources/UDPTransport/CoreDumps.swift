internal import CPOSIX

/// What the system may do with the memory of a process that holds a secret.
package enum CoreDumps {
  /// Keeps the process's memory out of core files and away from the other processes of its user, from now on.
  package static func forbid() { nbiot_forbid_core() }
}
