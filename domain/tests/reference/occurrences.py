"""Occurrences of crontab lines by cronsim. Reads "zone TAB from TAB to TAB line" (seconds UTC), writes one line for each:
the occurrences after `from` up to `to` as minutes since `from`, or "refused"."""

import sys
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError


def occurrences(zone, begin, end, line):
    start = datetime.fromtimestamp(begin, timezone.utc).astimezone(ZoneInfo(zone))
    found = []
    for at in CronSim(line, start):
        second = int(at.astimezone(timezone.utc).timestamp())
        if second > end:
            break
        found.append(str((second - begin) // 60))
    return found


for request in sys.stdin:
    zone, begin, end, line = request.rstrip("\n").split("\t")
    try:
        print(" ".join(occurrences(zone, int(begin), int(end), line)))
    except CronSimError:
        print("refused")
