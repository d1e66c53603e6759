// Only for `--traits Embedded`: see Tests/DeviceProbe.

internal import CPOSIX
internal import ProbeDevice

exit(runThingsProbe())
