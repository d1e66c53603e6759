/// Whether the codec has roads of their own, inlined at each call, for the options and messages that most
/// are; without them it does the same slower, in 2 KB less of a device's program.
@inlinable
var quickRoads: Bool {
  #if SMALL
  false
  #else
  true
  #endif
}
