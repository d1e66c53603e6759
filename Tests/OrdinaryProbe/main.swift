internal import CPOSIX
internal import ProbeDevice

exit(runProbe())
